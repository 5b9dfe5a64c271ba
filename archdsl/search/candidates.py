"""From points of a space to candidates: networks that are valid, satisfy the conditions, and are not the same experiment."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from archdsl.api import Spec, experiment_of, whole
from archdsl.data.fingerprint import fingerprint
from archdsl.errors import ArchError, Source, SpecError
from archdsl.expand.overrides import override
from archdsl.report.numbers import many
from archdsl.runs.identify import with_data
from archdsl.runs.run import identity
from archdsl.search.encoding import Point
from archdsl.search.ranking import Values, ranked
from archdsl.search.sampler import STARTUP, Drawn, existing, points
from archdsl.search.samplers import Draws
from archdsl.settings.experiment import Experiment
from archdsl.study.plan.arms import TOTALS
from archdsl.study.plan.cells import work
from archdsl.study.plan.fitted import images_of
from archdsl.study.plan.where import Test, words_of

if TYPE_CHECKING:
    from archdsl.expand.space import Space

_INNER = re.compile(r"\{([A-Za-z_][\w-]*):[^{}]*\}")
SAMPLED, RANDOM = 20, 500  # draws of the sampler, and at random, that may give no candidate in a row
LIKELY = 60  # candidates of a rung, the best by its figure, that may be promoted next
POOL = 50  # points that a proxy ranks
SMALL = 200_000  # arms of a space that is looked through for the last candidates


@dataclass(frozen=True)
class Candidate:
    """An arm of the space that can be trained. ``values`` gives the text of each hole; ``key`` names its run."""

    number: int
    point: Point
    values: Mapping[str, str]
    experiment: Experiment
    key: str
    totals: Mapping[str, int]

    @property
    def shown(self) -> dict[str, str]:
        """The values as people read them: holes inside of an alternative are filled in, and do not stand beside it."""
        names = {m[1] for text in self.values.values() for m in _INNER.finditer(text) if m[1] in self.values}
        texts = {name: _INNER.sub(lambda m: self.values.get(m[1]) or m[0], text) for name, text in self.values.items()}
        return {name: text or "none" for name, text in texts.items() if name not in names}

    @property
    def label(self) -> str:
        """What people call it."""
        return ", ".join(f"{name}={text}" for name, text in self.shown.items())


@dataclass
class Counts:
    """What became of the points that were drawn."""

    drawn: int = 0
    repeated: int = 0
    invalid: int = 0
    excluded: int = 0
    twins: int = 0


class Arms:
    """Checks points, and builds the experiments of those that are candidates.

    Args:
        source: the text of the space.
        where: conditions that each candidate satisfies.
        seed: of the runs.
    """

    def __init__(
        self,
        source: Source,
        space: Space,
        where: tuple[Test, ...],
        seed: int,
        runs: Path,
        data_root: Path | None = None,
        fetch: bool = False,
    ) -> None:
        self.source, self.space, self.where, self.seed = source, space, where, seed
        self.runs, self.root, self.fetch = runs, data_root, fetch
        self._data: dict[object, str] = {}

    def spec(self, point: Point, seeded: bool = False) -> Spec:
        """The experiment at a point; ``seeded``: with the seed of the search.

        Raises:
            SpecError: it is not valid.
        """
        file = self.space.file(point)
        return whole(self.source, override(file, [f"train.seed={self.seed}"]) if seeded else file, runs=self.runs)

    def excluded(self, spec: Spec, values: Mapping[str, str]) -> bool:
        """Whether a condition excludes it."""
        words, totals = words_of(spec.file), {name: getattr(spec.cost, name) for name in TOTALS}
        return not all(test(totals, values, words) for test in self.where)

    def candidate(self, number: int, point: Point, spec: Spec) -> Candidate:
        """The candidate of a valid experiment that has the seed of the search.

        Raises:
            ArchError: it has no data.
            SpecError: it cannot be trained.
            EnvError: its data is missing, or cannot be read.
        """
        experiment = experiment_of(spec)
        data = experiment.data.dataset
        if data not in self._data:
            self._data[data] = fingerprint(data, self.root, self.fetch)
        experiment = with_data(experiment, self._data[data])
        totals = {name: getattr(spec.cost, name) for name in TOTALS}
        return Candidate(number, point, self.space.values(point), experiment, identity(experiment), totals)


@dataclass
class Candidates:
    """The candidates of a search, in the order of their numbers; the first one is the base.

    Args:
        sampler: draws points.
        proxy: a zero-cost proxy by which the first ``STARTUP`` candidates behind the base are chosen; "": they are drawn at
            random.
    """

    arms: Arms
    sampler: Draws
    base: Point
    proxy: str = ""
    every: list[Candidate] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    wrong: SpecError | None = None
    looked_through: bool = False  # every arm of the space was looked at
    _drawn: dict[int, Drawn] = field(default_factory=dict)
    _points: set[tuple[tuple[str, str], ...]] = field(default_factory=set)
    _keys: set[str] = field(default_factory=set)
    _left: Iterator[Point] | None = None
    _chance: Random | None = None
    _first: deque[Point] | None = None

    def propose(self) -> int | None:
        """The number of a new candidate; None where the space has no other one.

        Raises:
            ArchError: no draw is a candidate.
        """
        if not self.counts.drawn and (number := self._take(Drawn(self.base))) is not None:
            return number
        if self.proxy and self._first is None:
            self._first = self._by_proxy()
        while self._first and len(self.every) < STARTUP + self.has_base:
            if (number := self._take(Drawn(self._first.popleft()))) is not None:
                return number
        for _ in range(SAMPLED):
            if (number := self._take(self.sampler.draw())) is not None:
                return number
        for _ in range(RANDOM):
            if (number := self._take(Drawn(self._anywhere()))) is not None:
                return number
        return self._left_over()

    def _by_proxy(self) -> deque[Point]:
        """The points to begin with: ``POOL`` valid ones drawn at random, each once, by their scores, the highest first."""
        from archdsl.evaluate.proxies import scores  # imports torch

        ranked: list[tuple[float, int, Point]] = []
        seen: set[tuple[tuple[str, str], ...]] = set()
        for n in range(RANDOM):
            point = self._anywhere()
            values = self.arms.space.values(point)
            if tuple(values.items()) in seen:
                continue
            seen.add(tuple(values.items()))
            with suppress(SpecError):
                spec = self.arms.spec(point, seeded=True)
                if self.arms.excluded(spec, values):
                    continue
                score = scores(spec, [self.proxy], self.arms.root)[self.proxy]
                ranked.append((-math.inf if score is None else score, -n, point))
            if len(ranked) == POOL:
                break
        return deque(point for _, _, point in sorted(ranked, key=lambda r: r[:2], reverse=True))

    def _anywhere(self) -> Point:
        """A point at random, independent of the sampler's model."""
        if self._chance is None:
            self._chance = Random(self.sampler.seed)
        point: dict[str, int | float] = {}
        for d in existing(self.arms.space, point):
            point[d.name] = d.draw(self._chance)
        return point

    def _left_over(self) -> int | None:
        """A candidate among the arms of a small space that were not drawn; None where there is none."""
        size = self.arms.space.size
        if size is not None and size <= SMALL:
            if self._left is None:
                self._left = points(self.arms.space)
            for point in self._left:
                if (number := self._take(Drawn(point))) is not None:
                    return number
            self.looked_through = True
        self._some()
        return None

    def _some(self) -> None:
        """Refuse a space without a candidate.

        Raises:
            ArchError: there is none.
        """
        if self.every:
            return
        c = self.counts
        why = [f"{c.invalid:,} are not valid"] if c.invalid else []
        why += [f"{c.excluded:,} are excluded by `where`"] if c.excluded else []
        why += [f"{c.repeated:,} were drawn before"] if c.repeated else []
        first = f"; the first says: {self.wrong.diagnostics[0].message}" if self.wrong is not None else ""
        none = "the space has no candidate" if self.looked_through else "no candidate of the space was found"
        raise ArchError(
            f"{none}: of {many(c.drawn, 'arm')}{'' if self.looked_through else ' drawn'} {' and '.join(why)}{first}",
            help="widen the space or the conditions; `archdsl check` shows what an arm lacks",
        )

    def _take(self, drawn: Drawn) -> int | None:
        """The number of a point that is a new candidate."""
        self.counts.drawn += 1
        values = self.arms.space.values(drawn.point)
        name = tuple(values.items())
        if name in self._points:
            self.counts.repeated += 1
            self.sampler.refuse(drawn)
            return None
        self._points.add(name)
        try:
            spec = self.arms.spec(drawn.point, seeded=True)
            if self.arms.excluded(spec, values):
                self.counts.excluded += 1
                self.sampler.refuse(drawn)
                return None
            found = self.arms.candidate(len(self.every), drawn.point, spec)
        except SpecError as error:
            self.counts.invalid += 1
            self.wrong = self.wrong or error
            self.sampler.refuse(drawn)
            return None
        if found.key in self._keys:
            self.counts.twins += 1
            self.sampler.refuse(drawn)
            return None
        self._keys.add(found.key)
        self._drawn[found.number] = drawn
        self.every.append(found)
        return found.number

    def learn(self, candidate: int, rung: int, values: Values | None) -> None:
        """Take the result of a candidate on a rung."""
        self.sampler.learn(self._drawn[candidate], rung, values)

    def ranked(self, found: Mapping[int, Values]) -> list[int]:
        """The best of some candidates of a rung, the best first: by what the sampler expects of them, where it does."""
        numbers = ranked(found)[:LIKELY]
        order = self.sampler.ranked([self.every[n].point for n in numbers])
        return numbers if order is None else [numbers[n] for n in order]

    def whole(self, candidate: int) -> int:
        """The epochs of a whole run."""
        return self.every[candidate].experiment.train.epochs

    def work(self, candidate: int, epochs: int) -> float:
        """The work of so many epochs, in MACs."""
        found = self.every[candidate]
        train = found.experiment.train
        steps = epochs * -(-images_of(found.experiment) // train.batch)
        return work(found.totals["macs"], steps, train.batch)

    @property
    def has_base(self) -> bool:
        """Whether the base of the space is the first candidate; it may not be valid, or be excluded."""
        return bool(self.every) and dict(self.every[0].point) == dict(self.base)
