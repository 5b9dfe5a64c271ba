"""The blocks of a traced network: which there are, a network without some of them, and with two of them exchanged.

A residual block that is deleted passes its skip, and a plain one that keeps the shape passes what arrives (Veit et al. 2016,
arXiv:1605.06431, section 4). Rows keep their paths, so that the weights of the trained network fit what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, suggest
from archdsl.ir.nodes import Fan, Mark, Node, Op, Ref, Seq, children

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace

NAMED = 4  # blocks that a message names


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a network from row ``start`` to before row ``end``, which ends with the last of them.

    ``path`` is its module; ``residual``: it adds its skip; ``passes``: the value that takes its place when it is deleted, a row
    number or -1 for the input, None where it cannot be deleted.
    """

    path: str
    start: int
    end: int
    residual: bool
    passes: int | None


def blocks(trace: Trace) -> tuple[Block, ...]:
    """The blocks of a network in order: every residual connection, and every outermost block of a family without one. A
    network without any has as blocks its layers with weights, each with what follows it, between the first and the last.
    Blocks inside of a layer that holds a network (`shared`, `ode`) are not counted.
    """
    found: list[Block] = []
    seen = 0

    def visit(node: Node, inside: bool) -> bool:
        """Whether a residual connection is inside."""
        nonlocal seen
        start, residual = seen, False
        block = isinstance(node, Seq) and node.role == "block" and not inside
        if isinstance(node, Fan) or (isinstance(node, Op) and node.name != "id"):
            seen += 1
        if not isinstance(node, Op | Mark | Ref):
            for child in children(node):
                residual |= visit(child, inside or block)
        if isinstance(node, Fan) and node.role == "res":
            found.append(_part(trace, start, seen, residual=True))
            return True
        if block and not residual and seen > start:
            found.append(_part(trace, start, seen))
        return residual

    visit(trace.graph, False)
    if not found:
        layers = [n for n, r in enumerate(trace.rows) if "weighted" in r.op.entry.traits]
        found = [_part(trace, *ends) for ends in pairwise(layers[1:])]
    return tuple(sorted(found, key=lambda b: b.end))


def _part(trace: Trace, start: int, end: int, residual: bool = False) -> Block:
    rows = trace.rows[start:end]
    path = _common([r.path.split(".") for r in rows])
    if residual:
        return Block(path.removesuffix(".add"), start, end, True, rows[-1].inputs[1])
    arrives = {i for r in rows for i in r.inputs if i < start}
    leaves = {i for r in trace.rows[end:] for i in r.inputs if start <= i < end} | (
        {trace.output} if start <= trace.output < end else set()
    )
    alone = len(arrives) == 1 and leaves <= {end - 1}  # nothing leaves a block that is deleted already
    keeps = alone and trace.shape(next(iter(arrives))) == rows[-1].layer.out
    return Block(path, start, end, False, next(iter(arrives)) if keeps else None)


def _common(paths: Sequence[Sequence[str]]) -> str:
    """The module that holds all of these layers; of layers side by side, the first."""
    first, kept = paths[0], len(paths[0])
    for path in paths[1:]:
        kept = next(
            (n for n, (a, b) in enumerate(zip(first[:kept], path, strict=False)) if a != b), min(kept, len(path))
        )
    return ".".join(first[:kept] or first)


def block(trace: Trace, wanted: int | str) -> Block:
    """A block by its number, from 1, or a part of the network by its label: the name of a module, or a path with dots. The
    label of a part with one residual block is that of the block.

    Raises:
        ArchError: there is no such block, or more than one.
    """
    known = blocks(trace)
    if isinstance(wanted, int):
        if 1 <= wanted <= len(known):
            return known[wanted - 1]
        raise ArchError(
            f"unknown block {wanted}",
            help=f"the network has the blocks 1 to {len(known)}"
            if known
            else "the network has no blocks; name a layer by its label",
        )
    spans: dict[str, tuple[int, int]] = {}
    for number, row in enumerate(trace.rows):
        parts = row.path.split(".")
        for depth in range(1, len(parts) + 1):
            path = ".".join(parts[:depth])
            spans[path] = (spans.get(path, (number, 0))[0], number + 1)
    ends = [wanted] if wanted in spans else [p for p in spans if p.endswith(f".{wanted}")]
    least = min((p.count(".") for p in ends), default=0)
    outer = [p for p in ends if p.count(".") == least]
    if len(outer) != 1:
        names = list(dict.fromkeys(name for path in spans for name in (path, path.rpartition(".")[2])))
        raise ArchError(
            f"`{wanted}` may be {len(outer)} parts of the network: {', '.join(outer[:NAMED])}"
            if outer
            else f"the network has no part `{wanted}`",
            help=f'give the whole path, such as "{outer[0]}"' if outer else suggest(wanted, names),
        )
    start, end = spans[outer[0]]
    inside = [b for b in known if b.residual and start <= b.start and b.end <= end]
    if len(inside) == 1:
        return inside[0]
    if any(not start <= n < end for n, r in enumerate(trace.rows) if r.path.startswith(f"{outer[0]}.")):
        raise ArchError(f"the layers of `{outer[0]}` are not side by side", help="name a block by its number")
    return _part(trace, start, end)


def deletable(trace: Trace) -> tuple[int, ...]:
    """The numbers of the blocks that can be deleted."""
    return tuple(n for n, b in enumerate(blocks(trace), 1) if b.passes is not None)


def without(trace: Trace, wanted: Iterable[int | str]) -> Trace:
    """The network with some blocks passed by: their layers lead nowhere, and ``reached`` leaves them out.

    Raises:
        ArchError: there is no such block, or one that cannot be deleted: it changes the shape and has no skip.
    """
    passes: dict[int, int] = {}
    for name in wanted:
        found = block(trace, name)
        if found.passes is None:
            others = deletable(trace)
            few = ", ".join(map(str, others[:NAMED])) + (f" … {others[-1]}" if len(others) > NAMED else "")
            raise ArchError(
                f"the block `{name}` ({found.path}) cannot be deleted: it has no skip, and what leaves it has "
                "another shape than what arrives",
                help=f"those that can: {few}"
                if others
                else "no block of this network can; a layer that keeps the shape can, by its label",
            )
        passes[found.end - 1] = found.passes

    def now(value: int) -> int:
        while value in passes:
            value = passes[value]
        return value

    rows = [row._replace(inputs=tuple(now(i) for i in row.inputs)) for row in trace.rows]
    return replace(trace, rows=tuple(rows), output=now(trace.output))


def reached(trace: Trace) -> Trace:
    """The trace with the rows alone that its result depends on. Its graph stays that of the whole network, so that blocks are
    to be named before.
    """
    needed, todo = set[int](), [trace.output]
    while todo:
        value = todo.pop()
        if value >= 0 and value not in needed:
            needed.add(value)
            todo += trace.rows[value].inputs
    number = {-1: -1, **{old: new for new, old in enumerate(sorted(needed))}}
    rows = tuple(r._replace(inputs=tuple(number[i] for i in r.inputs)) for n, r in enumerate(trace.rows) if n in needed)
    return replace(trace, rows=rows, output=number[trace.output])


def exchanged(trace: Trace, one: int | str, other: int | str) -> Trace:
    """The network with two blocks in each other's place.

    Raises:
        ArchError: there is no such block, the two overlap, or their layers differ.
    """
    first, second = sorted((block(trace, one), block(trace, other)), key=lambda b: b.start)
    if first == second:
        return trace
    if first.end > second.start:
        raise ArchError(f"`{one}` and `{other}` overlap", help="name two blocks")
    if _layers(trace.rows, first) != _layers(trace.rows, second):
        alike = [n for n, b in enumerate(blocks(trace), 1) if _layers(trace.rows, b) == _layers(trace.rows, first)]
        raise ArchError(
            f"the blocks `{one}` ({first.path}) and `{other}` ({second.path}) have different layers or shapes",
            help=f"like {first.path} are the blocks {', '.join(map(str, alike))}"
            if len(alike) > 1
            else f"no other block is like {first.path}",
        )
    rows = list(trace.rows)
    for here, there in zip(range(first.start, first.end), range(second.start, second.end), strict=True):
        a, b = trace.rows[here], trace.rows[there]
        rows[here], rows[there] = b._replace(inputs=a.inputs), a._replace(inputs=b.inputs)
    return replace(trace, rows=tuple(rows))


def _layers(rows: Sequence[Row], found: Block) -> list[object]:
    """What the layers of a block are, apart from their names, and how they are wired."""
    part = rows[found.start : found.end]
    return [(r.op.entry, r.op.args, r.layer.out, tuple(max(i - found.start, -1) for i in r.inputs)) for r in part]
