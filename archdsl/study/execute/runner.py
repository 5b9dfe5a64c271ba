"""A study carried out: what is missing is run, what is there is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from archdsl.errors import ArchError
from archdsl.expand.pin import located
from archdsl.expand.text import canonical_text
from archdsl.runs.conditions import ConditionOptions, differing
from archdsl.runs.run import place_of
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.study.execute.messages import More, Ready, RunProgress, RunRequest, RunResult
from archdsl.study.execute.sequential import SequentialRun
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell, with_needs
from archdsl.study.plan.plan import DAMAGED, ENDED, Found, Status, distinct, foreign, look
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from archdsl.study.execute.stages import TuningStage

Event = Ready | RunProgress | RunResult
Listener = Callable[[Event], object]


class Engine(Protocol):
    """Carries out requests, the first ones first; one RunResult each."""

    def run(self, requests: Sequence[RunRequest], more: More | None = None) -> Iterator[Event]: ...


@dataclass
class StudyRunner:
    """The runs of a study on their way. ``found`` is what is known of each, by key. ``tuning`` has those that tune the arms
    before; ``tunes``: the metric by which these runs select, "" of those that compare.
    """

    arms: Arms
    every: tuple[Cell, ...]
    runs: Path
    found: dict[str, Found] = field(default_factory=dict)
    tuning: TuningStage | None = None
    tunes: str = ""

    def __post_init__(self) -> None:
        none = Found("missing", {}, {})
        self.found = {c.key: none if self.waits else look(self.runs, c) for c in distinct(self.every)}

    @property
    def waits(self) -> bool:
        """Whether tuning runs have to end before it is known what is run here."""
        return self.tuning is not None and self.tuning.outcome.picks is None

    def again(self) -> StudyRunner:
        """The same by what the store has now; of a study that tunes its arms with those that are selected, once they are."""
        return replace(self) if self.tuning is None else self.tuning.again()

    @property
    def stages(self) -> tuple[StudyRunner, ...]:
        """The runs that tune, if there are any, and those that compare."""
        return (self,) if self.tuning is None else (self.tuning.runner, self)

    @property
    def untuned(self) -> tuple[Arms, tuple[Cell, ...]]:
        """The arms as they are written, and their runs."""
        return (self.arms, self.every) if self.tuning is None else (self.tuning.plan.untuned, self.tuning.plan.every)

    @property
    def missing(self) -> list[Cell]:
        """Runs without a result, the longest first; those that are damaged are left to ``--again``."""
        return [cell for cell in distinct(self.every) if self.found[cell.key].status not in (*ENDED, DAMAGED)]

    def check(self, requested: ConditionOptions) -> None:
        """Refuse to answer by runs that were made under other conditions than are asked for.

        Raises:
            ArchError: there are such runs.
        """
        wanted = requested.wanted
        recorded = [f.conditions for f in self.found.values() if f.conditions.get("precision") and _binds(f)]
        others = [c for c in recorded if differing(c, wanted)]
        if not others:
            return
        names = differing(others[0], wanted)
        had = ", ".join(f"{k} {others[0].get(k) or 'unknown'}" for k in names)
        raise ArchError(
            f"{requested.options(names)} conflicts with {len(others)} of the {len(recorded)} existing runs, which have "
            f"{had}",
            help="--again trains these again; --runs DIR keeps both; leave the option out to keep the existing runs",
        )

    def label(self, cell: Cell) -> str:
        """What people call a run."""
        name = f"{self.arms.arms[cell.arm].name}, seed {cell.seed}"
        beside = cell.evaluation is None and bool(self.arms.arms[cell.arm].spec.graph.evaluate)
        return f"{name} (training)" if beside else name

    def request(self, cell: Cell) -> RunRequest:
        """What a worker is told."""
        experiment, text, begins = cell.experiment, cell.experiment.text, ""
        if cell.needs and cell.evaluation is None:
            begins = str(place_of(self.runs, cell.needs[0].experiment, again=True))
            text = canonical_text(located(parse(text), begins))
        return RunRequest(
            cell.key,
            experiment.name,
            text,
            self.label(cell),
            experiment.data.fingerprint,
            needs=tuple(need.key for need in cell.needs),
            begins=begins,
            evaluation=cell.evaluation.text if cell.evaluation is not None else "",
        )

    def needed(self, cells: Sequence[Cell], sequential: SequentialRun) -> list[RunRequest]:
        """Requests for the runs that these need, which are neither there nor requested."""
        found = []
        for need in with_needs(need for cell in cells for need in cell.needs):
            if not sequential.has(need.key):
                sequential.begun.add(need.key)
                found.append(self.request(need))
        return found

    def carry_out(
        self,
        engine: Engine,
        cells: Sequence[Cell],
        listen: Listener = lambda event: None,
        fail_fast: bool = False,
        groups: Sequence[Sequence[Cell]] | None = None,
    ) -> None:
        """Run the cells. With ``fail_fast`` the first one that does not finish ends the study. ``groups`` of them are
        trained together where that is possible.
        """
        by_key = {cell.key: cell for cell in cells}
        together = groups if groups is not None else [[cell] for cell in cells]
        self._listen(engine.run([self.several(group) for group in together]), by_key, listen, fail_fast)

    def several(self, group: Sequence[Cell]) -> RunRequest:
        """The request for cells that are trained together."""
        first, *rest = group
        return replace(self.request(first), others=tuple(map(self.request, rest)))

    def decide(
        self, engine: Engine, sequential: SequentialRun, listen: Listener = lambda event: None, fail_fast: bool = False
    ) -> None:
        """Run a sequential design until every arm is decided, or its limits are reached."""

        def hear(event: Event) -> None:
            match event:
                case Ready(conditions=conditions):
                    sequential.under(conditions)
                case RunResult():
                    sequential.ended(event.key)
                case _:
                    pass
            listen(event)

        def more(idle: int) -> list[RunRequest]:
            return [r for g in sequential.next(idle) for r in (*self.needed(g, sequential), self.several(g))]

        by_key = {cell.key: cell for cell in with_needs(self.every)}
        self._listen(engine.run([], more), by_key, hear, fail_fast)

    def _listen(
        self, happening: Iterator[Event], by_key: Mapping[str, Cell], listen: Listener, fail_fast: bool
    ) -> None:
        try:
            for event in happening:
                if isinstance(event, RunResult):
                    self.found[event.key] = self._after(by_key[event.key], event)
                listen(event)
                if fail_fast and isinstance(event, RunResult) and event.status != "finished":
                    return
        finally:
            close = getattr(happening, "close", None)
            if close is not None:
                close()

    def _after(self, cell: Cell, result: RunResult) -> Found:
        """What the store has now; of a run that could not write, what its worker said. A run that is said to have ended,
        and has no result in the store, has failed.
        """
        stored = look(self.runs, cell)
        ended = result.status in ENDED and (
            stored.status in ENDED or (stored.status == "foreign" and bool(result.figures.get("data_changed")))
        )
        if ended or stored.status in (result.status, DAMAGED):
            return stored
        status, message = result.status, result.message
        if status in ENDED:
            message = f"the run ended as `{status}`, and its result could not be stored" + (message and f": {message}")
            status = "failed"
        elif status == "busy":
            status = "running"
        known = status if status in get_args(Status) else "failed"
        return Found(known, {}, stored.conditions, stored.folder, message)  # type: ignore[arg-type]

    def with_foreign(self, current: Mapping[str, str] | None = None) -> dict[str, Found]:
        """What is known, with results of other conditions marked as foreign."""
        return foreign(self.found, current)


def _binds(found: Found) -> bool:
    """Whether a run has to be continued or shown under its own conditions: it has ended, or has a checkpoint."""
    if found.status in ENDED:
        return True
    return found.status != "foreign" and found.folder is not None and Checkpoints(found.folder).exist()
