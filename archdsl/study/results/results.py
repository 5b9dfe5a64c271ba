"""What a study found: the values of every arm by seed, and the comparisons with the reference. Plain frozen data, from
which every table and figure is drawn; neither the order of arms and seeds nor what was cached changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from archdsl.data.fingerprint import short
from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.runs.conditions import CONDITIONS, usual, worth_saying
from archdsl.study.plan.arms import Arm, Arms
from archdsl.study.plan.cells import Cell, own_cells
from archdsl.study.plan.claims import ClaimedPair
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.fitted import FitLine
from archdsl.study.plan.plan import ENDED, Found
from archdsl.study.results.claims import ClaimResult, claim_results
from archdsl.study.results.decide import ArmDecision, Deciding, DecisionOptions, decide_fixed
from archdsl.study.results.fits import FitResult, fit_results
from archdsl.study.results.projection import seeds_to_decide
from archdsl.study.results.run_figures import UNTRAINED, RunFigures, figure_of
from archdsl.study.results.scale import Scale, scale_of
from archdsl.study.results.tuning import Tuning
from archdsl.study.stats import Comparison, Summary, compare, summary
from archdsl.study.stats.sequential import Evidence, evidence, uneven
from archdsl.study.stats.verdicts import Verdict
from archdsl.words.metrics.base import Metric


@dataclass(frozen=True)
class ArmResult:
    """An arm with what its runs gave.

    decision: which runs count, and the verdict. values: the metric by seed, of the runs that count. figures: all figures of
    a finished run's result, by seed. states: how many of the planned runs are finished, diverged, failed, oom, timeout,
    interrupted, running, foreign, missing, damaged. folders: the run folders by seed. more: other metrics by name and seed.
    untrained: seeds of finished runs that did not train (see ``RunFigures.trained``).
    comparison: with the reference, seed by seed, None for the reference itself. twin: the arm before it that is the same
    experiment, "" where there is none; its comparison counts once.
    """

    arm: Arm
    planned: int
    values: Mapping[int, float]
    figures: Mapping[int, Mapping[str, Any]]
    states: Mapping[str, int]
    folders: Mapping[int, Path]
    decision: ArmDecision = field(default_factory=ArmDecision)
    comparison: Comparison | None = None
    twin: str = ""
    more: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    untrained: tuple[int, ...] = ()

    @property
    def outcomes(self) -> Mapping[str, int]:
        """The states of its runs, and how many of the finished ones did not train."""
        return {**self.states, UNTRAINED: len(self.untrained)} if self.untrained else self.states

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the arm; None for the reference, and where no pair of runs counts."""
        return self.decision.verdict

    @property
    def name(self) -> str:
        """The arm's name."""
        return self.arm.name

    @property
    def label(self) -> str:
        """What figures call it."""
        return self.arm.label or self.arm.name

    @cached_property
    def summary(self) -> Summary:
        """Mean, sd and interval of the metric."""
        return summary([self.values[seed] for seed in sorted(self.values)])


@dataclass(frozen=True)
class Results:
    """A study with everything that is known of it. ``arms`` has the reference first."""

    title: str
    metric: str
    seeds: tuple[int, ...]
    factors: tuple[Factor, ...]
    design: str
    aliases: tuple[str, ...]
    arms: tuple[ArmResult, ...]
    conditions: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())
    failures: tuple[tuple[str, int, str, str], ...] = field(default=())  # arm, seed, status, message
    options: DecisionOptions = field(default_factory=DecisionOptions)
    looks: int = 1  # after which decisions were taken
    unused: int = 0  # finished runs beyond the decision of their arm
    registered: str = ""  # whether the plan was registered, and the departures from it
    looked_at: tuple[int, ...] = ()  # numbers of seeds at which a fixed design was looked at
    asked_before: tuple[str, ...] = ()  # other questions under which the same runs were looked at before
    more: tuple[str, ...] = ()  # other metrics that are shown
    compares: bool = True  # arms with a reference; not a grid over numbers, and not one net alone
    resolution: float = 0.0  # the step in which the metric is counted
    claims: tuple[ClaimResult, ...] = ()
    fits: tuple[FitLine, ...] = ()
    tuning: Tuning | None = None  # what was selected for each arm before it was compared

    @cached_property
    def fitted(self) -> tuple[FitResult, ...]:
        """The fits, by the runs that are there. Their bootstrap takes a moment, so that they are computed once."""
        return fit_results(self.fits, self.arms)

    @property
    def reference(self) -> ArmResult:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def done(self) -> int:
        """Runs with a result."""
        return sum(n for a in self.arms for state, n in a.states.items() if state in ENDED)

    @property
    def planned(self) -> int:
        """Runs in all."""
        return sum(a.planned for a in self.arms)

    @property
    def compared(self) -> tuple[ArmResult, ...]:
        """The arms that are compared with the reference, each experiment once."""
        return tuple(a for a in self.arms[1:] if a.comparison is not None and not a.twin)

    def course(self, arm: ArmResult) -> tuple[Sequence[Evidence], Sequence[bool]]:
        """The evidence on an arm after each seed that counts, and whether its spread and the reference's were uneven then."""
        base, step = self.reference.values, self.resolution
        both = [seed for seed in arm.decision.seeds if seed in base]
        flags = uneven([arm.values[seed] for seed in both], [base[seed] for seed in both], step)
        return evidence([arm.values[seed] - base[seed] for seed in both], resolution=step, uneven=flags), flags

    @cached_property
    def needed(self) -> Mapping[str, int]:
        """The seeds after which open arms would be decided if means and spreads stay as they are, by name, as far as that is
        known; in a fixed design those of another one that would show it with a power of 0.8."""
        verdicts = {a.name: a.verdict for a in self.compared if a.verdict is not None}
        return seeds_to_decide(verdicts, self.options, max(1, len(self.compared)))

    @property
    def measure(self) -> Metric:
        """The metric as a word, with its traits."""
        return metric_of(self.metric)

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is good: so for accuracies, not for losses."""
        return self.measure.higher


def results(
    title: str,
    metric: str,
    arms: Arms,
    seeds: Sequence[int],
    every: Sequence[Cell],
    found: Mapping[str, Found],
    options: DecisionOptions | None = None,
    more: Sequence[str] = (),
    claims: Sequence[ClaimedPair] = (),
    fits: Sequence[FitLine] = (),
) -> Results:
    """Bring together the plan and what the store has; ``found`` is by the cells' keys, ``more`` are other metrics to show.
    Without ``options`` the design is fixed, with its defaults.
    """
    options = options or DecisionOptions()
    own = own_cells(arms, every)
    twins = compared_twins(arms, own)
    scale = scale_of(metric, arms, every, found)
    decisions, looks = _decided(own, twins, found, options, scale, claims)
    scales = {name: scale_of(name, arms, every, found) for name in {metric, *(pair.metric for pair in claims)}}
    answered = claim_results(
        claims, [a.name for a in arms.arms], own, decisions, lambda c: found[c.key], options, scales, metric
    )
    if not arms.compares:
        decisions = [replace(d, verdict=None) for d in decisions]
    raw = [_arm(*one, found, more) for one in zip(arms.arms, own, decisions, strict=True)]
    first, rest = raw[0], list[ArmResult]()
    for a, twin in zip(raw[1:], twins[1:], strict=True):
        if not arms.compares:
            rest.append(a)
            continue
        if twin == 0:  # nothing can be compared with itself
            rest.append(replace(a, twin=first.name))
            continue
        base = {s: v for s, v in first.values.items() if s in a.values} if options.sequential else first.values
        compared = compare(a.values, base, (a.name, first.name))
        rest.append(replace(a, comparison=compared, twin="" if twin is None else arms.arms[twin].name))
    conditions = usual([f.conditions for f in found.values() if f.status in ENDED])
    planned = [cell for cells, a in zip(own, raw, strict=True) for cell in cells[: a.planned]]
    failures = tuple(
        (arms.arms[c.arm].name, c.seed, found[c.key].status, found[c.key].message)
        for c in planned
        if found[c.key].status not in ("finished", "running", "missing")
    )
    ended = sum(found[c.key].status in ENDED for n, cells in enumerate(own) for c in cells[raw[n].planned :])
    return Results(
        title,
        metric,
        tuple(seeds),
        arms.factors,
        arms.design.name,
        arms.design.aliases,
        (first, *rest),
        {**worth_saying({k: conditions.get(k, "") for k in CONDITIONS}), "data": _data(every, found)},
        _notes(arms),
        failures,
        options,
        looks,
        ended,
        more=tuple(more),
        compares=arms.compares and len(arms.arms) > 1,
        resolution=scale.resolution,
        claims=answered,
        fits=tuple(fits),
    )


def _decided(
    own: Sequence[Sequence[Cell]],
    twins: Sequence[int | None],
    found: Mapping[str, Found],
    options: DecisionOptions,
    scale: Scale,
    claims: Sequence[ClaimedPair],
) -> tuple[list[ArmDecision], int]:
    """The decision on each arm, twins having that of the arm whose experiment they are; and the number of looks."""
    if options.sequential:
        deciding = Deciding(own, twins, options, scale, claims)
        deciding.advance(lambda cell: found[cell.key])
        decisions, looks = deciding.decisions(), deciding.blocks
    else:
        decisions, looks = decide_fixed(own, twins, lambda cell: found[cell.key], options, scale), 1
    return [d if twin is None else decisions[twin] for d, twin in zip(decisions, twins, strict=True)], looks


def _data(every: Sequence[Cell], found: Mapping[str, Found]) -> str:
    """The data that the results are on, as people read it."""
    return ", ".join(sorted({short(c.experiment.data.fingerprint) for c in every if found[c.key].status in ENDED}))


def compared_twins(arms: Arms, own: Sequence[Sequence[Cell]]) -> list[int | None]:
    """As ``twins_of``; where nothing is compared, no arm is another's twin."""
    return twins_of(own) if arms.compares else [None] * len(own)


def twins_of(own: Sequence[Sequence[Cell]]) -> list[int | None]:
    """For each arm the first one that has the same runs, None where that is itself."""
    seen: dict[tuple[str, ...], int] = {}
    found: list[int | None] = []
    for number, cells in enumerate(own):
        before = seen.setdefault(tuple(c.key for c in cells), number)
        found.append(None if before == number else before)
    return found


def _notes(arms: Arms) -> tuple[str, ...]:
    left_out = [f"{many(arms.left_out, 'arm is', 'arms are')} left out by `where`"] if arms.left_out else []
    found = [*arms.notes, *left_out]
    found += [f"`{a.name}`: {a.matched}" for a in arms.arms if a.matched is not None]
    return tuple(found)


def _arm(
    arm: Arm, cells: Sequence[Cell], decision: ArmDecision, found: Mapping[str, Found], more: Sequence[str]
) -> ArmResult:
    counted = sorted(cells[: decision.planned], key=lambda c: c.seed)
    states = Counter(found[c.key].status for c in counted)
    folders = {c.seed: folder for c in counted if (folder := found[c.key].folder) is not None}
    figures = {c.seed: found[c.key].figures for c in counted if found[c.key].status == "finished"}
    runs = {seed: RunFigures(own, arm.totals, folders.get(seed)) for seed, own in figures.items()}
    others = {
        name: {s: v for s, run in runs.items() if (v := figure_of(metric_of(name), run)) is not None} for name in more
    }
    untrained = tuple(seed for seed, run in runs.items() if not run.trained(arm.spec.classes, arm.spec.task))
    values = {seed: decision.values[seed] for seed in sorted(decision.values)}
    return ArmResult(
        arm,
        decision.planned,
        values,
        figures,
        dict(sorted(states.items())),
        folders,
        decision,
        more=others,
        untrained=untrained,
    )
