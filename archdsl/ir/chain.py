"""What a part of a network costs, and the cost of parts in a row.

Where one value alone goes from a part to the next, the cost of the whole follows from those of the parts: numbers add
up, the peak is the largest one, depths add up along the only way there is, and receptive fields compose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from archdsl.ir.cost import Cost, cost
from archdsl.ir.field import HERE, Field, through, whole

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace
    from archdsl.registry.types import Shape


@dataclass(frozen=True, slots=True)
class Part:
    """A part from its input on. ``end`` is the receptive field of its result, ``image`` that of its last image, both in
    positions of its input; None where everything, or nothing, is seen.
    """

    input: Shape
    out: Shape
    cost: Cost
    end: Field | None
    image: Field | None


def part(trace: Trace) -> Part:
    """The part that a trace walks through."""
    end, image = whole(trace, HERE)
    return Part(trace.input, trace.out, cost(trace), end, image)


def joined(parts: Sequence[Part], input: Shape) -> Cost:
    """The cost of parts in a row, of which the first one takes ``input``."""
    params = buffers = macs = activations = layers = depth = kept = 0
    peak = prod(input)
    here, image = HERE if len(input) == 3 else None, None
    for one in parts:
        c = one.cost
        params, buffers, macs, activations = (
            params + c.params,
            buffers + c.buffers,
            macs + c.macs,
            activations + c.activations,
        )
        layers, depth, kept = layers + c.layers, depth + c.depth, kept + c.kept
        if c.peak > peak:
            peak = c.peak
        if here is not None:
            if one.image is not None:
                image = through(here, one.image) or image
            here = None if one.end is None else through(here, one.end)
    return Cost(
        params,
        buffers,
        macs,
        activations,
        peak,
        layers,
        depth,
        image.size if image else None,
        image.stride if image else None,
        kept,
    )
