"""The order of a search: which candidate is trained next, and how long, as a function of the results before.

Several runs are under way at once, and on a real clock their order of ending differs from one time to the next. Decisions
therefore follow a *virtual* clock: each job takes the time of its work (MACs and steps, known before it begins), on so many
virtual workers. A decision knows the results of exactly those jobs that have ended by the virtual clock. So the same search
asks for the same jobs, however often it is interrupted, on any number of real workers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from archdsl.search.halving import Halving
from archdsl.search.ranking import Values


@dataclass(frozen=True, slots=True)
class Job:
    """A candidate on a rung: it is trained up to the epochs of the rung. ``number`` counts the jobs of a search."""

    number: int
    candidate: int
    rung: int


@dataclass(frozen=True, slots=True)
class Score:
    """What a job gave: a value an objective, less is better; None of a run that diverged or failed."""

    values: Values | None


class Proposer(Protocol):
    """Gives candidates, by what it was told of others."""

    def propose(self) -> int | None:
        """The number of a new candidate; None where the space has no other one."""

    def learn(self, candidate: int, rung: int, values: Values | None) -> None:
        """Take the result of a candidate on a rung."""

    def ranked(self, found: Mapping[int, Values]) -> list[int]:
        """The best of some candidates of a rung, the best first."""

    def whole(self, candidate: int) -> int:
        """The epochs of a whole run of a candidate: those of the last rung, unless there is one rung alone."""

    def work(self, candidate: int, epochs: int) -> float:
        """The work of so many epochs of a candidate, in any unit."""


Lookup = Callable[[Job], Score | None]


class Order:
    """Gives out the jobs of a search.

    Args:
        rungs: the epochs of each rung; the last one is a whole run.
        parallel: virtual workers. With more than the real ones, a real one waits for no other.
        most: candidates at most; None: no limit.
    """

    def __init__(self, proposer: Proposer, rungs: tuple[int, ...], parallel: int, most: int | None = None) -> None:
        self.proposer, self.rungs, self.parallel, self.most = proposer, rungs, parallel, most
        self.halving = Halving(rungs, proposer.ranked)
        self.jobs: list[Job] = []
        self.candidates = 0
        self.exhausted = False
        self.learnt: list[tuple[Job, Score]] = []  # in the order of the virtual clock
        self._now = 0.0
        self._running: list[tuple[float, int]] = []

    def ready(self, lookup: Lookup) -> Iterator[Job]:
        """The jobs that can begin now, each once; ``lookup`` gives the results of jobs that have ended."""
        while True:
            if len(self._running) < self.parallel and (job := self._decide()) is not None:
                yield job
                continue
            if not self._running:
                return
            end, number = self._running[0]
            score = lookup(self.jobs[number])
            if score is None:
                return
            heapq.heappop(self._running)
            self._now = end
            self._learn(self.jobs[number], score)

    def epochs(self, job: Job) -> int:
        """The epochs that a job trains, behind those of the rung before."""
        return self.reached(job.candidate, job.rung) - (self.rungs[job.rung - 1] if job.rung else 0)

    def reached(self, candidate: int, rung: int) -> int:
        """The epochs that a candidate has on a rung."""
        return self.proposer.whole(candidate) if rung == len(self.rungs) - 1 else self.rungs[rung]

    @property
    def finished(self) -> bool:
        """Whether every job has ended, and no other one will come."""
        done = self.exhausted or (self.most is not None and self.candidates >= self.most)
        return done and not self._running

    def _decide(self) -> Job | None:
        up = self.halving.promotion()
        if up is not None:
            return self._begin(*up)
        if self.exhausted or (self.most is not None and self.candidates >= self.most):
            return None
        candidate = self.proposer.propose()
        if candidate is None:
            self.exhausted = True
            return None
        self.candidates += 1
        return self._begin(candidate, 0)

    def _begin(self, candidate: int, rung: int) -> Job:
        job = Job(len(self.jobs), candidate, rung)
        self.jobs.append(job)
        end = self._now + self.proposer.work(candidate, self.epochs(job))
        heapq.heappush(self._running, (end, job.number))
        return job

    def _learn(self, job: Job, score: Score) -> None:
        self.learnt.append((job, score))
        if score.values is not None:
            self.halving.learn(job.candidate, job.rung, score.values)
        self.proposer.learn(job.candidate, job.rung, score.values)
