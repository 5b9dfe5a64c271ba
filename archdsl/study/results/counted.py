"""What a run counts as: a finished one as its figure, one that failed by itself as chance or the worst value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from archdsl.study.amounts import Failures
from archdsl.study.plan.cells import Cell
from archdsl.study.plan.plan import Found
from archdsl.study.results.scale import Scale

Lookup = Callable[[Cell], Found]
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Counted(Generic[K]):
    """Runs that count. ``values`` has the metric of each; those of ``failed`` failed by themselves, and count as chance or as the
    worst value; those of ``left_out`` did so where neither is known, and have none. Both say how a run ended. ``worst`` is the
    worst value of all so far.
    """

    values: Mapping[K, float]
    failed: Mapping[K, str]
    left_out: Mapping[K, str]
    worst: float | None


def counted(
    states: Mapping[K, tuple[Cell, Found]], scale: Scale, failures: Failures, worst: float | None = None
) -> Counted[K]:
    """What each run counts as.

    Args:
        states: of runs that are an outcome (``counts``).
        worst: the worst value of runs before them.
    """
    measured = {key: scale.of(c, f) if f.status == "finished" else None for key, (c, f) in states.items()}
    values = {key: value for key, value in measured.items() if value is not None}
    seen = [*values.values(), *([] if worst is None else [worst])]
    worst = (min(seen) if scale.higher else max(seen)) if seen else None
    failed = {key: f.status for key, (_, f) in states.items() if key not in values and failures == "chance"}
    bad = bad_value(scale, worst)
    if bad is None:
        return Counted(values, {}, failed, worst)
    return Counted({**values, **dict.fromkeys(failed, bad)}, failed, {}, worst)


def bad_value(scale: Scale, worst: float | None) -> float | None:
    """What a run counts as that failed: an accuracy of chance; a loss of chance, or the worst one seen if that is worse. None
    where neither is known.
    """
    known = [v for v in (scale.chance, None if scale.higher and scale.chance is not None else worst) if v is not None]
    return (min(known) if scale.higher else max(known)) if known else None


def counts(cell: Cell, found: Found, scale: Scale) -> bool:
    """Whether a run is an outcome of the arm: it finished with this figure, or ended without one by its own fault."""
    return scale.of(cell, found) is not None if found.status == "finished" else found.own


def measured(
    own: Sequence[Sequence[Cell]], lookup: Lookup, scale: Scale, failures: Failures
) -> tuple[list[dict[int, float]], Counted[tuple[int, int]]]:
    """The values of the runs of each arm that count, by seed; and what each run counts as, by arm and seed."""
    flat = {
        (arm, cell.seed): (cell, found)
        for arm, cells in enumerate(own)
        for cell in cells
        if counts(cell, found := lookup(cell), scale)
    }
    every = counted(flat, scale, failures)
    rows: list[dict[int, float]] = [{} for _ in own]
    for arm, seed in flat:
        if (arm, seed) in every.values:
            rows[arm][seed] = every.values[arm, seed]
    return rows, every
