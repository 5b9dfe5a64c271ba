"""The graph walked with a shape: every value's shape, every layer's place and name. The only place where shapes are
computed, and where ``cin`` and shortcuts are settled.

A ``Trace`` is rows in order of execution; a row names its inputs by row number, -1 is the network's input. The same
rows are what is counted, drawn, hashed, built and written as source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from archdsl.errors import ArchError, Diagnostic, SpecError, fail
from archdsl.ir.fans import meet
from archdsl.ir.layer import Layer, Misfit, check_ids, check_layer, check_size, with_time, words
from archdsl.ir.names import Names
from archdsl.ir.nodes import Again, Fan, Mark, Node, Op, Ref, Seq, arg, with_items
from archdsl.ir.ranges import in_range
from archdsl.ir.reuse import again
from archdsl.ir.symbol import CLASSES, OWN, ArithmeticMisfit, Symbol, evaluate
from archdsl.limits import Limits
from archdsl.registry import carry, nets, params
from archdsl.registry.shapes import dims
from archdsl.registry.types import Shape


class Row(NamedTuple):
    """One layer: its module's path, the op with its final arguments, what the op says of itself, where its inputs come from,
    the traces of networks among its arguments, and, where it uses the weights of an earlier layer, that layer's path."""

    path: str
    op: Op
    layer: Layer
    inputs: tuple[int, ...]
    bodies: tuple[Trace, ...] = ()
    module: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Rows in order, the shape that arrives, the row that is the result, and the graph with all arguments final."""

    rows: tuple[Row, ...]
    input: Shape
    output: int
    graph: Node

    def shape(self, index: int) -> Shape:
        """The shape of a value by its row number."""
        return self.input if index < 0 else self.rows[index].layer.out

    @property
    def out(self) -> Shape:
        return self.shape(self.output)

    def flat(self) -> list[Row]:
        """All rows with those of bodies behind their owner."""
        found: list[Row] = []
        for row in self.rows:
            found.append(row)
            for body in row.bodies:
                found += body.flat()
        return found


Head = Callable[[Shape], tuple[Node, ...]]


class Body:
    """A traced network as an op's ``make`` sees it: what comes out, and what one pass costs."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.out = trace, trace.out
        self.macs = sum(r.layer.macs for r in trace.rows)


def trace_node(
    root: Node,
    input: Shape,
    classes: int | None = None,
    head: Head | None = None,
    memo: dict[Any, Layer] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Trace:
    """Trace a graph's root from an input shape (c, h, w), (n, d), (d,) or ``Ids``.

    Args:
        head: asked with the shape that comes out, it gives what is put behind the graph.
        memo: what ops said of shapes, shared between traces of like graphs.
        sizes: what ``classes`` is in each of several heads, by its label.

    Raises:
        SpecError: A3xx with the place, the shapes that led there and the trail; A4xx for a limit.
    """
    walker = Walker({CLASSES: classes} if classes else {}, memo)
    walker.sizes = sizes or {}
    return walker.run(root, input, "", head)


def trace_part(node: Node, input: Shape, classes: int | None, memo: dict[Any, Layer]) -> tuple[Trace, bool]:
    """The trace of a part of a network by itself, and whether it is that of the part in its place: not so where it asks
    which normalisation its input comes from.

    Raises:
        SpecError: as ``trace_node``.
    """
    walker = Walker({CLASSES: classes} if classes else {}, memo)
    return walker.run(node, input, ""), not walker.beyond


class Walker:
    """State of one walk. ``cins`` are the channels that arrived at each open scope."""

    def __init__(self, cins: dict[int, int], memo: dict[Any, Layer] | None = None) -> None:
        self.cins = cins
        self.rows: list[Row] = []
        self.shapes: list[Shape] = []
        self.marks: dict[str, int] = {}
        self.memo: dict[Any, Layer] = {} if memo is None else memo
        self.labelled: dict[str, tuple[Node, int, int]] = {}  # a label's path → its part, the rows [first, end) of it
        self.names = Names("")
        self.input: Shape = ()
        self.sizes: Mapping[str, int] = {}  # what ``classes`` is in each of several heads, by its label
        self.beyond = False  # whether it was asked what is before the input
        self.here = -1  # the value that flows

    def run(self, root: Node, input: Shape, prefix: str, head: Head | None = None) -> Trace:
        self.input, self.names, self.here = input, Names(prefix), -1
        graph = self.node(root)
        if head is not None and (more := head(self.shape())):
            before = graph.items if isinstance(graph, Seq) and not (graph.name or graph.label) else (graph,)
            graph = Seq((*before, *[self.node(n) for n in more]))
        return Trace(tuple(self.rows), input, self.here, graph)

    def shape(self) -> Shape:
        return self.shapes[self.here] if self.here >= 0 else self.input

    def node(self, node: Node) -> Node:
        start = len(self.rows)
        if isinstance(node, Op):  # asked one by one: patterns take twice as long, and there may be 10,000 layers
            new: Node = self.op(node)
        elif isinstance(node, Seq):
            new = self.seq(node)
        elif isinstance(node, Fan):
            new = meet(self, node)
        else:
            return self.named(node)
        if node.label:
            self.labelled[self.names.prefix + node.label] = (new, start, len(self.rows))
        return new

    def named(self, node: Again | Mark | Ref) -> Node:
        """A part or a value that has a name from before, or gets one."""
        match node:
            case Again():
                return again(self, node)
            case Mark(name=name):
                self.marks[name] = self.here
                return node
            case Ref(name=name):
                if name not in self.marks:
                    raise fail("A214", "a value from outside cannot be used inside a network that is an argument here",
                               node.span, "it may run several times, on values of its own: name one inside it")  # fmt: skip
                self.here = self.marks[name]
                return node

    def seq(self, node: Seq) -> Node:
        outer, before = self.names, None
        if node.name or node.label:
            self.names = outer.inner(node.label, node.name, node.span, node.role in ("block", "stage"))
        if node.scope is not None:
            before = self.cins.get(node.scope)
            self.cins[node.scope] = channels(self.shape())
        try:
            items = [self.node(item) for item in node.items]
        except SpecError as error:
            raise (error.within(node.call, node.span) if node.call else error) from None
        finally:
            self.names = outer
            if node.scope is not None:
                if before is None:
                    del self.cins[node.scope]
                else:
                    self.cins[node.scope] = before
        for new, old in zip(items, node.items, strict=True):
            if new is not old:
                return with_items(node, tuple(items))
        return node

    def last_norm(self, index: int) -> Op | None:
        """The normalisation in which a value's way ends, looked for through dropout, gates, scales and pooling."""
        while index >= 0:
            row = self.rows[index]
            if "centred" in row.op.entry.traits:
                return row.op
            if not row.op.entry.traits & {"drop", "pool", "product", "scale"}:
                return None
            index = row.inputs[0]
        self.beyond = True
        return None

    def op(self, node: Op) -> Node:
        if node.entry.kind == "late":
            raise fail("A202", f"`{node.name}` is allowed only in a branch that is joined with another", node.span,
                       f"write `add(… | {node.name})`")  # fmt: skip
        node = self.arguments(node)
        shape = self.shape()
        bodies: tuple[Trace, ...] = ()
        if nets(node.entry):
            layer, bodies, path = self.with_bodies(node, shape)
        else:
            key = (node.entry, node.args, shape)
            found = self.memo.get(key)
            layer = found if found is not None else self.memo.setdefault(key, self.ask(node, shape))
            if layer.module is None and layer.call is None:
                return node  # nothing happens here: `id`
            path = self.names.take(node.label, node.name, node.span)
        self.append(path, node, layer, (self.here,), bodies)
        return node

    def with_bodies(self, node: Op, shape: Shape) -> tuple[Layer, tuple[Trace, ...], str]:
        path = self.names.take(node.label, node.name, node.span)
        arriving = with_time(shape) if "timed" in node.entry.traits and arg(node, "time") else shape
        bodies, given = [], []
        for parameter, value in zip(params(node.entry), node.args, strict=True):
            if isinstance(value, Seq | Op | Fan | Mark | Ref | Again):
                body = self.inner().run(value, arriving, f"{path}.{parameter.name}.")
                bodies.append(body)
                value = Body(body)
            given.append(value)
        return self.ask(node, shape, tuple(given)), tuple(bodies), path

    def inner(self) -> Walker:
        """The walker of a network that is an argument here."""
        return Walker(dict(self.cins), self.memo)

    def ask(self, node: Op, shape: Any, given: tuple[Any, ...] | None = None) -> Layer:
        try:
            check_ids(node.entry, shape)
            layer: Layer = carry(node.entry, node.entry.make, shape, *(node.args if given is None else given))
        except Misfit as error:
            raise self.misfit(error, node) from None
        check_layer(node.entry, layer)
        if layer.module is None and layer.call is None and (layer.out != shape or layer.weights):
            raise ArchError(
                f"nothing says how `{node.name}` of {node.entry.make.__module__} is carried out",
                help="give its Layer a `module` or a `call`",
            )
        check_size(layer, node.name, node.span)
        return layer

    def arguments(self, node: Op) -> Op:
        """The op with ``cin`` and ``classes`` put in."""
        if not node.dynamic:
            return node
        cins = {**self.cins, OWN: channels(self.shape())}
        try:
            args = tuple(evaluate(a, cins) if isinstance(a, Symbol) else a for a in node.args)
        except ArithmeticMisfit as error:
            raise fail("A218", str(error), node.span) from None
        except (OverflowError, ValueError):
            raise fail("A218", "the result is too large", node.span) from None
        except KeyError:
            raise fail("A306", "the number of classes is not known here", node.span,
                       "write `classes 10`, name a data set, or give --classes") from None  # fmt: skip
        return Op(node.entry, in_range(node, args), node.label, node.span)

    def append(self, path: str, op: Op, layer: Layer, inputs: tuple[int, ...], bodies: tuple[Trace, ...]) -> None:
        if len(self.rows) >= Limits.LAYERS:
            raise fail("A404", f"the network has more than {Limits.LAYERS:,} layers", op.span)
        self.here = len(self.rows)
        self.rows.append(Row(path, op, layer, inputs, bodies))
        self.shapes.append(layer.out)

    def misfit(self, error: Misfit, node: Op) -> SpecError:
        """The op's refusal, with its place and the shapes that led to it."""
        last = [f", {r.op.name} → {dims(r.layer.out)}" for r in self.rows[-5:]]
        note = f"shapes so far: {words(self.input)}{' …' if len(self.rows) > 5 else ''}{''.join(last)}"
        return SpecError((Diagnostic(error.code, str(error), node.span, error.help, notes=(note,)),))


def channels(shape: Shape) -> int:
    """What ``cin`` means for a shape: channels of an image, width of tokens, size of a vector."""
    return shape[0] if len(shape) == 3 else shape[-1]
