"""Arms against a reference: differences pair by pair, or two samples where runs have no partner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archdsl.errors import ArchError, suggest
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.read import Measurements
from archdsl.study.answer.measurements.sheet import listed


def paired(
    found: Measurements, reference: str, *, drop: bool = False
) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    """Differences of every other arm to the reference, pair by pair in their order, and what is said about pairs that
    are not there. An arm may end early; with ``drop``, it may also lack pairs in between.

    Raises:
        ArchError: no such arm, no other arm, a pair in between that one side lacks.
    """
    base, others = found.arms[reference_of(found.arms, reference)], [a for a in found.arms if a != reference]
    place = {pair: n for n, pair in enumerate(found.order)}
    deltas: dict[str, list[float]] = {}
    notes: list[str] = []
    for arm in others:
        values = found.arms[arm]
        both = [pair for pair in found.order if pair in base and pair in values]
        if not both:
            raise _nothing_common(found, arm, reference)
        holes = [pair for pair in found.order[: place[both[-1]] + 1] if (pair in base) != (pair in values)]
        if holes and not drop:
            lacking = reference if holes[0] not in base else arm
            more = f" ({len(holes)} such pairs of `{arm}`)" if len(holes) > 1 else ""
            raise ArchError(
                f"`{lacking}` has no row for pair `{holes[0]}`{more}",
                help="a failed run is a result: add it with the worst value; or give --missing drop"
                + _capitals(found, (arm, reference), (holes[0], found.arms[lacking])),
            )
        late = len(values.keys() | base.keys()) - len(both) - len(holes)
        if holes:
            notes.append(f"`{arm}`: pairs {listed(holes)} are left out, as one side lacks them")
        if late:
            one = "one is" if late == 1 else "ones are"
            notes.append(
                f"`{arm}`: compared over its first {many(len(both), 'pair')}; {late} later {one} on one side only"
            )
        deltas[arm] = [values[pair] - base[pair] for pair in both]
    return deltas, tuple(notes)


def samples(found: Measurements, reference: str) -> tuple[dict[str, list[float]], list[float]]:
    """The values of every other arm, and those of the reference, where runs have no partner.

    Raises:
        ArchError: no such arm, or no other arm.
    """
    base = found.arms[reference_of(found.arms, reference)]
    return {arm: list(values.values()) for arm, values in found.arms.items() if arm != reference}, list(base.values())


def reference_of(arms: Mapping[str, object], reference: str) -> str:
    """The reference, where it and another arm are there.

    Raises:
        ArchError: they are not.
    """
    if reference not in arms:
        raise ArchError(
            f"no row belongs to the reference `{reference}`",
            help=suggest(reference, arms) or f"the arms are {listed(list(arms))}",
        )
    if len(arms) < 2:
        raise ArchError(f"`{reference}` is the only arm: nothing is compared", help="rows of a second arm are needed")
    return reference


def _nothing_common(found: Measurements, arm: str, reference: str) -> ArchError:
    """Two arms without a common pair: examples of both."""
    columns, base, own = found.columns, found.arms[reference], found.arms[arm]
    help = f"runs are paired where both arms have the same `{columns.pair}`"
    help += _capitals(found, (arm, reference), (next(iter(own)), base))
    return ArchError(
        f"`{arm}` and `{reference}` of the column `{columns.arm}` have no `{columns.pair}` in common: "
        f"{listed(list(own))} and {listed(list(base))}",
        help=help,
    )


def _capitals(found: Measurements, arms: tuple[str, str], lacking: tuple[str, Iterable[str]]) -> str:
    """A hint where an arm, or a pair that one side lacks, has another of nearly its name; "" where none has.

    Args:
        lacking: the pair, and those of the arm that lacks it.
    """
    names = [name for name in found.arms if sum(name.casefold() == arm.casefold() for arm in found.arms) > 1]
    if alike := [name for name in names if name.casefold() in map(str.casefold, arms)]:
        return f"; `{alike[0]}` and `{alike[1]}` differ in capitals alone: write each arm in one way"
    pair, others = lacking
    other = next((name for name in others if name.casefold() == pair.casefold()), None)
    return (
        "" if other is None else f"; the pairs `{pair}` and `{other}` differ in capitals alone: write each in one way"
    )
