"""A search from its options to its results: candidates, then the winners on fresh seeds. The command line and Python share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archdsl.atomic import write_whole
from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.runs.conditions import ConditionOptions
from archdsl.search.candidates import Candidate, Candidates
from archdsl.search.carry_out import Listener
from archdsl.search.options import FOLLOW_UP, SearchOptions, begun, keep, record_of
from archdsl.search.plan import search_of
from archdsl.search.results import SearchResults, results_of
from archdsl.search.scores import KEPT
from archdsl.search.winners import chosen, study_of
from archdsl.study.amounts import MAX_SEEDS, Budget
from archdsl.study.execute.cores import gpus
from archdsl.study.execute.execution import Execution, ExecutionOptions
from archdsl.study.execute.execution import results_of as compared
from archdsl.study.execute.messages import RunOptions
from archdsl.study.execute.runner import Engine, StudyRunner
from archdsl.study.execute.runner import Event as StudyEvent
from archdsl.study.execute.runner import Listener as StudyListener
from archdsl.study.execute.worker_budget import worker_budget
from archdsl.study.plan.estimate import OVERHEAD, RATE, measured_rate
from archdsl.study.plan.plan import planned
from archdsl.study.results.results import Results

OFTEN = 2.0  # seconds between two records of the time that was spent


@dataclass(frozen=True)
class HowToSearch:
    """How the runs of a search are carried out; see ``ExecutionOptions``.

    Args:
        winners: candidates that are compared on fresh seeds.
        max_seeds: fresh seeds after which a winner stays open.
    """

    budget: Budget
    winners: int = 3
    runs: Path = Path("runs")
    device: str = "auto"
    precision: str = "auto"
    jobs: int | None = None
    engine: str = "local"
    address: str | None = None
    retry: int = 1
    data_root: Path | None = None
    max_seeds: int = MAX_SEEDS


class SearchExecution:
    """A search that is to be carried out. Its folder has the record of it.

    Raises:
        ArchError: it begins on a Ray cluster, and the number of workers is not stated.
    """

    def __init__(self, options: SearchOptions, candidates: Candidates, how: HowToSearch) -> None:
        self.how, self.candidates = how, candidates
        self.folder = options.folder(how.runs)
        if how.engine == "ray" and how.jobs is None and begun(self.folder) is None:
            raise ArchError(
                "a search on a Ray cluster needs the number of workers, which its decisions follow",
                help="give it by --jobs: as many as the cluster has cores or GPUs; another number may be given later",
            )
        self.jobs = how.jobs or worker_budget(None, (), how.device, None).jobs  # type: ignore[arg-type]
        self.options, self.record, self.notes = record_of(options, self.folder, self.jobs)
        self.requested = ConditionOptions(how.precision, how.device)
        self.search = search_of(self.options, candidates, how.runs, how.budget.runs, self.requested)
        self.search.spent = self._spent
        self._before, self._kept = self.record.seconds, 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left of the whole budget; None: no limit."""
        return None if self.how.budget.seconds is None else self.how.budget.seconds - self.record.seconds

    def check(self) -> None:
        """Refuse a budget that is too small for one run on a CPU. On a GPU the rates of small and large nets differ so much that
        nothing is known beforehand.

        Raises:
            ArchError: it is.
        """
        seconds = self.how.budget.seconds
        if seconds is None or self.record.seconds:
            return
        if self._kind() != "cpu":
            return
        rate = measured_rate(self.how.runs, "cpu") or RATE
        self.search.look()
        epochs = self.search.order.reached(0, 0)
        one = OVERHEAD + self.candidates.work(0, epochs) / rate
        if one > (1 - FOLLOW_UP) * seconds:
            whose = (
                "one run" if len(self.options.rungs) == 1 else f"the first rung of one run ({many(epochs, 'epoch')})"
            )
            raise ArchError(
                f"the budget of {seconds:g} s is smaller than {whose}, which takes about {one:,.0f} s; "
                f"{100 * (1 - FOLLOW_UP):.0f} % of the budget are for searching",
                help="give it more time, fewer epochs (--set train.epochs=2) or --rungs",
            )

    def run(self, listen: Listener = lambda event, search: None) -> None:
        """Train candidates until the budget of the search is spent.

        Raises:
            ArchError: the space has no candidate, or no run has a result.
            EnvError: workers do not start.
        """
        keep(self.folder, self.record)
        write_whole(self.folder / "space.arch", self.options.text.encode())
        total = self.how.budget.seconds
        self.search.seconds = None if total is None else (1 - FOLLOW_UP) * total - self.record.seconds
        if total is not None and self.record.seconds and (rate := measured_rate(self.how.runs, self._kind())):
            self.search.rate = 1 / rate
        if total is not None and (self.search.seconds or 0.0) <= 0:
            self.search.replay()
            self.search.stopped = not self.search.order.finished
        else:
            try:
                self.search.run(self._engine(), listen)
            finally:
                self._keep()
        if not any(self.search.order.halving.found):
            failed = next(iter(self.search.failed.values()), "no run ended within the budget")
            raise ArchError(f"the search has no result: {failed}", help="give it a larger --budget, or see --dry-run")

    def winners(self) -> list[Candidate]:
        """The candidates to compare."""
        return chosen(self.search, self.how.winners)

    def compare(
        self, winners: Sequence[Candidate], listen: Callable[[Execution], StudyListener] | None = None
    ) -> Results | None:
        """The winners and the base on fresh seeds; None where there is nothing to compare.

        Args:
            listen: makes what listens to the runs.

        Raises:
            ArchError: runs of these seeds were made under other conditions than are asked for.
            EnvError: workers do not start.
        """
        metric = self._metric()
        how = self.how
        study = study_of(self.options, self.search, winners, metric, how.precision, self.left, how.max_seeds)
        if len(study.base) < 2:
            return None
        for name, text in study.base:
            write_whole(self.folder / f"{name}.arch", text.encode())
        arms, every = planned(study, how.runs, how.data_root)
        runner = StudyRunner(arms, every, how.runs)
        try:
            runner.check(self.requested)
        except ArchError as error:
            raise ArchError(error.message, help=KEPT) from error
        options = ExecutionOptions(how.device, how.data_root, how.jobs, how.engine, how.address, how.retry)
        execution = Execution(study, runner, options)
        began, self._before, self._kept = time.monotonic(), self.record.seconds, 0.0
        if execution.needed and self.left is not None and self.left <= 0:
            self.notes.append("the budget left no time for the comparison on fresh seeds; a larger one carries it out")
        elif execution.needed:
            heard = listen(execution) if listen is not None else lambda event: None

            def hear(event: StudyEvent) -> None:
                heard(event)
                self._spent(time.monotonic() - began)

            try:
                execution.run(hear)
            finally:
                self._spent(time.monotonic() - began)
                self._keep()
        sequential = execution.sequential
        return compared(study, runner, stopped=sequential.stopped if sequential is not None else "")

    def results(self, winners: Sequence[Candidate] = (), judged: Results | None = None) -> SearchResults:
        """What was found."""
        if mixed := self.search.scores.mixed():
            self.notes.append(f"some results were made under other conditions: {mixed}")
        if self.search.trained and self.search.sitting > 0:
            share = self.search.occupied / (self.search.sitting * self.jobs)
            self.notes.append(
                f"{many(self.jobs, 'worker')} had work in {100 * share:.0f} % of the {self.search.sitting:,.0f} s of searching"
            )
        return results_of(self.options, self.search, winners, judged, self.record.seconds, self.notes)

    def _kind(self) -> str:
        """The kind of device of the runs."""
        kind = self.how.device.partition(":")[0]
        return kind if kind != "auto" else "cuda" if gpus() else "cpu"

    def _metric(self) -> str:
        objective = metric_of(self.options.objective)
        return (
            self.candidates.arms.spec(self.candidates.every[0].point).task.metric
            if objective.on == "valid"
            else objective.name
        )

    def _engine(self) -> Engine:
        how = self.how
        root = str(how.data_root) if how.data_root else None
        options = RunOptions(str(how.runs), root, how.device, how.precision, None, 1, ())
        if how.engine == "ray":
            from archdsl.study.execute.cluster import Cluster

            return Cluster(options, how.jobs, how.retry, how.address)
        from archdsl.study.execute.local import Local

        return Local(options, self.jobs, self.folder, how.retry)

    def _spent(self, seconds: float) -> None:
        self.record.seconds = self._before + seconds
        if seconds - self._kept > OFTEN:
            self._keep()
            self._kept = seconds

    def _keep(self) -> None:
        keep(self.folder, self.record)
