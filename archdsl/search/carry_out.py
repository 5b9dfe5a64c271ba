"""A search carried out: the order asks for jobs, the engine of studies trains them, the store has the results.

What was done before is not done again: the order begins at its first job each time, and finds the results of earlier jobs in
the store, so that a search that was killed continues as if it had not been.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.search.candidates import Candidate, Candidates
from archdsl.search.order import Job, Order, Score
from archdsl.search.ranking import Values, ranked
from archdsl.search.scores import Scores
from archdsl.study.execute.messages import INFRASTRUCTURE, Ready, RunProgress, RunRequest, RunResult
from archdsl.study.execute.runner import Engine

Event = Ready | RunProgress | RunResult
Listener = Callable[["Event", "Search"], object]
LOST = "it ended without a result"
ENDED_BY_OTHERS = ("interrupted", "paused")


@dataclass
class Search:
    """A search on its way.

    Args:
        seconds: wall time that is left for it; no job is begun that would probably end later. None: no limit.
        rate: seconds a unit of work, as runs of earlier sittings took; 0 where nothing is known.
        spent: called with the seconds of this sitting after every event, and at its end however that comes.
    """

    candidates: Candidates
    order: Order
    scores: Scores
    seconds: float | None = None
    rate: float = 0.0
    spent: Callable[[float], object] = lambda seconds: None
    clock: Callable[[], float] = time.monotonic
    begun: dict[str, Job] = field(default_factory=dict)  # by the key of the request
    known: dict[int, Score] = field(default_factory=dict)  # by the number of the job
    failed: dict[int, str] = field(default_factory=dict)
    trained: int = 0  # jobs of this sitting
    reused: int = 0  # jobs whose result was there
    occupied: float = 0.0  # seconds that workers had a job in this sitting, of all workers together
    sitting: float = 0.0  # seconds that it took
    stopped: bool = False  # by the budget
    rates: list[float] = field(default_factory=list)  # seconds a unit of work, of this sitting
    _ready: deque[Job] = field(default_factory=deque)
    _since: dict[str, float] = field(default_factory=dict)
    _from: float = 0.0

    def run(self, engine: Engine, listen: Listener = lambda event, search: None) -> None:
        """Train what the order asks for, until it asks for nothing more or the time is spent.

        Raises:
            ArchError: the space has no candidate.
            EnvError: workers do not start, or a run ended for a reason outside of it.
        """
        self._from = self.clock()
        happening = engine.run([], self.more)
        try:
            for event in happening:
                if isinstance(event, RunResult):
                    self._ended(event)
                self.spent(self.clock() - self._from)
                listen(event, self)
        finally:
            self.sitting = self.clock() - self._from
            self.spent(self.sitting)
            close = getattr(happening, "close", None)
            if close is not None:
                close()

    def replay(self) -> None:
        """Take what the store has, and begin nothing: the order stands where it would continue."""
        self.look()
        while self._failed_before():
            self.look()

    def more(self, idle: int) -> Sequence[RunRequest]:
        """Requests for so many idle workers. What failed before is tried again where there is time for it."""
        self.look()
        self.stopped = False
        given: list[RunRequest] = []
        while len(given) < idle and self._ready:
            job = self._ready[0]
            if not self._late(job):
                self._ready.popleft()
                given.append(self._request(job))
            elif self._failed_before():
                self.look()
            else:
                self.stopped = True
                break
        return given

    def _failed_before(self) -> bool:
        """Whether jobs that could begin failed by a fault of their own in an earlier sitting; they are known as they were."""
        failed = {
            job.number: why for job in self._ready if (why := self.scores.failure(self._candidate(job))) is not None
        }
        self.failed |= failed
        self.known |= dict.fromkeys(failed, Score(None))
        self._ready = deque(job for job in self._ready if job.number not in failed)
        return bool(failed)

    def _candidate(self, job: Job) -> Candidate:
        return self.candidates.every[job.candidate]

    def look(self) -> None:
        """Take the jobs that can begin; those whose results are there are known at once."""
        for job in self.order.ready(self._score):
            score = self.scores.score(self._candidate(job), job.rung)
            if score is not None:
                self.known[job.number] = score
                self.reused += 1
            else:
                self._ready.append(job)

    def _score(self, job: Job) -> Score | None:
        return self.known.get(job.number)

    def _request(self, job: Job) -> RunRequest:
        candidate, last = self.candidates.every[job.candidate], job.rung == len(self.order.rungs) - 1
        epochs, e = self.order.rungs[job.rung], candidate.experiment
        key = f"{candidate.key}@{epochs}"
        self.begun[key], self._since[key] = job, self.clock()
        return RunRequest(key, e.name, e.text, self.label(job), e.data.fingerprint, until=0 if last else epochs)

    def label(self, job: Job) -> str:
        """What people call a job."""
        epochs = f", {many(self.order.rungs[job.rung], 'epoch')}" if len(self.order.rungs) > 1 else ""
        return f"#{job.candidate} {self.candidates.every[job.candidate].label}{epochs}"

    def _ended(self, result: RunResult) -> None:
        job = self.begun[result.key]
        seconds = self.clock() - self._since.pop(result.key, self.clock())
        self.occupied += seconds
        score = self.scores.score(self._candidate(job), job.rung)
        if score is None and (result.cause in INFRASTRUCTURE or result.status in ENDED_BY_OTHERS):
            raise _unable(self.label(job), result)
        if score is None:
            self.failed[job.number] = result.message or LOST
            score = Score(None)
        else:
            self.rates.append(seconds / self._work(job))
        self.known[job.number] = score
        self.trained += 1

    def _work(self, job: Job) -> float:
        return self.candidates.work(job.candidate, self.order.epochs(job))

    def _late(self, job: Job) -> bool:
        """Whether a job is past the time, or probably would be when it ends."""
        if self.seconds is None:
            return False
        rate = sorted(self.rates)[len(self.rates) // 2] if self.rates else self.rate
        return self.clock() - self._from + rate * self._work(job) > self.seconds

    def best(self) -> list[tuple[Candidate, int, Values]]:
        """Every candidate with a result: its highest rung and its objectives there; the longest trained first, among those
        the best.
        """
        seen: set[int] = set()
        ordered: list[tuple[Candidate, int, Values]] = []
        for rung in range(len(self.order.rungs) - 1, -1, -1):
            found = self.order.halving.found[rung]
            ordered += [(self.candidates.every[n], rung, found[n]) for n in ranked(found) if n not in seen]
            seen |= found.keys()
        return ordered


def _unable(label: str, result: RunResult) -> EnvError:
    """The error for a run that ended for a reason outside of it: its score is not known, so that no decision can follow."""
    if result.status == "paused":
        return EnvError(
            f"{label}: its result is not in the folder of runs, which the nodes do not share",
            help="leave --rungs out, or take a folder that every node sees",
        )
    why = result.message.splitlines()[0] if result.message else "its worker was interrupted"
    return EnvError(f"{label}: {why}", help="repair that; the same command continues the search")
