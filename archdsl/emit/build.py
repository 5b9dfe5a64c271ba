"""Trace to ``nn.Module``.

The result is a ``torch.fx.GraphModule``: modules are under the paths of the trace, and its ``forward`` is
straight-line Python that fx writes, with nothing between the layers, so that the language costs nothing at run time.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from archdsl.emit import layers
from archdsl.emit.classes import foreign_modules
from archdsl.foreign import prepare
from archdsl.registry import params

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
        return getattr(nn, name)


NAMESPACE: Any = _Namespace()


def build(trace: Trace) -> fx.GraphModule:
    """The network of a trace, in training mode, with torch's default initialisation.

    It takes a batch of inputs (N, *trace.input) and gives (N, *trace.out). Its state-dict keys are the trace's paths.
    """
    return _build(trace, "")


def _build(trace: Trace, prefix: str) -> fx.GraphModule:
    root, graph = nn.Module(), fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)  # one for all, or values of two could not meet
    values = {-1: graph.placeholder("x")}
    uses = _uses(trace)
    for index, row in enumerate(trace.rows):
        arguments = tuple(values[i] for i in row.inputs)
        if row.layer.module is not None:
            module = module_of(row)
            if hasattr(module, "inplace") and _may_overwrite(trace, row, uses):
                module.inplace = True  # type: ignore[assignment]
            path = row.path.removeprefix(prefix)
            attach(root, path, module)
            values[index] = graph.call_module(path, arguments)
        else:
            assert row.layer.call is not None
            proxies = [fx.Proxy(a, tracer) for a in arguments]
            values[index] = row.layer.call(torch, *proxies).node
    graph.output(values[trace.output])
    return fx.GraphModule(root, graph, "Network")


def module_of(row: Row) -> nn.Module:
    """A new module of a row that has one, with torch's default initialisation, its networks in arguments built.

    It takes (N, *shape that arrives) and gives (N, *row.layer.out); parameters and buffers are those of ``row.layer``.
    """
    assert row.layer.module is not None
    pairs = zip(params(row.op.entry), row.op.args, strict=True)
    names = [p.name for p, a in pairs if p.base == "node" and a is not None]
    bodies = [_build(b, f"{row.path}.{n}.") for b, n in zip(row.bodies, names, strict=True)]
    module: nn.Module = row.layer.module(NAMESPACE, *bodies)
    return module


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
    return source >= 0 and uses[source] == 1 and "overwritable" in trace.rows[source].op.entry.traits
