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
from archdsl.runs.conditions import CONDITIONS, usual
from archdsl.study.arms import Arm, Arms
from archdsl.study.factors import Factor
from archdsl.study.plan import ENDED, Cell, Found
from archdsl.study.run_figures import UNTRAINED, RunFigures
from archdsl.study.stats import Comparison, Summary, compare, holm, summary
from archdsl.words.metrics.base import Metric


@dataclass(frozen=True)
class ArmResult:
    """An arm with what its runs gave.

    values: the metric by seed, of finished runs. figures: all figures of a finished run's result, by seed. states:
    how many of the planned runs are finished, diverged, failed, oom, timeout, interrupted, running, foreign, missing.
    folders: the run folders by seed. more: other metrics by name and seed. untrained: seeds of finished runs that did not
    train (see ``RunFigures.trained``).
    comparison: with the reference, seed by seed, None for the reference itself. p: its sign-flip p, Holm-adjusted
    over all comparisons of the study. twin: the arm before it that is the same experiment, "" where there is none; its
    comparison counts once.
    """

    arm: Arm
    planned: int
    values: Mapping[int, float]
    figures: Mapping[int, Mapping[str, Any]]
    states: Mapping[str, int]
    folders: Mapping[int, Path]
    comparison: Comparison | None = None
    p: float | None = None
    twin: str = ""
    more: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    untrained: tuple[int, ...] = ()

    @property
    def outcomes(self) -> Mapping[str, int]:
        """The states of its runs, and how many of the finished ones did not train."""
        return {**self.states, UNTRAINED: len(self.untrained)} if self.untrained else self.states

    @property
    def name(self) -> str:
        """The arm's name."""
        return self.arm.name

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
    more: tuple[str, ...] = ()  # other metrics that are shown
    compares: bool = True  # with a reference

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

    @property
    def measure(self) -> Metric:
        """The metric as a word, with its traits."""
        return metric_of(self.metric)

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is good: so for accuracies, not for losses."""
        return self.measure.higher


def results(
    title: str, metric: str, arms: Arms, seeds: Sequence[int], every: Sequence[Cell], found: Mapping[str, Found],
    more: Sequence[str] = (),
) -> Results:  # fmt: skip
    """Bring together the plan and what the store has; ``found`` is by the cells' keys, ``more`` are other metrics to show."""
    own = [[c for c in every if c.arm == n] for n in range(len(arms.arms))]
    raw = [_arm(arm, cells, found, (metric, *more)) for arm, cells in zip(arms.arms, own, strict=True)]
    first = raw[0]
    twins = _twins(own)
    others = raw[1:] if arms.compares else []
    compared = [compare(a.values, first.values, (a.name, first.name)) for a in others]
    twins = twins if arms.compares else twins[:1]
    counted = [twin is None for twin in twins[1:]]
    adjusted = holm([c.p if c.n and once else None for c, once in zip(compared, counted, strict=True)])
    rest: list[ArmResult] = []
    for a, c, p, twin in zip(others, compared, adjusted, twins[1:], strict=True):
        if twin is None:
            rest.append(replace(a, comparison=c, p=p))
        elif twin == 0:  # nothing can be compared with itself
            rest.append(replace(a, twin=first.name))
        else:
            rest.append(replace(a, comparison=c, p=rest[twin - 1].p, twin=raw[twin].name))
    rest = rest if arms.compares else raw[1:]
    conditions = usual([f.conditions for f in found.values() if f.status in ENDED])
    failures = tuple(
        (arms.arms[c.arm].name, c.seed, found[c.key].status, found[c.key].message)
        for c in every if found[c.key].status not in ("finished", "running", "missing")
    )  # fmt: skip
    return Results(
        title, metric, tuple(seeds), arms.factors, arms.design.name, arms.design.aliases, (first, *rest),
        {**{k: conditions.get(k, "") for k in CONDITIONS}, "data": _data(every, found)}, _notes(arms), failures,
        tuple(more), arms.compares,
    )  # fmt: skip


def _data(every: Sequence[Cell], found: Mapping[str, Found]) -> str:
    """The data that the results are on, as people read it."""
    return ", ".join(sorted({short(c.experiment.data.fingerprint) for c in every if found[c.key].status in ENDED}))


def _twins(own: Sequence[Sequence[Cell]]) -> list[int | None]:
    """For each arm the first one that has the same runs, None where that is itself."""
    seen: dict[tuple[str, ...], int] = {}
    found: list[int | None] = []
    for number, cells in enumerate(own):
        before = seen.setdefault(tuple(c.key for c in cells), number)
        found.append(None if before == number else before)
    return found


def _notes(arms: Arms) -> tuple[str, ...]:
    found = list(arms.notes)
    if arms.left_out:
        found.append(f"{arms.left_out:,} arms are left out by `where`")
    found += [f"{a.name}: {a.matched}" for a in arms.arms if a.matched is not None]
    return tuple(found)


def _arm(arm: Arm, cells: Sequence[Cell], found: Mapping[str, Found], names: Sequence[str]) -> ArmResult:
    states: Counter[str] = Counter()
    values: dict[str, dict[int, float]] = {name: {} for name in names}
    untrained: list[int] = []
    figures: dict[int, Mapping[str, Any]] = {}
    folders: dict[int, Path] = {}
    for cell in sorted(cells, key=lambda c: c.seed):
        state = found[cell.key]
        states[state.status] += 1
        if state.folder is not None:
            folders[cell.seed] = state.folder
        if state.status == "finished":
            figures[cell.seed] = state.figures
            run = RunFigures(state.figures, arm.totals, state.folder)
            measured = {name: metric_of(name).of(run) for name in names}
            for name, value in measured.items():
                if value is not None:
                    values[name][cell.seed] = value
            if not run.trained(arm.spec.classes):
                untrained.append(cell.seed)
    first, *more = names
    return ArmResult(arm, len(cells), values[first], figures, dict(sorted(states.items())), folders,
                     more={name: values[name] for name in more}, untrained=tuple(untrained))  # fmt: skip
