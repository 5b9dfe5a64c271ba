"""How many seeds a difference takes, by the spread that a study has seen."""

from __future__ import annotations

from archdsl.report import Cell, Column
from archdsl.report.numbers import many
from archdsl.study.results.projection import pairs_to_decide, pairs_to_same
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import unit
from archdsl.study.stats import POWER, SEEDS_CAP, seeds_needed, seeds_to_reject
from archdsl.study.stats.sequential import fewest

STEPS = (1, 2, 4)  # multiples of the smallest difference that matters, for which a plan is made


def detect(results: Results, delta: float) -> str:
    """A sentence on the seeds that it takes to detect ``delta`` (in the metric's unit) in the arm that varies most."""
    shown = f"{unit(results).amount(delta)} {unit(results).points}".rstrip()
    spreads = [(a.comparison.sd, a.name) for a in results.arms[1:] if a.comparison is not None and a.comparison.sd]
    comparisons = len(results.compared)
    if not spreads or not comparisons:
        return (
            f"how many seeds it takes to detect {shown} is not known before two arms have two seeds each "
            "(for example --seeds 3)"
        )
    sd, name = max(spreads)
    alpha = results.options.alpha
    n = seeds_needed(delta, sd, alpha)
    assert n is not None
    seeds = f"{n}" if n < SEEDS_CAP else f"{SEEDS_CAP} or more"
    least = seeds_to_reject(comparisons, alpha)
    return (
        f"to detect {shown} ({single_test(alpha)}) it takes {seeds} seeds, by the spread of `{name}`, the largest: sd of "
        f"the differences {unit(results).value(sd)}, over {min(map(len, (a.values for a in results.arms if a.values)))} seeds or "
        f"more; the exact sign-flip test with Holm's correction takes {least} at least"
    )


def single_test(alpha: float) -> str:
    """The test of a plan for a fixed design: of one comparison, whatever others there are."""
    return f"power {POWER:g}, a single paired t test at {100 * alpha:g} %"


def expected(results: Results) -> tuple[tuple[Column, ...], list[tuple[Cell, ...]], list[str]]:
    """What a sequential design will probably take: columns and cells for each arm, and notes.

    By the spread of the paired differences so far, the seeds after which an arm is decided whose difference is the smallest
    one that matters, two and four times that, or nothing at all. Where no such difference is stated, it is one
    standard deviation.
    """
    delta, level = results.options.same, results.options.alpha / max(1, len(results.compared))
    shown = unit(results)
    names = ["1 sd", "2 sd", "4 sd"] if delta is None else [f"Δ {shown.amount(step * delta)}" for step in STEPS]
    columns = [Column("sd of Δ", "points" if results.measure.unit == "percent" else "float", key="sd_delta", digits=2)]
    columns += [Column(name, "int", key=f"seeds_{step}") for step, name in zip(STEPS, names, strict=True)]
    if delta is not None:
        columns.append(Column("same", "int", key="seeds_same"))
    rows = [_expected(arm, delta, level) if arm in results.compared else (None,) * len(columns) for arm in results.arms]
    most = len(results.seeds)
    notes = [
        f"sequential design: at most {many(most, 'seed')} an arm; {_soonest(results)}",
        f"the columns {', '.join(c.name for c in columns[1:])} give the seeds to a decision if that is the difference",
    ]
    if all(row[0] is None for row in rows) and delta is not None:
        notes.append("two seeds of an arm are needed to know its spread: --max-seeds 3 runs a pilot, which counts")
    return tuple(columns), rows, notes


def _expected(arm: ArmResult, delta: float | None, level: float) -> tuple[Cell, ...]:
    sd = arm.verdict.evidence.sd if arm.verdict is not None else None
    if delta is None:
        return (sd, *(pairs_to_decide(step, 1.0, level) for step in STEPS))
    if not sd:
        return (sd, *(None for _ in STEPS), None)
    return (sd, *(pairs_to_decide(step * delta, sd, level) for step in STEPS), pairs_to_same(delta, sd, level))


def _soonest(results: Results) -> str:
    """When a first arm can be decided."""
    first = fewest(results.options.alpha / max(1, len(results.compared)))
    if first > len(results.seeds):
        return f"nothing can be decided: a first decision takes {first} (--max-seeds {first})"
    return f"nothing can be decided before seed {first}"
