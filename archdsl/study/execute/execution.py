"""A study from its plan to its results: what is to be run, on which workers, in which design. The command line and the Python
interface share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from archdsl.atomic import write_whole
from archdsl.runs.conditions import ConditionOptions
from archdsl.study.amounts import budget
from archdsl.study.execute.bundles import AUTO, OFF, bundles
from archdsl.study.execute.looks import asked_before
from archdsl.study.execute.messages import RunOptions
from archdsl.study.execute.register import looked, note, plan_of
from archdsl.study.execute.runner import Engine, Listener, StudyRunner
from archdsl.study.execute.select import STUDY, decision_options, folder_of, standalone
from archdsl.study.execute.sequential import Group, SequentialRun
from archdsl.study.execute.worker_budget import WorkerBudget, worker_budget
from archdsl.study.plan.cells import Cell
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.fitted import fit_lines
from archdsl.study.plan.plan import DAMAGED, begun_otherwise, distinct
from archdsl.study.results.decide import WAITING
from archdsl.study.results.results import ArmResult, Results, results
from archdsl.study.stats.verdicts import OPEN


@dataclass(frozen=True)
class ExecutionOptions:
    """How the runs of a study are carried out.

    Args:
        jobs: workers; None: one a core, or as many as fit on a GPU.
        address: of a Ray cluster.
        retry: how often a run is tried again after a process or a disk failed.
        fail_fast: the first run that does not finish ends the study.
        again: runs that are damaged, or were made under other conditions, are trained again.
        fuse: seeds that are trained as one net, see ``bundles``.
    """

    device: str = "auto"
    data_root: Path | None = None
    jobs: int | None = None
    engine: str = "local"
    address: str | None = None
    retry: int = 1
    fail_fast: bool = False
    again: bool = False
    fuse: str = AUTO


class Execution:
    """The runs of a study that are to be carried out. Its folder is made, and the study written into it."""

    def __init__(self, study: StudyFile, runner: StudyRunner, how: ExecutionOptions) -> None:
        self.study, self.runner, self.how = study, runner, how
        self.folder = folder_of(study, runner.runs)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / STUDY, standalone(study).encode())
        again, missing = redone(study, runner, how), runner.missing
        self.again = tuple(cell.key for cell in again)
        self.todo = [*missing, *(cell for cell in again if cell not in missing)]
        self.sequentially = study.sequential and not runner.tunes
        self.metric = runner.tunes or study.metric

    @cached_property
    def budget(self) -> WorkerBudget:
        """The workers that the machine has room for."""
        return worker_budget(self.runner.arms, self.todo, self.how.device, self.how.jobs)

    @cached_property
    def sequential(self) -> SequentialRun | None:
        """The sequential design of the study; None of a fixed one, and of tuning runs."""
        if not self.sequentially:
            return None
        return sequential_run(self.study, self.runner, self.how, self.again, self.group)

    @property
    def needed(self) -> bool:
        """Whether anything is to be run."""
        return bool(self.todo) and not self.runner.waits and (self.sequential is None or not self.sequential.finished)

    @cached_property
    def groups(self) -> Sequence[Sequence[Cell]]:
        """The runs of a fixed design as groups that are trained together."""
        return [[cell] for cell in self.todo] if self.sequentially else self.group(self.todo)

    @property
    def jobs(self) -> int:
        """Workers that are used."""
        return min(self.budget.jobs, len(self.groups))

    def group(self, cells: Sequence[Cell]) -> list[list[Cell]]:
        """The cells as groups that are trained together."""
        alone = self.how.engine == "ray" or self.study.time_limit is not None or bool(self.again)
        room = self.budget
        return bundles(self.runner.arms, cells, OFF if alone else self.how.fuse, room.gpu, room.jobs, room.bytes)

    def run(self, listen: Listener = lambda event: None) -> None:
        """Carry out what is needed.

        Raises:
            EnvError: workers do not start.
        """
        if self.sequential is not None:
            self.runner.decide(self._engine(), self.sequential, listen, self.how.fail_fast)
        else:
            self.runner.carry_out(self._engine(), self.todo, listen, self.how.fail_fast, self.groups)

    def _engine(self) -> Engine:
        options = run_options(self.study, self.runner, self.how, self.again)
        if self.how.engine == "ray":
            from archdsl.study.execute.cluster import Cluster

            return Cluster(options, self.how.jobs, self.how.retry, self.how.address)
        from archdsl.study.execute.local import Local

        return Local(options, self.jobs, self.folder, self.how.retry)


def redone(study: StudyFile, runner: StudyRunner, how: ExecutionOptions) -> list[Cell]:
    """The runs that are trained again: none, unless that is asked for, and then those that are damaged, or were made, or begun,
    under other conditions than those of now. The nodes of a cluster are asked only when they are there: for them, what the
    options say counts, and else what most runs have.
    """
    from archdsl.study.execute.ask import conditions

    if not how.again or all(f.status == "missing" for f in runner.found.values()):
        return []
    wanted = ConditionOptions(study.precision, how.device).wanted
    options = run_options(study, runner, how)
    now = wanted if how.engine == "ray" else {**conditions(options), **wanted}
    found = runner.with_foreign(now)
    return [
        c
        for c in distinct(runner.every)
        if found[c.key].status in ("foreign", DAMAGED) or begun_otherwise(found[c.key], now)
    ]


def sequential_run(
    study: StudyFile,
    runner: StudyRunner,
    how: ExecutionOptions,
    again: Sequence[str] = (),
    group: Group | None = None,
) -> SequentialRun:
    """The runs of a sequential design; ``again`` and ``group`` as for ``SequentialRun``."""
    return SequentialRun(
        runner.arms,
        runner.every,
        runner.found,
        study.metric,
        decision_options(study),
        again=again,
        group=group,
        seconds=budget(study.budget).seconds if study.budget else None,
        wanted=ConditionOptions(study.precision, how.device).wanted,
        claims=claimed_pairs(study, runner.arms),
    )


def executions(study: StudyFile, runner: StudyRunner, how: ExecutionOptions) -> Iterator[Execution]:
    """What is to be carried out of a study, one after the other: its tuning runs, then those that compare what they select. The
    latter are not needed as long as a tuning run has not ended.
    """
    if runner.tuning is not None:
        execution = Execution(study, runner.tuning.runner, how)
        yield execution
        runner = runner.tuning.after(execution.runner.found)
    yield Execution(study, runner, how)


def run_options(
    study: StudyFile, runner: StudyRunner, how: ExecutionOptions, again: tuple[str, ...] = ()
) -> RunOptions:
    """What is alike for all runs of a study."""
    root = str(how.data_root) if how.data_root else None
    return RunOptions(str(runner.runs), root, how.device, study.precision, study.time_limit, 1, again)


def results_of(
    study: StudyFile,
    runner: StudyRunner,
    current: Mapping[str, str] | None = None,
    look: bool = True,
    stopped: str = "",
) -> Results:
    """The results of a study as they are, with what is known of its plan.

    Args:
        current: conditions whose runs count; None: those that most runs have.
        look: somebody sees them, which is kept.
        stopped: why no further run was begun now, which the store does not know.
    """
    found = results(
        study.title,
        study.metric,
        runner.arms,
        study.seeds,
        runner.every,
        runner.with_foreign(current),
        decision_options(study),
        study.more,
        claimed_pairs(study, runner.arms),
        fit_lines(study, runner.arms, runner.every),
    )
    folder, plan = folder_of(study, runner.runs), plan_of(study, *runner.untuned)
    seen = looked(folder, len(study.seeds)) if look and _settled(found) and not study.sequential else []
    before: tuple[str, ...] = ()
    if look and any(a.verdict is not None for a in found.compared):
        asked = plan_of(study, runner.arms, runner.every)
        before = asked_before(runner.runs, asked, {seed for a in found.arms for seed in a.values})
    tuning = None if runner.tuning is None else runner.tuning.outcome
    if stopped:
        found = replace(found, arms=(found.arms[0], *(_stopped(arm, stopped) for arm in found.arms[1:])))
    return replace(found, registered=note(folder, plan), looked_at=tuple(seen), asked_before=before, tuning=tuning)


def _settled(found: Results) -> bool:
    """Whether no run is left to be made: each has a result, or ended without one."""
    return not any(arm.states.get(state) for arm in found.arms for state in (*WAITING, DAMAGED))


def _stopped(arm: ArmResult, why: str) -> ArmResult:
    """An arm with the reason why it ends, if it is open and has none."""
    decided = arm.verdict is not None and arm.verdict.decision != OPEN
    return arm if decided or arm.decision.why else replace(arm, decision=replace(arm.decision, why=why))
