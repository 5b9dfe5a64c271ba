"""The fx graph read from front to back: each node handed to the operation of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from archdsl.importer.calls import placed
from archdsl.importer.findings import Finding, Refused
from archdsl.importer.fuse import fused
from archdsl.importer.modules import Param, rule_of
from archdsl.importer.ofweights import flat, name_of, of_module, of_weights, run, state
from archdsl.importer.ops import ATEN, OF_KIND, OPS
from archdsl.importer.ops.chance import NOISE, RANDOM, Drawn, Masked, noise
from archdsl.importer.ops.products import forced
from archdsl.importer.proxies import got
from archdsl.importer.reach import live, once, reached
from archdsl.importer.steps import Inexpressible, Step, Steps
from archdsl.importer.tables import Computed, Ledger, Table
from archdsl.importer.trace import BATCH, is_tensor
from archdsl.importer.views import View

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "unknown"})()  # what follows from a refused place
INPLACE = frozenset({"iadd", "isub", "imul", "itruediv", "ifloordiv"})
COPIES = frozenset({"clone"})
COUNTED = frozenset(  # how often a number is there changes what they give, or how many weights they have
    {"linear", "conv2d", "conv1d", "cat", "concat", "concatenate", "sum", "layer_norm", "group_norm"}
)
PARTS = frozenset(
    {"chunk", "split", "split_with_sizes", "tensor_split", "getitem", "select", "slice", "narrow", "unbind"}
)


def lift(
    graph: fx.GraphModule,
    shape: tuple[int, ...],
    name: str,
    whole: nn.Module | None = None,
    training: bool = False,
    by_hand: list[str] | None = None,
) -> tuple[list[Step], int]:
    """The steps of a traced module, dead ones left out, and which of them is the result.

    Args:
        whole: the module that was traced; each of its parameters must have an effect on the result.
        training: the graph was taken in train mode, in which the modules still are.
        by_hand: where places are added in which a mask that the source draws itself was read as a word.

    Raises:
        Refused: places that no word expresses, all of them.
    """
    placed(graph)
    ledger = Ledger(trained=frozenset(n for n, _ in graph.named_parameters(remove_duplicate=False)))
    steps = Steps(tuple(shape), BATCH, ledger, training=training, by_hand=[] if by_hand is None else by_hand)
    values = Values()
    result: Any = UNKNOWN
    inputs = 0
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = steps.view(-1) if inputs == 0 else node.args[0] if node.args else UNKNOWN
            inputs += 1
        elif node.op == "output":
            result = fx.node.map_arg(node.args[0], lambda n: values[n])
        elif not is_tensor(got(node)):
            _refuse_written(node, steps)
            values[node] = got(node)  # sizes and other plain values are those of the example
        else:
            values[node] = _value(graph, node, values, steps)
            values.keep_roots(node, steps)
    at = _result(result, steps)
    for moved in reached(steps.made, at) & set(steps.moved):
        why = "attention within moved windows of an image that is not moved back"
        steps.findings.append(Finding(steps.made[moved].path, "roll", why))
    steps.findings += steps.drawn_twice(reached(steps.made, at))
    found = live(*fused(steps, *live(steps.made, at)))
    if not steps.findings:
        once(graph, found[0], whole, steps.findings)
    if steps.findings:
        raise Refused(name, tuple(dict.fromkeys(steps.findings)))
    return found


def _refuse_written(node: fx.Node, steps: Steps) -> None:
    """`x[…] = y` gives nothing, and changes x."""
    if node.op == "call_function" and name_of(node.target) == "setitem":
        steps.findings.append(Finding(_path(node), "setitem", "a part of a value is written to"))


class Values(dict[fx.Node, Any]):
    """What each node gave. ``roots`` says whose memory a node shows: what is written there is seen by all that show it."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: dict[fx.Node, fx.Node] = {}

    def keep_roots(self, node: fx.Node, steps: Steps) -> None:
        """Note whether a node shows its first argument's memory."""
        first = node.args[0] if node.args else None
        if not isinstance(first, fx.Node) or name_of(node.target) in COPIES:
            return
        ours, theirs = self[node], self[first]
        moved = isinstance(ours, View) and isinstance(theirs, View) and ours.step == theirs.step
        if isinstance(ours, View) and isinstance(theirs, View) and not steps.training and ours.step >= 0:
            step = steps.made[ours.step]  # dropout gives its argument itself in eval mode
            moved = moved or ("drop" in step.op.entry.traits and step.inputs[0] == theirs.step)
        if moved or name_of(node.target) in PARTS:
            self.roots[node] = self.roots.get(first, first)

    def write(self, node: fx.Node, value: Any) -> None:
        """An operation in place: whoever shows the memory of its argument sees the result from here on.

        Raises:
            Inexpressible: it is read later by another view.
        """
        first = node.args[0]
        if not isinstance(first, fx.Node):
            return
        old, root = self[first], self.roots.get(first, first)
        for other in [n for n in self if self.roots.get(n, n) is root]:
            if other is first or self[other] == old:
                self[other] = value
            elif any(user > node for user in other.users):
                raise Inexpressible("changes in place a value of which another part or view is read later")


def _value(graph: fx.GraphModule, node: fx.Node, values: Values, steps: Steps) -> Any:
    if node.op == "get_attr":
        return steps.weight(str(node.target), fx.graph_module._get_attr(graph, str(node.target)))
    args = fx.node.map_arg(node.args, lambda n: values[n])
    named = fx.node.map_arg(node.kwargs, lambda n: values[n])
    if any(v is UNKNOWN for v in flat((args, named))):
        return UNKNOWN
    steps.path = _path(node)
    steps.sizes = tuple(got(node).shape) if isinstance(got(node), Tensor) else ()
    module = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
    shown = name_of(node.target) if module is None else type(module).__name__
    inplace = (
        bool(named.get("inplace"))
        or bool(getattr(module, "inplace", False))
        or (shown in INPLACE or (shown.endswith("_") and not shown.endswith("__")))
    )
    try:
        if inplace and args and isinstance(args[0], Param) and args[0].name not in steps.ledger.trained:
            return state(args[0])
        if module is None and of_weights(shown, (args, named)):
            value = run(node, args, named, steps)
        elif module is not None and args and isinstance(args[0], Param | Table | Computed):
            value = of_module(module, str(node.target), args, named, steps)
        else:
            expanded = any(map(_expanded, node.all_input_nodes, map(values.get, node.all_input_nodes)))
            value = _called(graph, node, shown, steps, args, named, expanded)
        _exact(node, value)
        if inplace:
            values.write(node, value)
    except Inexpressible as error:
        steps.findings.append(Finding(steps.path, shown, str(error)))
        return UNKNOWN
    except (TypeError, AttributeError, IndexError, KeyError):
        steps.findings.append(Finding(steps.path, shown, _why(args)))
        return UNKNOWN
    return value


def _exact(node: fx.Node, value: Any) -> None:
    """Refuse numbers that are rounded to another kind on the way."""
    given, kinds = got(node), (View, *(kind for kind, _, _ in OF_KIND))
    if isinstance(given, Tensor) and isinstance(value, kinds) and given.dtype not in (torch.float32, torch.float64):
        raise Inexpressible(
            f"numbers as {str(given.dtype).removeprefix('torch.')}; a spec has them as float32 throughout"
        )


def _expanded(node: fx.Node, value: Any) -> bool:
    """Whether a tensor is a value of which each number is there several times."""
    return isinstance(value, View) and isinstance(got(node), Tensor) and value.sizes() != tuple(got(node).shape)


def _called(
    graph: fx.GraphModule, node: fx.Node, shown: str, steps: Steps, args: Any, named: Any, expanded: bool
) -> Any:
    """What the function of an operation, or of a module, gives."""
    word = shown.rstrip("_")
    if node.op == "call_module":
        word, own = _module(graph, str(node.target), steps)
        named, function = {**own, **named}, OPS[word]
    else:
        function = _operation(shown, node, steps.training)
    if expanded and word in COUNTED:
        raise Inexpressible(
            "takes a value that was expanded; here a value is expanded where it meets another one alone"
        )
    for kind, what, known in OF_KIND:
        if any(isinstance(v, kind) for v in flat((args, named))):
            try:
                if word not in known:
                    raise Inexpressible(f"arithmetic on {what} that no word does")
                return known[word](steps, *args, **named)
            except Inexpressible:
                if (values := forced(steps, (args, named))) is None:
                    raise
                args, named = values
            break
    return function(steps, *args, **named)


def _why(args: Any) -> str:
    """The reason where an operation is called in a way that its function does not know."""
    if any(isinstance(a, Drawn | Masked) for a in flat(args)):
        return RANDOM
    if any(isinstance(a, Param | Table | Computed) for a in args[:1]):
        return "arithmetic on weights"
    if args and args[0] is None:
        return "what a layer gives beside its result: weights of attention, or places of largest values"
    return "called with arguments that archdsl has no word for"


def _module(graph: fx.GraphModule, path: str, steps: Steps) -> tuple[str, dict[str, Any]]:
    module = graph.get_submodule(path)

    def own(name: str) -> Param | None:
        holder: Any = module
        for part in name.split("."):
            holder = getattr(holder, part, None)
        return None if holder is None else steps.weight(f"{path}.{name}", holder)

    rule = rule_of(module)
    if rule is None:
        raise Inexpressible("there is no word for this module")
    return rule(module, own)


def _operation(word: str, node: fx.Node, training: bool) -> Callable[..., Any]:
    bare = word.rstrip("_") if word not in OPS else word
    if isinstance(node.target, torch._ops.OpOverload):
        bare = ATEN.get(bare, bare)
    if bare in NOISE:
        raise Inexpressible(noise(training))
    if bare not in OPS:
        raise Inexpressible("there is no word for this operation")
    return OPS[bare]


def _path(node: fx.Node) -> str:
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    last = list(stack.values())[-1] if stack else ("", None)
    return str(last[0] if isinstance(last, tuple) else "").removeprefix("L['self'].")


def _result(value: Any, steps: Steps) -> int:
    if isinstance(value, tuple | list) and len(value) == 1:
        value = value[0]
    if value is UNKNOWN:
        return -1
    steps.path = ""
    if not isinstance(value, View):
        steps.findings.append(Finding("", "output", "the result is not one tensor"))
        return -1
    try:
        at = steps.plain(value)
    except Inexpressible as error:
        steps.findings.append(Finding("", "output", str(error)))
        return -1
    if len(steps.shape(at)) != 1:
        shape = "x".join(map(str, steps.shape(at)))
        steps.findings.append(Finding("", "output", f"the result is {shape}; a network here ends in a vector"))
    return at
