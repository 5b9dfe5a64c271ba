"""A module to an fx graph in which every node's result is known: by symbolic tracing, else by ``torch.export``."""

from __future__ import annotations

import io
import logging
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.importer.findings import Finding, Refused
from archdsl.importer.gate import slow_attention
from archdsl.importer.modules import OPENED, rule_of
from archdsl.importer.proxies import GOT, Sized, Value

BATCH = 2  # of the example; no word depends on it
PLAIN = bool | int | float | str
BY_VALUES = "code that depends on the values of a tensor can take another path for each input, which no text expresses"
CHANGED = "a buffer that the forward pass changes; no word but batch normalisation keeps a state"


class _Tracer(fx.Tracer):
    """``drew``: the innermost modules whose code drew random numbers itself while it was traced. ``sizes``: of the input, where
    values know their sizes. ``running``: an operation is run on the example, whose modules are as they are outside of a trace."""

    def __init__(self, sizes: tuple[int, ...] | None = None) -> None:
        super().__init__(autowrap_functions=tuple(_functions()))
        self.drew: list[str] = []
        self.sizes = sizes
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self.running = False

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> tuple[Any, list[Any]]:
        """Arguments behind the first that have a plain default have that, so that code may decide by them."""
        function, args = super().create_args_for_root(root_fn, is_module, concrete_args)
        for at, given in enumerate(args[2:], 2):
            node = given.node if isinstance(given, fx.Proxy) else None
            if node is not None and node.args and isinstance(node.args[0], PLAIN | None):
                args[at] = node.args[0]
                self.graph.erase_node(node)
        return function, args

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if type(m).__module__.startswith("torch.nn.") and type(m).__name__ in OPENED:
            return False
        return rule_of(m) is not None or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        if self.sizes is None:
            return Value(node, self)
        self.running = True
        try:
            with self.mode:
                node.meta[GOT] = self._given(node)
        finally:
            self.running = False
        return Sized(node, self)

    def complete(self, graph: fx.GraphModule) -> None:
        """Say also of the weights and buffers in a graph what they are, which are read without a value under tracing."""
        for node in graph.graph.nodes:
            if GOT not in node.meta and node.op == "get_attr":
                node.meta[GOT] = self._given(node)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.running else super().getattr(attr, attr_val, parameter_proxy_cache)

    def _given(self, node: fx.Node) -> Any:
        """What a node gives for the example."""
        assert self.sizes is not None
        if node.op == "placeholder":
            return torch.empty(self.sizes) if node.prev.op != "placeholder" else (node.args or (None,))[0]
        if node.op == "get_attr":
            return fx.graph_module._get_attr(self.root, str(node.target))  # type: ignore[arg-type]
        args, kwargs = fx.node.map_arg(
            (node.args, node.kwargs), lambda n: n.meta[GOT] if GOT in n.meta else self._given(n)
        )
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        function: Any = self.root.get_submodule(str(node.target)) if node.op == "call_module" else node.target
        return function(*args, **kwargs)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self.running:
            return forward(*args, **kwargs)
        before = _chance()
        result = super().call_module(m, forward, args, kwargs)
        if not self.drew and _chance() != before:
            self.drew.append(self.path_of_module(m))
        return result


# Functions of libraries that are taken whole, by the module that has them.
WHOLE = (
    ("timm.layers.fast_norm", "rms_norm2d"),
    ("timm.layers.pos_embed_sincos", "apply_rot_embed_cat"),
    ("timm.models.vision_transformer_sam", "get_decomposed_rel_pos_bias"),
    ("timm.models.mvitv2", "cal_rel_pos_type"),
)


def _functions() -> Iterator[Any]:
    for module, name in WHOLE:
        if (found := getattr(sys.modules.get(module), name, None)) is not None:
            yield found


def _chance() -> tuple[Any, ...]:
    """The states of the generators that code may draw from."""
    state: tuple[Any, ...] = (torch.get_rng_state().numpy().tobytes(), random.getstate())
    if (numpy := sys.modules.get("numpy")) is not None:
        kind, keys, *rest = numpy.random.get_state()
        state += (kind, keys.tobytes(), *rest)
    return state


def traced(module: nn.Module, shape: tuple[int, ...], name: str, training: bool = False) -> fx.GraphModule:
    """The graph of a module in eval mode, or in train mode; each node's meta holds under ``GOT`` what it gives for a batch
    of two.

    Raises:
        Refused: the module's code draws random numbers to decide what to compute, or changes its own buffers.
        ArchError: no graph can be taken of it, or it does not take such an input.
    """
    mode = "train" if training else "eval"
    try:
        module.train(training)
    except Exception as error:  # whatever a stranger's code may raise
        raise ArchError(f"{name} cannot be put into {mode} mode: {_line(error)}", help="its `train()` fails") from error
    before = _chance()
    with _quiet(), slow_attention():
        graph, drew, changed = _graph(module, shape, f"{name} in train mode" if training else name)
        if changed and _settled(module, shape):
            graph, drew, changed = _graph(module, shape, name)
    found = [Finding(n.rpartition(".")[0], n.rpartition(".")[2], CHANGED) for n in changed]
    if _chance() != before:
        why = (
            f"random numbers are drawn in {mode} mode to decide what is computed, or by sizes alone; a graph is the same each "
            "time (a mask of dropout is read from `torch.rand_like(x)` or `x.new_empty(sizes).bernoulli_(p)`)"
        )
        found.append(Finding(drew, "forward", why))
    if found:
        raise Refused(name, tuple(found))
    return graph


def _graph(module: nn.Module, shape: tuple[int, ...], name: str) -> tuple[fx.GraphModule, str, list[str]]:
    """The graph, the module that drew random numbers, and the buffers that were changed in the meantime."""
    before, chance, reason = _buffers(module), _chance(), ""
    for sizes in (None, (BATCH, *shape)):
        tracer = _Tracer(sizes)
        try:
            graph = fx.GraphModule(module, tracer.trace(module))
        except Exception as error:  # whatever a stranger's code may raise
            check_memory(error)
            _restored(module, before)
            reason = reason or _line(error)
            continue
        if sizes is None or _chance() == chance:
            break
    else:
        return _exported(module, shape, name, reason), "", []
    changed = _restored(module, before)
    try:
        if sizes is None:
            _fill(graph, shape)
        else:
            tracer.complete(graph)
    except Exception as error:
        check_memory(error)
        if isinstance(error, DataDependentOutputException | DynamicOutputShapeException):
            raise ArchError(f"no graph can be taken of {name}: {_line(error)}", help=BY_VALUES) from error
        size = "x".join(map(str, shape))
        raise ArchError(
            f"{name} does not take an input {size}: {_line(error)}", help="--input says what arrives, as one tensor"
        ) from error
    return graph, next(iter(tracer.drew), ""), changed


def _settled(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a run fills buffers with constants that do not depend on the input, such as places of tokens; they stay filled.
    Of a module that keeps a state, or does not run, nothing changes.
    """
    if module.training:
        return False
    before = _buffers(module)
    held = {n: b.detach().clone() for n, (b, _) in before.items()}

    def put_back() -> None:
        _restored(module, before)
        for n, b in module.named_buffers():
            b.copy_(held[n])

    seen: list[dict[str, Tensor]] = []
    for seed in (1, 2):
        put_back()
        try:
            module(torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(seed)))
        except Exception:  # whatever a stranger's code may raise; what is wrong is said where its graph is taken
            put_back()
            return False
        seen.append({n: b.detach().clone() for n, b in module.named_buffers()})
    moved = [n for n in held if not n.endswith("num_batches_tracked") and not _alike(held[n], seen[0].get(n))]
    if moved and all(_alike(seen[0][n], seen[1].get(n)) for n in seen[0]):
        return True
    put_back()
    return False


def _alike(a: Tensor, b: Tensor | None) -> bool:
    return b is not None and a.shape == b.shape and torch.equal(a, b)


Buffers = dict[str, tuple[Tensor, int]]


def _buffers(module: nn.Module) -> Buffers:
    """Each buffer, and how often it was written to."""
    return {n: (b, 0 if b.is_inference() else b._version) for n, b in module.named_buffers()}


def _restored(module: nn.Module, before: Buffers) -> list[str]:
    """The buffers that were written to, or that are others than before; those are put back."""
    changed = []
    for path, part in module.named_modules():
        for own, now in list(part._buffers.items()):
            name = f"{path}.{own}" if path else own
            old = before.get(name)
            if old is None or now is None:
                continue
            if now is not old[0]:
                part._buffers[own] = old[0]
                changed.append(name)
            elif own != "num_batches_tracked" and not now.is_inference() and now._version != old[1]:
                changed.append(name)
    return changed


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
        help = f"{BY_VALUES}; torch.export says: {_line(error)}"
        raise ArchError(f"no graph can be taken of {name}: {before}", help=help) from error
    return graph  # type: ignore[no-any-return]


def _fill(graph: fx.GraphModule, shape: tuple[int, ...]) -> None:
    class Look(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            n.meta[GOT] = super().run_node(n)
            return n.meta[GOT]

    with FakeTensorMode(allow_non_fake_inputs=True):
        Look(graph).run(torch.empty(BATCH, *shape))


def is_tensor(value: Any) -> bool:
    """Whether a result is a tensor, or has one in it."""
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return any(map(is_tensor, value))
    return isinstance(value, Tensor)


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {shorten(text[0], 160, placeholder=' …')}" if text else type(error).__name__
