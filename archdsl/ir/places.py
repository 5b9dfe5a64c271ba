"""Parts of a traced network by name and by depth: ranges of layers between labels, and the layers that a decay counts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from archdsl.errors import fail, suggest
from archdsl.ir.nodes import Fan, Mark, Node, Op, Ref, Seq, children

if TYPE_CHECKING:
    from archdsl.errors import Span
    from archdsl.ir.trace import Trace
    from archdsl.registry.layer_range import LayerRange

Places = dict[str, tuple[int, int]]  # a module's path → its first and last row


def places(trace: Trace) -> Places:
    """Every module, also those that hold others, with its first and last row in order of execution."""
    found: Places = {}
    for number, row in enumerate(trace.flat()):
        parts = row.path.split(".")
        for depth in range(1, len(parts) + 1):
            path = ".".join(parts[:depth])
            found[path] = (found.get(path, (number, number))[0], number)
    return found


def layers_of(trace: Trace, wanted: LayerRange) -> tuple[str, ...]:
    """The paths of the layers from the first label to the last one, both with all that is inside.

    A label is the name of a module: a label of the text, the word's own name (``conv2``, ``stage1``), or a path with
    dots. Of several modules of one name the outermost is meant.

    Raises:
        SpecError: A223, no module or more than one has this name, or the second is before the first.
    """
    known = places(trace)
    spans = wanted.spans or (None, None)
    first, last = (_find(known, n, s) for n, s in zip((wanted.first, wanted.last), spans, strict=True))
    start, end = known[first][0], known[last][1]
    if end < start:
        raise fail(
            "A223",
            f"`{wanted.last}` comes before `{wanted.first}` in the network",
            spans[1],
            f"write `{wanted.last}..{wanted.first}`",
        )
    return tuple(row.path for row in trace.flat()[start : end + 1])


def _find(known: Places, name: str, span: Span | None) -> str:
    if name in known:
        return name
    ends = [p for p in known if p.endswith(f".{name}")]
    least = min((p.count(".") for p in ends), default=0)
    outer = [p for p in ends if p.count(".") == least]
    if len(outer) == 1:
        return outer[0]
    if outer:
        raise fail(
            "A223",
            f"`{name}` may be {len(outer)} modules here: {', '.join(outer[:3])}{', …' if len(outer) > 3 else ''}",
            span,
            f'give the whole path, such as "{outer[0]}"',
        )
    names = list(dict.fromkeys(part for path in known for part in (path, path.rpartition(".")[2])))
    help = suggest(name, names) or "its parts are " + ", ".join(dict.fromkeys(p.split(".")[0] for p in known))
    raise fail("A223", f"the network has no part `{name}`", span, help)


def depths(trace: Trace) -> tuple[dict[str, int], int]:
    """The depth of each layer by its path, counted as Bao et al. 2022 (BEiT) count it, and the depth of the head.

    What is before the first block has depth 0, the blocks 1, 2, …, what follows the last block comes behind them;
    what is between two blocks belongs to the second one, as the downsampling of a ConvNeXt stage does. In a network
    without blocks every layer with weights, and what follows it, is a block.
    """
    paths = [r.path for r in trace.rows]
    layers = [n for n, r in enumerate(trace.rows) if "weighted" in r.op.entry.traits]
    blocks = _blocks(trace.graph) or list(pairwise(layers[1:]))
    stem = blocks[0][0] if blocks else layers[-1] if layers else 0
    edges = [0, stem, *(end for _, end in blocks)]
    head = len(edges) - 1
    found = dict.fromkeys(paths, head)
    for depth, (start, end) in enumerate(pairwise(edges)):
        found |= dict.fromkeys(paths[start:end], depth)
    inner = {r.path: found[row.path] for row in trace.rows for body in row.bodies for r in body.flat()}
    return {**found, **inner}, head


def _blocks(graph: Node) -> list[tuple[int, int]]:
    """The rows [first, end) of every outermost block."""
    found: list[tuple[int, int]] = []
    seen = 0

    def visit(node: Node, inside: bool) -> None:
        nonlocal seen
        start = seen
        block = isinstance(node, Seq) and node.role == "block" and not inside
        if isinstance(node, Fan) or (isinstance(node, Op) and node.name != "id"):
            seen += 1
        if not isinstance(node, Op | Mark | Ref):
            for child in children(node):
                visit(child, inside or block)
        if block and seen > start:
            found.append((start, seen))

    visit(graph, False)
    return found
