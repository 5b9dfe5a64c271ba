"""What a network costs over its depth: a figure for each layer in order of execution, and the modules that they are in."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archdsl.ir.cost import row_params
from archdsl.ir.outline import Part, outline, stem
from archdsl.report.profile import Series

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace


def values(trace: Trace) -> tuple[Series, ...]:
    """Parameters, MACs and the memory of the results of one example, layer by layer. A network that is an argument of an
    op counts as that op."""
    rows = trace.rows
    return (
        Series("parameters", tuple(row_params(r) for r in rows)),
        Series("MACs", tuple(r.layer.macs for r in rows)),
        Series("activations, fp32", tuple(4 * prod(r.layer.out) for r in rows), bytes=True),
    )


def stretches(trace: Trace) -> tuple[tuple[str, int, int], ...]:
    """The modules next below the network: name, first layer and the one behind the last, counted in rows."""
    places = {row.path: n for n, row in enumerate(trace.rows)}
    shape = outline(trace)
    found = []
    for item in shape.root.items:
        if not isinstance(item, Part):
            continue
        inside = [n for path, n in places.items() if path == item.path or path.startswith(f"{item.path}.")]
        if inside:
            found.append((item.path.rpartition(".")[2] or stem(item.name), min(inside), max(inside) + 1))
    return tuple(found)
