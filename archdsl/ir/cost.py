"""What a traced network costs: parameters by storage, multiply-accumulates, activations, depth.

A network that runs several times with the same weights has its parameters once, and everything else at each pass, as if it
were written out. Each function is one pass over the rows, so cost is linear in layers, however often they run.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from archdsl.ir.field import reach

if TYPE_CHECKING:
    from archdsl.ir.layer import Run
    from archdsl.ir.trace import Row, Trace


@dataclass(frozen=True, slots=True)
class Cost:
    """Totals of a network for one example.

    params: trainable numbers, each stored weight once. buffers: numbers kept but not trained.
    macs: multiply-accumulates of matrix products and convolutions; flops = 2 × macs.
    activations: numbers in all layers' results; peak: the most alive at one time in a forward pass without gradients;
        kept: those results that the backward pass needs (all of them, unless an ODE is solved backwards).
    layers: layers that run; depth: layers with weights on the longest path.
    field, stride: receptive field and stride in pixels, (height, width), of the last image whose values do not see
        everything; None where there is none. A stride below 1 is that of an image larger than the input. Of a sequence
        (tokens,): the most tokens that one of its last tokens depends on; the stride is None where these are all.
    """

    params: int
    buffers: int
    macs: int
    activations: int
    peak: int
    layers: int
    depth: int
    field: tuple[int, ...] | None
    stride: tuple[int | float, ...] | None
    kept: int

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def training_bytes(self, batch: int, dtype_bytes: int = 4, optimizer_states: int = 1) -> int:
        """An estimate of the peak memory of a training step: weights, gradients and optimiser states in fp32, and every
        layer's result kept for the backward pass. Workspaces of the libraries are not in it."""
        return self.params * 4 * (2 + optimizer_states) + self.buffers * 4 + self.kept * batch * dtype_bytes


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
    params = buffers = 0
    sizes: dict[int, tuple[int, int]] = {}  # equal layers are one object, see the memo of the trace
    for row in trace.rows:
        key = id(row.layer)
        if row.bodies or key not in sizes:
            sizes[key] = row_params(row), row_buffers(row)
        p, b = sizes[key]
        params, buffers = params + p, buffers + b
    work = _work(trace)
    field, stride = reach(trace)
    return Cost(
        params=params,
        buffers=buffers,
        macs=sum(r.layer.macs for r in trace.rows),
        activations=work.activations,
        peak=work.peak,
        layers=work.layers,
        depth=work.depth,
        field=field,
        stride=stride,
        kept=work.kept,
    )


def evaluations(trace: Trace) -> int:
    """How often the networks of ODEs are evaluated in one forward pass, over all of them; 0 without an ODE. Exact for
    solvers of equal steps; of an adaptive one, what its word counts."""
    found = 0
    for row in trace.rows:
        for body in row.bodies:
            found += row.layer.run.passes * (row.layer.run.states + evaluations(body))
    return found


class _Work(NamedTuple):
    """What one pass through a network takes. ``held`` is the peak where somebody else still needs the input."""

    activations: int
    kept: int
    layers: int
    depth: int
    peak: int
    held: int


def _work(trace: Trace) -> _Work:
    outs = [prod(row.layer.out) for row in trace.rows]
    activations, kept, layers = sum(outs), sum(outs), len(outs)
    inner: dict[int, _Work] = {}
    for index, row in enumerate(trace.rows):
        if row.bodies:  # rare
            work = inner[index] = _work(row.bodies[0])
            run, state = row.layer.run, row.layer.run.made + (outs[index] if row.layer.run.states else 0)
            once = work.activations + state
            activations += run.passes * once - outs[index]
            kept += (run.passes if run.kept is None else run.kept) * (work.kept + state) - outs[index]
            if run.kept is not None:
                kept += outs[index]  # the result itself
            layers += run.passes * (work.layers + run.states) - 1
    peak, held = _peaks(trace, outs, inner)
    return _Work(activations, kept, layers, _depth(trace, inner), peak, held)


def _depth(trace: Trace, inner: dict[int, _Work]) -> int:
    depths: list[int] = []
    for index, row in enumerate(trace.rows):
        own = row.layer.depth if "weighted" in row.op.entry.traits else 0
        if index in inner:
            own = row.layer.run.passes * inner[index].depth
        if len(row.inputs) == 1:
            source = row.inputs[0]
            before = depths[source] if source >= 0 else 0
        else:
            before = max(depths[i] if i >= 0 else 0 for i in row.inputs)
        depths.append(before + own)
    return depths[trace.output] if trace.output >= 0 else 0


def _peaks(trace: Trace, outs: list[int], inner: dict[int, _Work]) -> tuple[int, int]:
    """The largest sum of values alive at once, walking in order: a value dies after its last reader. The second figure
    is that of a network whose input outlives it."""
    last = [*range(len(outs)), 0]  # the last entry is the input's, which index -1 finds
    for index, row in enumerate(trace.rows):
        for source in row.inputs:
            last[source] = index
    last[trace.output] = len(outs)
    sizes = [*outs, prod(trace.input)]
    dying = [0] * (len(outs) + 1)
    for value, when in enumerate(last):
        dying[when] += sizes[value]
    alive = most = held = sizes[-1]
    gone = 0  # what the input's death has freed
    for index, size in enumerate(outs):
        if index in inner:
            source = trace.rows[index].inputs[0]
            here = alive + _beside(
                trace.rows[index].layer.run, inner[index], sizes[source], size, last[source] == index
            )
            most, held = max(most, here), max(held, here + gone)
            if last[source] == index and source == -1:
                kept = alive + _beside(trace.rows[index].layer.run, inner[index], sizes[source], size, False)
                held = max(held, kept)
        alive += size
        if index not in inner:
            most, held = max(most, alive), max(held, alive + gone)
        alive -= dying[index]
        if last[-1] == index:
            gone = sizes[-1]
    return most, held


def _beside(run: Run, work: _Work, source: int, out: int, dies: bool) -> int:
    """What a run adds to the values that are alive before it, at the most. ``dies``: nobody else needs its input."""
    if run.states:  # behind the first step, the state is another value than the input
        return max(run.held + work.held, source + 2 * out) - (source if dies or run.passes == 1 else 0)
    if dies:
        return work.peak - source
    return max(work.held, source + work.peak if run.passes > 1 else 0) - source
