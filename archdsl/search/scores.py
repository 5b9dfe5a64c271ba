"""What the store says of the jobs of a search: the objectives of a candidate after the epochs of a rung."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric_of
from archdsl.runs.conditions import ConditionOptions, conditions_of, contrast
from archdsl.runs.events import warnings_in, warnings_logged
from archdsl.runs.run import Run, find_run, read_events
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.search.candidates import Candidate
from archdsl.search.order import Score
from archdsl.study.plan.arms import TOTALS
from archdsl.study.results.run_figures import RunFigures, epochs_of
from archdsl.words.metrics.base import OfNet
from archdsl.words.metrics.effort import Evaluations, Speed
from archdsl.words.metrics.scores import Gap

FAILED = ("failed", "oom", "timeout")  # what a run leaves that ended by a fault of its own
KEPT = "--runs DIR keeps both; leave the option out to keep the existing runs"
LOGGED = ("valid_accuracy", "valid_loss")  # validation figures that a run logs after every epoch


@dataclass(frozen=True)
class Objective:
    """A figure that a search improves: a metric of validation images, or a total of the network such as ``params``."""

    name: str

    @property
    def of_net(self) -> bool:
        """Whether it is known before a step."""
        return self.name in TOTALS

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return not self.of_net and metric_of(self.name).higher

    def cost(self, value: float) -> float:
        """The value where less is better."""
        return -value if self.higher else value

    def value(self, cost: float) -> float:
        """The value of a cost."""
        return -cost if self.higher else cost


def objective_of(name: str, rungs: tuple[int, ...]) -> Objective:
    """The objective of a name.

    Raises:
        ArchError: no such metric; one that looks at test images, is a total of the net, depends on the clock, or is not logged
            on every rung.
    """
    metric = metric_of(name)
    of_test = isinstance(metric, Gap | Evaluations) or (isinstance(metric, OfNet) and metric.images > 0)
    if metric.on == "test" or metric.needs_evaluation or of_test:
        raise ArchError(
            f"the objective `{name}` looks at test images, and a search must not",
            help="take a metric of validation images, such as valid_accuracy or valid_loss",
        )
    if metric.name in TOTALS:
        raise ArchError(
            f"the objective `{name}` is known before training, so that no run tells anything of it",
            help=f"take a metric of validation images, and --pareto {metric.name} beside it; "
            f"`archdsl params SPACE --sort {metric.name}` lists arms by it",
        )
    if metric.unit == "seconds" or isinstance(metric, Speed):
        raise ArchError(
            f"the objective `{name}` depends on the clock, so that the search could not be repeated",
            help="take a total that does not depend on the clock: --pareto macs",
        )
    if len(rungs) > 1 and metric.name not in LOGGED:
        raise ArchError(
            f"the objective `{name}` is not measured after each epoch, and the search has rungs",
            help=f"take {' or '.join(LOGGED)}, or leave --rungs out",
        )
    return Objective(metric.name)


def total_of(name: str) -> Objective:
    """The objective of a total of the network.

    Raises:
        ArchError: no such total.
    """
    if name not in TOTALS:
        raise ArchError(
            f"`--pareto {name}` is not a total", help=suggest(name, TOTALS) or f"one of {', '.join(TOTALS)}"
        )
    return Objective(name)


@dataclass(frozen=True)
class Scores:
    """Reads results of candidates from a folder of runs; the first objective is a metric. ``conditions`` counts those under which
    the runs were made, ``warned`` has what they were warned of, ``requested`` are those that a command asks for.
    """

    objectives: tuple[Objective, ...]
    rungs: tuple[int, ...]
    runs: Path
    conditions: Counter[tuple[tuple[str, str], ...]] = field(default_factory=Counter)
    warned: dict[str, None] = field(default_factory=dict)
    requested: ConditionOptions = field(default_factory=ConditionOptions)

    def mixed(self) -> str:
        """In what the conditions of the runs differ; "" where they do not."""
        (first, _), *others = self.conditions.most_common() or [((), 0)]
        return contrast(dict(others[0][0]), dict(first)) if others else ""

    def score(self, candidate: Candidate, rung: int) -> Score | None:
        """The result of a candidate on a rung; None where it has none yet.

        Raises:
            ArchError: it was made under other conditions than are asked for.
            StoreError: the run is damaged.
        """
        run = find_run(self.runs, candidate.experiment)
        if run is None:
            return None
        if run.done or Checkpoints(run.folder).exist():
            self.requested.check(run.versions, f"the existing run {run.folder}", KEPT)
        said = warnings_logged(read_events(run.folder)) if run.result is None else warnings_in(run.result)
        self.warned.update(dict.fromkeys(said))
        self.conditions.update([tuple(sorted(conditions_of(run.versions).items()))])
        status = str((run.result or {}).get("status", ""))
        epoch = None if rung == len(self.rungs) - 1 else self._epoch(run, self.rungs[rung])
        if status not in ("finished", "diverged") and epoch is None:
            return None  # its last epoch may be logged, but the figure of the weights that it keeps is not there
        # What a candidate had on a rung stays, whatever became of it on a higher one.
        name = self.objectives[0].name
        value = epoch.get(name) if epoch is not None else None
        if status == "finished" and (epoch is None or name not in epoch):  # a whole run, or one that ended early
            value = self._final(run, candidate)
        if not isinstance(value, int | float) or not math.isfinite(value):  # null, where a file has no number
            return Score(None)
        return Score(tuple(o.cost(candidate.totals[o.name] if o.of_net else value) for o in self.objectives))

    def failure(self, candidate: Candidate) -> str | None:
        """Why the run of a candidate failed by a fault of its own, such as too little memory; None where it did not.

        Raises:
            StoreError: the run is damaged.
        """
        run = find_run(self.runs, candidate.experiment)
        outcome = run.result or {} if run is not None else {}
        status = str(outcome.get("status", ""))
        return str(outcome.get("message") or status) if status in FAILED else None

    def _final(self, run: Run, candidate: Candidate) -> float | None:
        return metric_of(self.objectives[0].name).of(RunFigures(run.result or {}, candidate.totals, run.folder))

    def _epoch(self, run: Run, number: int) -> Mapping[str, Any] | None:
        """What a run logged at the end of an epoch; None where it did not get there."""
        return next((e for e in epochs_of(read_events(run.folder)) if e.get("epoch") == number), None)
