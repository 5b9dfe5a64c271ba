"""A module to an fx graph in which every node's result is known: by symbolic tracing, else by ``torch.export``."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses import FakeTensorMode

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.lift.modules import rule_of

BATCH = 2  # of the example; no word depends on it
GOT = "got"  # where a node's meta holds what it gave


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return rule_of(m) is not None or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module, shape: tuple[int, ...], name: str) -> fx.GraphModule:
    """The graph of a module in eval mode; each node's meta holds under ``GOT`` what it gives for a batch of two.

    Raises:
        ArchError: no graph can be taken of it, or it does not take such an input.
    """
    module.eval()
    with _quiet():
        try:
            graph = fx.GraphModule(module, _Tracer().trace(module))
        except Exception as error:  # whatever a stranger's code may raise
            check_memory(error)
            return _exported(module, shape, name, _line(error))
        try:
            _fill(graph, shape)
        except Exception as error:
            check_memory(error)
            size = "x".join(map(str, shape))
            raise ArchError(
                f"{name} does not take an input {size}: {_line(error)}", help="--input says what arrives"
            ) from error
        return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch reports to its log what we tell in a sentence."""
    log = logging.getLogger("torch")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _exported(module: nn.Module, shape: tuple[int, ...], name: str, before: str) -> fx.GraphModule:
    try:
        program = torch.export.export(module, (torch.zeros(BATCH, *shape),))
        graph: Any = program.module()
        for node in list(graph.graph.nodes):
            if node.op == "call_module":  # guards of the example's shape
                graph.graph.erase_node(node)
        graph.recompile()
        _fill(graph, shape)
    except Exception as error:
        check_memory(error)
        raise ArchError(
            f"no graph can be taken of {name}: {before}",
            help="code that asks the values of a tensor decides anew for each input, and no text can say that; "
            f"torch.export says: {_line(error)}",
        ) from error
    return graph  # type: ignore[no-any-return]


def _fill(graph: fx.GraphModule, shape: tuple[int, ...]) -> None:
    class Look(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            n.meta[GOT] = super().run_node(n)
            return n.meta[GOT]

    with FakeTensorMode(allow_non_fake_inputs=True):
        Look(graph).run(torch.empty(BATCH, *shape))


def got(node: fx.Node) -> Any:
    """What a node gave for the example."""
    return node.meta.get(GOT)


def is_tensor(value: Any) -> bool:
    """Whether a result is a tensor, or has one in it."""
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return any(map(is_tensor, value))
    return isinstance(value, Tensor)


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__
