"""Trace to ``nn.Module``.

The result is a ``torch.fx.GraphModule``: modules are under the paths of the trace, and its ``forward`` is
straight-line Python that fx writes, with nothing between the layers, so that the language costs nothing at run time. Training
takes a net as a whole, and rewrites it; users get one in which each block is a module that is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from archdsl.emit import layers
from archdsl.emit.blocks import Block, Part, blocks
from archdsl.emit.classes import foreign_modules
from archdsl.emit.record import PLAIN
from archdsl.errors import ArchError, NoSuchClass
from archdsl.foreign import prepare
from archdsl.registry import carry, params

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace


def _imported(name: str) -> ModuleType:
    prepare()
    return import_module(name)


class _Namespace:
    """What an op's ``module`` sees as ``nn``: torch.nn, and the modules that torch lacks."""

    def __getattr__(self, name: str) -> Any:
        for room in (layers, *map(_imported, foreign_modules() if not hasattr(nn, name) else ())):
            if hasattr(room, name):
                return getattr(room, name)
        if hasattr(nn, name):
            return getattr(nn, name)
        raise NoSuchClass(
            f"no module class is called `{name}`: torch.nn has none, nor have we or a package",
            help="write it into a file of archdsl/emit/layers, or of the module that your package names under archdsl.layers",
        )


NAMESPACE: Any = _Namespace()


def build(trace: Trace, whole: bool = True) -> fx.GraphModule:
    """The network of a trace, in training mode, with torch's default initialisation.

    It takes a batch of inputs (N, *trace.input) and gives (N, *trace.out). Its state-dict keys are the trace's paths.

    Args:
        whole: one straight ``forward`` over all layers, which can be rewritten as a whole. Else each block (a residual block, a
            stage) has a ``forward`` of its own, so that it can be hooked or replaced; weights, order and outputs are the same.
    """
    return _build(trace, "", whole)


def _build(trace: Trace, prefix: str, whole: bool) -> fx.GraphModule:
    parts = range(len(trace.rows)) if whole else blocks(trace, prefix)
    return _Builder(trace, whole, prefix).network(parts, -1, trace.output, prefix)


class _Builder:
    """Makes the modules of a trace."""

    def __init__(self, trace: Trace, whole: bool, prefix: str) -> None:
        self.trace, self.whole, self.prefix, self.uses = trace, whole, prefix, _uses(trace)
        self.made = set[str]()  # paths of the modules that are there

    def network(
        self, parts: Iterable[Part], source: int, result: int, prefix: str, name: str = "Network"
    ) -> fx.GraphModule:
        """The network of these parts, which turns the value ``source`` into ``result``."""
        root, graph = nn.Module(), fx.Graph()
        tracer = fx.proxy.GraphAppendingTracer(graph)  # one for all, or values of two could not meet
        values = {source: graph.placeholder("x")}
        own = set[
            int
        ]()  # values of layers of this network itself: what a block gives, or gets, may be hooked, and stays as it is
        for part in parts:
            if isinstance(part, Block):
                path = f"{self.prefix}{part.path}".removeprefix(prefix)
                attach(root, path, self.network(part.parts, part.source, part.result, f"{prefix}{path}.", "Block"))
                values[part.result] = graph.call_module(path, (values[part.source],))
                continue
            row = self.trace.rows[part]
            arguments = tuple(values[i] for i in row.inputs)
            if row.layer.module is not None:
                home = row.module or row.path
                path = home.removeprefix(prefix)
                if home not in self.made:
                    self.made.add(home)
                    module = module_of(row, self.whole)
                    if (
                        hasattr(module, "inplace")
                        and row.inputs[0] in own
                        and _may_overwrite(self.trace, row, self.uses)
                    ):
                        module.inplace = True  # type: ignore[assignment]
                    attach(root, path, module)
                values[part] = graph.call_module(path, arguments)
            else:
                values[part] = called(row, [fx.Proxy(a, tracer) for a in arguments])
            own.add(part)
        graph.output(values[result])
        return fx.GraphModule(root, graph, name)


def module_of(row: Row, whole: bool = True) -> nn.Module:
    """A new module of a row that has one, with torch's default initialisation, its networks in arguments built.

    It takes (N, *shape that arrives) and gives (N, *row.layer.out); parameters and buffers are those of ``row.layer``.
    ``whole`` is as for ``build``.
    """
    assert row.layer.module is not None
    pairs = zip(params(row.op.entry), row.op.args, strict=True)
    names = [p.name for p, a in pairs if p.base == "node" and a is not None]
    bodies = [_build(b, f"{row.path}.{n}.", whole) for b, n in zip(row.bodies, names, strict=True)]
    module: nn.Module = carry(row.op.entry, row.layer.module, NAMESPACE, *bodies)
    return module


def called(row: Row, values: list[fx.Proxy]) -> fx.Node:
    """What the function of a row without a module makes of values.

    Raises:
        ArchError: it asks something that is not known before the network runs.
    """
    made: fx.Proxy = carry(row.op.entry, _made, row, values)
    return made.node


def _made(row: Row, values: list[fx.Proxy]) -> fx.Proxy:
    assert row.layer.call is not None
    try:
        made = row.layer.call(torch, *values)
    except (TypeError, ValueError, AttributeError, fx.proxy.TraceError) as error:
        raise ArchError(f"`{row.op.name}` cannot be built: {error}", help=PLAIN) from error
    if not isinstance(made, fx.Proxy):
        raise ArchError(f"`{row.op.name}` cannot be built: its function gives a {type(made).__name__}", help=PLAIN)
    return made


def attach(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module where its path says."""
    *folders, name = path.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, nn.Module())
        inner = root._modules[folder]
        assert inner is not None
        root = inner
    root.add_module(name, module)


def _uses(trace: Trace) -> dict[int, int]:
    uses = {trace.output: 1}
    for row in trace.rows:
        for source in row.inputs:
            uses[source] = uses.get(source, 0) + 1
    return uses


def _may_overwrite(trace: Trace, row: Row, uses: dict[int, int]) -> bool:
    source = row.inputs[0]
    if source < 0 or uses[source] != 1:
        return False
    before = trace.rows[source]
    made = before.layer.module is not None or len(before.inputs) > 1  # a join of one branch gives that branch itself
    return made and "overwritable" in before.op.entry.traits
