"""What the tuning runs of a study select for each arm, and the tuning curve of each.

A setting is scored by the mean of its runs on the validation images; figures of the test images are not looked at. A setting of
which a run diverged or failed loses to all others, then one of which a run did not train. The earlier
one of equal scores is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import fsum

from archdsl.expand.metrics import metric_of
from archdsl.study.plan.arms import Arm
from archdsl.study.plan.cells import Cell, own_cells
from archdsl.study.plan.plan import DAMAGED, Found
from archdsl.study.plan.tune import Tune
from archdsl.study.plan.tuning import Setting, TuningPlan
from archdsl.study.results.counted import bad_value
from archdsl.study.results.decide import WAITING
from archdsl.study.results.run_figures import UNTRAINED, RunFigures
from archdsl.study.results.scale import Scale, scale_of
from archdsl.study.stats.tuning_curve import band, expected_best
from archdsl.words.metrics.base import Metric

UNSETTLED = (*WAITING, DAMAGED)  # states of a tuning run that says nothing of its setting yet


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting of an arm. ``status``: finished, or how a run of it ended, or what it is waiting for (``damaged``: its repair);
    ``score``: None where a run has none; ``loses``: to every setting that does not.
    """

    setting: Setting
    status: str
    score: float | None = None
    loses: bool = True


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The expected best score after so many tuning runs, and its interval; None where every setting was tried."""

    runs: int
    expected: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ArmTuning:
    """An arm with its settings in the order in which they count, its own one first. ``pick`` is the one that is selected,
    None as long as runs are missing; ``curve`` is empty as long, and where no setting of the study has a score nor chance.
    """

    name: str
    trials: tuple[Trial, ...]
    pick: int | None = None
    curve: tuple[CurvePoint, ...] = ()

    @property
    def selected(self) -> Trial | None:
        """The setting that is selected."""
        return None if self.pick is None else self.trials[self.pick]

    @property
    def lost(self) -> Mapping[str, int]:
        """How many settings lost, by what happened to them."""
        states = [t.status for t in self.trials if t.status not in ("finished", *UNSETTLED)]
        return {state: states.count(state) for state in sorted(set(states))}


@dataclass(frozen=True)
class Tuning:
    """The tuning of a study: ``metric`` selects; ``ended`` of ``planned`` runs have an outcome."""

    tune: Tune
    metric: str
    arms: tuple[ArmTuning, ...]
    ended: int
    planned: int
    notes: tuple[str, ...] = ()

    @property
    def picks(self) -> tuple[int, ...] | None:
        """The setting that is selected for each arm; None as long as runs are missing."""
        found = tuple(arm.pick for arm in self.arms if arm.pick is not None)
        return found if len(found) == len(self.arms) else None

    @cached_property
    def measure(self) -> Metric:
        """The metric that selects, as a word."""
        return metric_of(self.metric)


def tuning_of(plan: TuningPlan, found: Mapping[str, Found]) -> Tuning:
    """The outcome of tuning runs; ``found`` is by the cells' keys. Nothing is selected before every run has ended."""
    own = own_cells(plan.arms, plan.cells)
    scale = scale_of(plan.metric, plan.arms, plan.cells)
    settings = [setting for mine in plan.settings for setting in mine]
    trials = [
        _trial(setting, arm, scale, [(c, found[c.key]) for c in cells])
        for setting, arm, cells in zip(settings, plan.arms.arms, own, strict=True)
    ]
    states = [found[key].status for key in dict.fromkeys(cell.key for cell in plan.cells)]
    done = all(state not in UNSETTLED for state in states)
    scores = [t.score for t in trials if t.score is not None]
    worst = bad_value(scale, (min(scores) if scale.higher else max(scores)) if scores else None)
    arms, rest = [], iter(trials)
    for arm, tried in zip(plan.untuned.arms, plan.settings, strict=True):
        mine = _losing(tuple(islice(rest, len(tried))))
        every = len(tried) < plan.tune.runs
        arms.append(
            ArmTuning(arm.name, mine, _best(mine, scale), _curve(mine, scale, worst, every))
            if done
            else ArmTuning(arm.name, mine)
        )
    ended = sum(state not in UNSETTLED for state in states)
    return Tuning(plan.tune, plan.metric, tuple(arms), ended, len(states), plan.notes)


def _trial(setting: Setting, arm: Arm, scale: Scale, runs: Sequence[tuple[Cell, Found]]) -> Trial:
    states = [f.status for _, f in runs]
    status = next((s for s in states if s in UNSETTLED), next((s for s in states if s != "finished"), "finished"))
    if status != "finished":
        return Trial(setting, status)
    scores = [scale.of(cell, f) for cell, f in runs]
    known = [score for score in scores if score is not None]
    figures = [RunFigures(f.figures, arm.totals, f.folder) for _, f in runs]
    if len(known) < len(scores) or not all(f.trained(arm.spec.classes, arm.spec.task, "valid") for f in figures):
        status = UNTRAINED
    return Trial(setting, status, fsum(known) / len(known) if len(known) == len(scores) else None)


def _losing(trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
    """The settings of an arm: those lose that have no score, and those that did not train where another one did."""
    trained = any(t.status == "finished" for t in trials)
    return tuple(replace(t, loses=t.score is None or (trained and t.status == UNTRAINED)) for t in trials)


def _best(trials: Sequence[Trial], scale: Scale) -> int:
    """The best setting, the earlier one of equal scores; an arm of which all lose keeps its own."""
    sign = 1 if scale.higher else -1
    scored = [(n, sign * t.score) for n, t in enumerate(trials) if t.score is not None and not t.loses]
    return max(scored, key=lambda pair: pair[1], default=(0, 0.0))[0]


def _curve(trials: Sequence[Trial], scale: Scale, worst: float | None, every: bool) -> tuple[CurvePoint, ...]:
    """The tuning curve. Its first run is the arm's own setting, which is not drawn: after k runs the best score is that of
    the own setting or of the best of k - 1 draws, whichever is better. A setting that lost counts as ``worst``; there is no
    curve where that is not known.

    Args:
        every: the settings are all that there are, so that nothing is left to be estimated.
    """
    if worst is None:
        return ()
    sign = 1 if scale.higher else -1
    first, *rest = (sign * (worst if t.score is None or t.loses else t.score) for t in trials)
    own = sign * first
    if not rest:
        return (CurvePoint(1, own, own, own),)
    best = [max(first, score) for score in rest]
    # The metric of every task is at most 1, or it is a loss of which 0 is the least.
    ends = [(None, None)] * len(best) if every else band(best, first, 1.0 if scale.higher else 0.0)
    points = [CurvePoint(1, own, own, own)]
    for k, (value, (low, high)) in enumerate(zip(expected_best(best), ends, strict=True), 2):
        if low is None or high is None:
            points.append(CurvePoint(k, sign * value))
        else:
            points.append(CurvePoint(k, sign * value, *sorted((sign * low, sign * high))))
    return tuple(points)
