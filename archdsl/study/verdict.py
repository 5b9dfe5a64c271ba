"""What a study found, in a few plain sentences that claim no more than so many seeds can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.study.results import ArmResult, Results
from archdsl.study.stats import seeds_to_reject
from archdsl.study.unit import Unit, p_text, unit

ALPHA = 0.05
NAMED = 3


def verdict(results: Results) -> str:
    """The sentences, as one text."""
    return " ".join(_sentences(results, unit(results)))


def _sentences(results: Results, unit: Unit) -> Iterator[str]:
    if not any(a.values for a in results.arms):
        yield "No run has a result yet, so nothing is known."
        return
    if not results.compares:
        yield from _best(results, unit)
        return
    if not results.reference.values:
        yield f"The reference “{results.reference.name}” has no finished run, so there is nothing to compare with."
        return
    compared = [a for a in results.compared if a.comparison is not None and a.comparison.n]
    if not compared:
        yield f"Only “{results.reference.name}” has results, so nothing is compared."
        return
    shown = [a for a in compared if a.p is not None and a.p <= ALPHA]
    if shown:
        yield from _shown(results, unit, shown, len(compared))
    else:
        yield from _not_shown(results, unit, compared)
    if results.done < results.planned:
        yield f"{results.planned - results.done} of {results.planned} runs are still missing."
    diverged = sum(a.states.get("diverged", 0) for a in results.arms)
    if diverged:
        yield (f"{diverged} {'runs' if diverged > 1 else 'run'} diverged; a mean is of the runs that did not.")  # fmt: skip


def _best(results: Results, unit: Unit) -> Iterator[str]:
    """Of a grid without a reference: where the mean is best, which is no comparison."""
    sign = 1 if results.higher_is_better else -1
    best = max((a for a in results.arms if a.summary.mean is not None), key=lambda a: sign * (a.summary.mean or 0.0))
    yield (f"The best mean is that of “{best.name}”, {unit.value(best.summary.mean)}{unit.mark}. A grid over numbers has no "
           "reference, so no difference is tested.")  # fmt: skip
    if results.done < results.planned:
        yield f"{results.planned - results.done} of {results.planned} runs are still missing."


def _shown(results: Results, unit: Unit, shown: Sequence[ArmResult], compared: int) -> Iterator[str]:
    first = ", ".join(f"“{a.name}” {_delta(a, unit)}, p = {p_text(a.p)}" for a in _by_size(shown)[:NAMED])
    more = f" and {len(shown) - NAMED} more" if len(shown) > NAMED else ""
    of = f"{len(shown)} of {compared} arms" if compared > 1 else "The one other arm"
    verb = "differs" if len(shown) == 1 else "differ"
    yield (f"{of} {verb} from “{results.reference.name}” by the exact sign-flip test, Holm-adjusted, at 5 %: "
           f"{first}{more}.")  # fmt: skip
    if len(shown) < compared:
        yield "Of the others no difference was shown, which does not make them equal."


def _not_shown(results: Results, unit: Unit, compared: Sequence[ArmResult]) -> Iterator[str]:
    m, most = len(compared), max(a.comparison.n for a in compared if a.comparison is not None)
    yield f"No difference from “{results.reference.name}” was shown."
    needed = seeds_to_reject(m)
    if most < needed:
        many = f"{m} comparisons" if m > 1 else "one comparison"
        yield (f"With {most} {'pairs' if most > 1 else 'pair'} of runs and {many} the exact sign-flip test cannot "
               f"reject at 5 % whatever the data; it takes {needed} seeds.")  # fmt: skip
    largest = _by_size(compared)[0]
    assert largest.comparison is not None
    if largest.comparison.delta:
        yield f"The largest difference seen is that of “{largest.name}”, {_delta(largest, unit)}."
    clear = sum(1 for a in compared if excludes_zero(a))
    if clear:
        yield (f"{clear} of {m} 95 % intervals {'leave' if clear > 1 else 'leaves'} out 0, "
               "without adjustment for their number.")  # fmt: skip


def excludes_zero(arm: ArmResult) -> bool:
    """Whether the arm's interval leaves out 0."""
    c = arm.comparison
    return c is not None and c.low is not None and c.high is not None and not c.low <= 0 <= c.high


def _by_size(arms: Sequence[ArmResult]) -> list[ArmResult]:
    return sorted(arms, key=lambda a: -abs(a.comparison.delta or 0.0) if a.comparison is not None else 0.0)


def _delta(arm: ArmResult, unit: Unit) -> str:
    c = arm.comparison
    assert c is not None
    text = f"{unit.change(c.delta)} {unit.points}".rstrip()
    return text if c.low is None else f"{text} {unit.between(c.low, c.high)}"
