"""A sequential study while it is run: which runs to begin next, so that workers stay busy and decided arms cost nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell, own_cells
from archdsl.study.plan.claims import ClaimedPair
from archdsl.study.plan.plan import DAMAGED, ENDED, Found, distinct, foreign
from archdsl.study.results.decide import REFERENCE, Deciding, DecisionOptions
from archdsl.study.results.results import compared_twins
from archdsl.study.results.scale import scale_of

Group = Callable[[Sequence[Cell]], Sequence[Sequence[Cell]]]


class SequentialRun:
    """Gives out the runs of a sequential study.

    Args:
        found: what is known of each run, by key; it grows while the study is run.
        wanted: conditions that the command states.
        again: keys of runs to be trained again.
        seconds: wall time after which no run is begun; a run is not begun either if it would probably end later.
        claims: of the study.
        group: which of the first runs, which are needed in any case, are trained together; None: none.
        clock: seconds; for tests.
    """

    def __init__(
        self,
        arms: Arms,
        every: Sequence[Cell],
        found: Mapping[str, Found],
        metric: str,
        options: DecisionOptions,
        *,
        wanted: Mapping[str, str] | None = None,
        again: Sequence[str] = (),
        seconds: float | None = None,
        group: Group | None = None,
        claims: Sequence[ClaimedPair] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.own, self.found, self.seconds, self.group, self.clock = (
            own_cells(arms, every),
            found,
            seconds,
            group,
            clock,
        )
        self.by_key = {c.key: c for c in every}
        self._options, self._claims = options, claims
        self._scale, self._twins = scale_of(metric, arms, every), compared_twins(arms, self.own)
        self.deciding = self._new()
        self.again = set(again)
        lost = {key for key, f in found.items() if f.status == DAMAGED} - self.again
        self.begun: set[str] = set(lost)
        self.tried: set[str] = set(lost)
        self.others: set[str] = set()  # runs of other conditions, which do not count
        self.stopped = ""  # why no further run was begun; "" where none was wanted
        self._ready: deque[Sequence[Cell]] = deque()
        self._began = clock()
        self._rate: list[float] = []  # seconds a MAC of the runs that ended
        self.under(wanted or {})

    def _new(self) -> Deciding:
        return Deciding(self.own, self._twins, self._options, self._scale, self._claims)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be run."""
        return self.deciding.finished or next(self._wanted(), None) is None

    @property
    def left(self) -> list[Cell]:
        """The runs that may still be begun, each once: those of the reference and of the arms that are open."""
        if self.deciding.finished:
            return []
        first = end = self.deciding.blocks
        while self.deciding.fits(end + 1 - first):
            end += 1
        found = [cell for arm in (REFERENCE, *self.deciding.open) for cell in self.own[arm][first:end]]
        return [cell for cell in distinct(found) if not self.has(cell.key)]

    def under(self, conditions: Mapping[str, str]) -> None:
        """Take the conditions of the workers: results of others do not count, not even those that are there already."""
        marked = foreign({k: f for k, f in self.found.items() if f.status in ENDED and k not in self.tried}, conditions)
        others = {k for k, f in marked.items() if f.status == "foreign" and k not in self.again}
        if others != self.others:
            self.others, self.deciding = others, self._new()
        self.deciding.advance(self.lookup, self._final)

    def lookup(self, cell: Cell) -> Found:
        """What counts of a run now."""
        if cell.key in self.again and cell.key not in self.tried:
            return Found("missing", {}, {})
        found = self.found[cell.key]
        return Found("foreign", {}, found.conditions) if cell.key in self.others else found

    @property
    def _final(self) -> set[str]:
        return self.tried | self.others

    def has(self, key: str) -> bool:
        """Whether a run has its result, or was given out."""
        redone = key in self.again and key not in self.tried
        return key in self.begun or (self.found[key].status in ENDED and not redone)

    def ended(self, key: str) -> None:
        """A run ended, in whatever way."""
        self.tried.add(key)
        self.others.discard(key)
        cell, seconds = self.by_key.get(key), self.found[key].figures.get("seconds")
        if cell is not None and cell.evaluation is None and isinstance(seconds, int | float) and cell.cost:
            self._rate.append(seconds / cell.cost)
        self.deciding.advance(self.lookup, self._final)

    def next(self, idle: int) -> list[Sequence[Cell]]:
        """Groups of runs for so many idle workers."""
        groups: list[Sequence[Cell]] = []
        while len(groups) < idle and (group := self._one()) is not None:
            if self._late(group):
                self.stopped = f"the budget of {self.seconds:,.0f} s is spent"
                self.deciding.stop(self.stopped)
                return groups
            self.begun |= {cell.key for cell in group}
            groups.append(group)
        return groups

    def _one(self) -> Sequence[Cell] | None:
        while self._ready:
            group = self._ready.popleft()
            if any(c.arm == REFERENCE or c.arm in self.deciding.open for c in group) and self.deciding.open:
                return group
        if self.group is not None and not self.begun:
            first = {c.seed for c in self.own[REFERENCE][: self.deciding.least]}
            self._ready.extend(self.group([c for c in self._wanted() if c.seed in first]))
            self.group = None
            if self._ready:  # none where a study goes on behind these seeds
                return self._ready.popleft()
        cell = next(self._wanted(), None)
        return None if cell is None else [cell]

    def _wanted(self) -> Iterator[Cell]:
        return self.deciding.wanted(self.lookup, self.begun | self.others)

    def _late(self, group: Sequence[Cell]) -> bool:
        """Whether a run is past the budget of wall time, or probably would be when it ends."""
        if self.seconds is None:
            return False
        expected = sum(c.cost for c in group) * sorted(self._rate)[len(self._rate) // 2] if self._rate else 0.0
        return self.clock() - self._began + expected > self.seconds
