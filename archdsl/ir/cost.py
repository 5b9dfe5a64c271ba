"""What a traced network costs: parameters by storage, multiply-accumulates, activations, depth.

Each function is one pass over the rows, so cost is linear in layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from archdsl.ir.field import Field, fields

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace


@dataclass(frozen=True, slots=True)
class Cost:
    """Totals of a network for one example.

    params: trainable numbers, each stored weight once. buffers: numbers kept but not trained.
    macs: multiply-accumulates of matrix products and convolutions; flops = 2 × macs.
    activations: numbers in all layers' results; peak: the most alive at one time in a forward pass without gradients.
    layers: rows of the trace; depth: layers with weights on the longest path.
    field, stride: receptive field and stride in pixels, (height, width), of the last image whose values do not see
        everything; None where there is none.
    """

    params: int
    buffers: int
    macs: int
    activations: int
    peak: int
    layers: int
    depth: int
    field: tuple[int, int] | None
    stride: tuple[int, int] | None

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def training_bytes(self, batch: int, dtype_bytes: int = 4, optimizer_states: int = 1) -> int:
        """An estimate of the peak memory of a training step: weights, gradients and optimiser states in fp32, and every
        layer's result kept for the backward pass. Workspaces of the libraries are not in it."""
        return self.params * 4 * (2 + optimizer_states) + self.buffers * 4 + self.activations * batch * dtype_bytes


def row_params(row: Row) -> int:
    """Trainable numbers of a row, those of its bodies included once."""
    own = sum(map(prod, row.layer.weights.values()))
    return own + sum(row_params(r) for b in row.bodies for r in b.rows)


def row_buffers(row: Row) -> int:
    """Numbers that a row keeps but does not train."""
    own = sum(map(prod, row.layer.buffers.values()))
    return own + sum(row_buffers(r) for b in row.bodies for r in b.rows)


def cost(trace: Trace) -> Cost:
    """The totals of a traced network."""
    params = buffers = macs = activations = 0
    layers = len(trace.rows)
    sizes: dict[int, tuple[int, int, int]] = {}  # equal layers are one object, see the memo of the trace
    outs: list[int] = []
    for row in trace.rows:
        key = id(row.layer)
        if row.bodies or key not in sizes:
            sizes[key] = row_params(row), row_buffers(row), prod(row.layer.out)
            layers += sum(len(b.flat()) for b in row.bodies)
        p, b, a = sizes[key]
        params, buffers, activations, macs = params + p, buffers + b, activations + a, macs + row.layer.macs
        outs.append(a)
    return Cost(
        params=params, buffers=buffers, macs=macs, activations=activations, peak=_peak(trace, outs), layers=layers,
        depth=_depth(trace), **_last_image(trace),
    )  # fmt: skip


def _last_image(trace: Trace) -> dict[str, tuple[int, int] | None]:
    last: Field | None = None
    for row, seen in zip(trace.rows, fields(trace), strict=True):
        if seen is not None and len(row.layer.out) == 3:
            last = seen
    return {"field": last.size if last else None, "stride": last.step if last else None}


def _depth(trace: Trace) -> int:
    depths: list[int] = []
    for row in trace.rows:
        own = sum(map(_depth, row.bodies)) if row.bodies else int("weighted" in row.op.entry.traits)
        if len(row.inputs) == 1:
            source = row.inputs[0]
            before = depths[source] if source >= 0 else 0
        else:
            before = max(depths[i] if i >= 0 else 0 for i in row.inputs)
        depths.append(before + own)
    return depths[trace.output] if trace.output >= 0 else 0


def _peak(trace: Trace, outs: list[int]) -> int:
    """The largest sum of values alive at once, walking in order: a value dies after its last reader."""
    last = [*range(len(outs)), 0]  # the last entry is the input's, which index -1 finds
    for index, row in enumerate(trace.rows):
        for source in row.inputs:
            last[source] = index
    last[trace.output] = len(outs)
    sizes = [*outs, prod(trace.input)]
    dying = [0] * (len(outs) + 1)
    for value, when in enumerate(last):
        dying[when] += sizes[value]
    alive = most = sizes[-1]
    for index, size in enumerate(outs):
        alive += size
        most = max(most, alive)
        alive -= dying[index]
    return most
