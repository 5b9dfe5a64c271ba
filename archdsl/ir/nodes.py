"""The nodes of the IR: an operation, a sequence, a fan of branches, a mark with its reference, and a labelled
part that is used again.

Nodes are frozen and shared freely: the same object may be in many places, and means the same in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from archdsl.ir.symbol import Symbol
from archdsl.registry import nets, params

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.errors import Span
    from archdsl.registry import Entry


@dataclass(frozen=True, slots=True)
class Op:
    """A layer: a word with all its arguments in the order of its signature. ``dynamic``: one of them needs ``cin``."""

    entry: Entry
    args: tuple[Any, ...] = ()
    label: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)
    dynamic: bool = field(default=False, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.entry.name


@dataclass(frozen=True, slots=True)
class Seq:
    """Nodes one after the other.

    role: what modifiers take it for: ``stage``, ``block`` (the unit that ``+res`` wraps), ``body`` (the part of a block
        that the skip goes round), ``gate`` or ``layer`` (made of layers, but
        modifiers leave the inside alone), or nothing.
    name: the name of its module; empty means that its items are in the surrounding one.
    scope: the number by which ``cin`` inside it means the channels that arrive here.
    call: what it was written as, for the trail of a message.
    """

    items: tuple[Node, ...]
    role: str = ""
    name: str = ""
    label: str = ""
    scope: int | None = None
    call: str = ""
    pre: bool = False  # a body whose normalisation and activation come before its convolutions
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fan:
    """Branches from one value, and the op of kind ``join`` in which they meet. ``role`` is ``res`` for a residual."""

    join: Op
    branches: tuple[Node, ...]
    role: str = ""
    name: str = ""
    label: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """Names the value at this point; names are unique within a graph."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """Goes on from a marked value."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Again:
    """A labelled part once more, with the same weights. ``part`` is that part, which the trace puts in."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)
    part: Node | None = field(default=None, compare=False, repr=False)


Node: TypeAlias = Op | Seq | Fan | Mark | Ref | Again
NODES = (Op, Seq, Fan, Mark, Ref, Again)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside, networks among an op's arguments included."""
    match node:
        case Seq(items=items):
            return items
        case Fan(branches=branches):
            return branches
        case Op(entry=entry, args=args):
            return tuple(args[i] for i in nets(entry) if args[i] is not None)
        case Again(part=part) if part is not None:
            return (part,)
        case _:
            return ()


def count(node: Node) -> int:
    """The ops, marks and references in a node, a shared one once for each place it is in."""
    memo: dict[int, int] = {}

    def ops(n: Node) -> int:
        if id(n) not in memo:
            memo[id(n)] = isinstance(n, Op | Mark | Ref) + sum(map(ops, children(n)))
        return memo[id(n)]

    return ops(node)


def with_items(node: Seq, items: tuple[Node, ...]) -> Seq:
    """The sequence with other items; ``dataclasses.replace`` is four times as slow, and this is the hot path."""
    return Seq(items, node.role, node.name, node.label, node.scope, node.call, node.pre, node.span)


def with_branches(node: Fan, branches: tuple[Node, ...], join: Op) -> Fan:
    """The fan with other branches."""
    return Fan(join, branches, node.role, node.name, node.label, node.span)


def rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with ``change`` applied to each node directly inside; itself if nothing changed."""
    match node:
        case Seq(items=items):
            new = tuple(change(i) for i in items)
            return node if all(a is b for a, b in zip(new, items, strict=True)) else with_items(node, new)
        case Fan(branches=branches):
            new = tuple(change(b) for b in branches)
            return (
                node if all(a is b for a, b in zip(new, branches, strict=True)) else with_branches(node, new, node.join)
            )
        case Op(entry=entry, args=args) if nets(entry):
            changed = {i: change(args[i]) for i in nets(entry) if args[i] is not None}
            if all(args[i] is new for i, new in changed.items()):
                return node
            new_args = tuple([changed.get(i, a) for i, a in enumerate(args)])
            return Op(node.entry, new_args, node.label, node.span, node.dynamic)
        case _:
            return node


def with_args(op: Op, **changes: object) -> Op:
    """An op with some arguments changed by name.

    Raises:
        TypeError: it has no argument of a name.
    """
    names = [p.name for p in params(op.entry)]
    for name in changes:
        if name not in names:
            raise _unknown(op, name, names)
    args = tuple(changes.get(n, a) for n, a in zip(names, op.args, strict=True))
    return replace(op, args=args, dynamic=any(isinstance(a, Symbol) for a in args))


def arg(op: Op, name: str) -> Any:
    """An argument of an op by name."""
    names = [p.name for p in params(op.entry)]
    if name not in names:
        raise _unknown(op, name, names)
    return op.args[names.index(name)]


def _unknown(op: Op, name: str, names: list[str]) -> TypeError:
    return TypeError(f"`{op.name}` has no argument `{name}`; its arguments are {', '.join(names) or 'none'}")
