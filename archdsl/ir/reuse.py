"""A labelled part that is used again: its layers are rows of their own, which use the weights of the first ones."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from archdsl.errors import fail, suggest
from archdsl.ir.layer import words
from archdsl.registry.shapes import Ids

if TYPE_CHECKING:
    from archdsl.ir.nodes import Again, Node
    from archdsl.ir.trace import Row, Walker


def again(walker: Walker, node: Again) -> Node:
    """Walk through a labelled part once more, from the value that flows.

    Raises:
        SpecError: A223, no part before has this label; A302, its weights do not fit what arrives.
    """
    part, start, end = _find(walker, node)
    if end - start == 1 and "table" in walker.rows[start].op.entry.traits and not isinstance(walker.shape(), Ids):
        return _read_back(walker, node, part, walker.rows[start])
    marks, here = dict(walker.marks), len(walker.rows)
    new = walker.node(part)
    walker.marks = marks  # a value that is named inside means the first pass to whoever reads it later
    first, second = walker.rows[start:end], walker.rows[here:]
    if len(first) != len(second) or not all(map(_alike, first, second)):
        raise fail(
            "A302",
            f"`{node.name}` cannot be used again here: {_difference(first, second)}",
            node.span,
            "bring what arrives to the shape that it takes there, or write a part with weights of its own",
        )
    walker.rows[here:] = map(_tied, first, second)
    return replace(node, part=new)


def _read_back(walker: Walker, node: Again, part: Node, table: Row) -> Node:
    """Multiply what arrives by each vector of a table: one value for each, as an output layer without bias gives (Press & Wolf
    2016, Using the output embedding to improve language models, arXiv:1608.05859).

    Raises:
        SpecError: A302, what arrives is not as wide as the vectors.
    """
    shape, (count, width) = walker.shape(), table.layer.weights["weight"]
    if len(shape) == 3 or shape[-1] != width:
        raise fail(
            "A302",
            f"`{node.name}` has vectors of {width} numbers, and here arrives {words(shape)}",
            node.span,
            f"`linear({width})` before it makes each of that width",
        )
    path = walker.names.take("", table.op.name, node.span)
    layer = table.layer._replace(out=(*shape[:-1], count), weights={}, macs=prod(shape) * count)
    walker.append(path, table.op, layer, (walker.here,), ())
    walker.rows[-1] = walker.rows[-1]._replace(module=table.path)
    return replace(node, part=part)


def _find(walker: Walker, node: Again) -> tuple[Node, int, int]:
    """The part of a label and its rows [first, end): that of the innermost module round this place, else the outermost one."""
    above = walker.names.prefix.split(".")[:-1]
    for depth in range(len(above), -1, -1):
        if (found := walker.labelled.get(".".join([*above[:depth], node.name]))) is not None:
            return found
    inside = [path for path in walker.labelled if path.endswith(f".{node.name}")]
    outer = [path for path in inside if path.count(".") == min(p.count(".") for p in inside)]
    if len(outer) == 1:
        return walker.labelled[outer[0]]
    if outer:
        raise fail(
            "A223",
            f"`{node.name}` may be {len(outer)} parts here: {', '.join(outer[:3])}{', …' if len(outer) > 3 else ''}",
            node.span,
            f'give the whole path: `again("{outer[0]}")`',
        )
    raise fail(
        "A223",
        f"no part before this point has the label `{node.name}`",
        node.span,
        suggest(node.name, walker.labelled) or f"label it: `{node.name}: conv(64) … again({node.name})`",
    )


def _alike(first: Row, second: Row) -> bool:
    """Whether a row can use the weights of another one."""
    ours, theirs = first.layer, second.layer
    return (
        first.op.entry is second.op.entry
        and (ours.weights, ours.buffers) == (theirs.weights, theirs.buffers)
        and len(ours.out) == len(theirs.out)  # batch norm of a vector is another module than that of an image
        and _made(first) == _made(second)  # a size for which a module is made is in no weight
        and all(
            len(a.rows) == len(b.rows) and all(map(_alike, a.rows, b.rows))
            for a, b in zip(first.bodies, second.bodies, strict=True)
        )
    )


class _Spelled:
    """Stands for the layers of torch and ours: each call gives what is called, with its arguments."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **named: (name, args, named)


def _made(row: Row) -> object:
    """What the module of a row is made with; None of a layer that is one of its own in every place, and where that is more than
    calls, as in a word of a package.
    """
    if row.layer.module is None or not (row.module or row.layer.weights or row.layer.buffers or row.bodies):
        return None
    try:
        return row.layer.module(_Spelled(), *range(len(row.bodies)))
    except (AttributeError, TypeError):
        return None


def _tied(first: Row, second: Row) -> Row:
    """A row that uses the weights of another one; they are counted there. A layer without weights stays one of its own: what
    it does may depend on the size that arrives."""
    if not (first.module or first.layer.weights or first.layer.buffers or first.bodies):
        return second
    bodies = tuple(
        replace(b, rows=tuple(map(_tied, a.rows, b.rows))) for a, b in zip(first.bodies, second.bodies, strict=True)
    )
    layer = second.layer._replace(weights={}, buffers={})
    return second._replace(layer=layer, bodies=bodies, module=first.module or first.path)


def _difference(first: list[Row], second: list[Row]) -> str:
    """What keeps layers from using the weights of others, in words."""
    for a, b in zip(first, second, strict=False):
        if a.op.entry is b.op.entry and not _alike(a, b):
            shapes = (next(iter(r.layer.weights.values()), r.layer.out) for r in (a, b))
            there, here = ("x".join(map(str, s)) for s in shapes)
            if there == here:
                return f"`{a.op.name}` is made for the size that arrives there, and here another one arrives"
            return f"the weight of `{a.op.name}` is {there} there, and for what arrives here {here}"
    return "other layers act on what arrives here"
