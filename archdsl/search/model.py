"""Points that a model of the results so far expects to be good: a Gaussian process with expected improvement.

The model knows every rung that a candidate has reached, and predicts whole runs. It proposes the point whose expected
improvement there is largest (Jones et al. 1998), and says which of the candidates on a rung are promoted: the best ones by
what it expects of their whole runs, and not by one noisy figure. Candidates that are being trained count as if they gave what is
expected (Ginsbourger et al. 2010).

Its linear algebra takes one thread: matrices are so small that threads only wait for each other, on the cores that the workers
need, and sums are the same whatever the number of cores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archdsl.extras import require
from archdsl.search.encoding import Encoding, Point
from archdsl.search.importance import importances
from archdsl.search.process import Process
from archdsl.search.ranking import Values
from archdsl.search.sampler import Drawn, trial_of

if TYPE_CHECKING:
    from archdsl.expand.space import Space

STARTUP = 8  # results before a model is made; until then points are drawn at random
RANDOM, BEST, TIMES = 200, 8, 2  # points among which one is chosen: at random, and neighbours of the best ones
GROWTH = 1.15  # of the results before lengths are fitted again
MOST, LATEST = 120, 40  # results that the model rests on: the best and highest ones, and the latest
FITTED = 100  # of them, the latest, by which lengths are chosen
NEXT = 30  # points that are kept, should one be no candidate


@dataclass
class Model:
    """Draws points of a space, and ranks candidates.

    Args:
        rungs: how many.
        seed: the same seed and the same results give the same points.
    """

    space: Space
    rungs: int
    seed: int
    results: list[tuple[Drawn, int, float]] = field(default_factory=list)
    _waiting: dict[bytes, Any] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)
    _whole: list[tuple[Drawn, Values]] = field(default_factory=list)
    _next: list[Any] = field(default_factory=list)
    _refused: bool = False
    _fitted: int = 0
    _known: int = 0  # results of the present model
    _supposed: tuple[bytes, ...] = ()  # points that waited then
    _best: Any = None  # rows with the best expected whole runs
    _least: float = 0.0  # and the least expected value

    def __post_init__(self) -> None:
        require("threadpoolctl")
        import numpy as np
        import scipy.linalg  # noqa: F401  # which has a BLAS of its own, to be found below
        from threadpoolctl import ThreadpoolController

        self._code = Encoding(self.space)
        self._process = Process(self._code.choices)
        self._chance = np.random.default_rng(self.seed)
        self._rows: list[Any] = []
        self._blas = ThreadpoolController().select(user_api="blas")

    def draw(self) -> Drawn:
        """The next point."""
        if not self._next or not self._refused:
            with self._blas.limit(limits=1):
                self._next = self._proposals()
        self._refused = False
        point = self._code.point(self._next.pop())
        row = self._code.rows([point])[
            0
        ]  # as it will be found when its result comes: a logarithm and back is another number
        self._seen.add(row.tobytes())
        self._waiting[row.tobytes()] = row
        return Drawn(point)

    def refuse(self, drawn: Drawn) -> None:
        """A point that is not a new candidate, or has no result: the next best one is drawn then."""
        self._forget(drawn)
        self._refused = True

    def _forget(self, drawn: Drawn) -> Any:
        row = self._code.rows([drawn.point])[0]
        self._seen.add(row.tobytes())
        self._waiting.pop(row.tobytes(), None)
        return row

    def learn(self, drawn: Drawn, rung: int, values: Values | None) -> None:
        """Take the result of a point on a rung; None of a run that diverged or failed, which counts as the worst one."""
        row = self._forget(drawn)
        if values is not None:
            drawn.scores[rung] = values[0]
            if rung == self.rungs - 1:
                self._whole.append((drawn, values))
        known = (v for _, _, v in self.results if not math.isnan(v))
        value = values[0] if values is not None else max(known, default=math.nan)  # see ``_data``
        self.results.append((drawn, rung, value))
        self._rows.append(row)

    def ranked(self, points: Sequence[Point]) -> list[int] | None:
        """The numbers of points that have a result, the best first by what is expected of whole runs; None where the model
        does not know enough yet.
        """
        import numpy as np

        if len(self.results) < STARTUP:
            return None
        with self._blas.limit(limits=1):
            self._learn()
            mean, _ = self._process.predict(self._code.rows(points), self.rungs - 1, spread=False)
        return [int(n) for n in np.lexsort((np.arange(len(points)), mean))]

    def importances(self) -> dict[str, float]:
        """See ``importance``."""
        return importances([trial_of(self.space, drawn, values, True, 1) for drawn, values in self._whole], 1)

    def _proposals(self) -> list[Any]:
        """Rows that were not drawn yet, the best last."""
        import numpy as np

        if len(self.results) < STARTUP:
            return list(self._unseen(self._code.random(NEXT, self._chance))[::-1]) or [
                self._code.random(1, self._chance)[0]
            ]
        self._learn()
        near = self._code.near(self._best, TIMES, self._chance)
        pool = self._unseen(np.concatenate([self._code.random(RANDOM, self._chance), near]))
        if not len(pool):
            return [self._code.random(1, self._chance)[0]]
        gain = _improvement(*self._process.predict(pool, self.rungs - 1), self._least)
        return list(pool[np.argsort(gain, kind="stable")[-NEXT:]])

    def _unseen(self, rows: Any) -> Any:
        import numpy as np

        found = {row.tobytes(): row for row in rows if row.tobytes() not in self._seen}
        return np.array(list(found.values()))

    def _learn(self) -> None:
        """Bring the process to what is known, and to what is expected of the points that wait."""
        import numpy as np

        if len(self.results) != self._known:
            x, rungs, y = self._data()
            if len(self.results) >= GROWTH * self._fitted:
                self._process.fit(x[-FITTED:], rungs[-FITTED:], y[-FITTED:])
                self._fitted = len(self.results)
            self._process.condition(x, rungs, y)
            self._known, self._supposed = len(self.results), ()
            self._best = np.unique(x, axis=0)
            mean, _ = self._process.predict(self._best, self.rungs - 1, spread=False)
            self._best, self._least = self._best[np.argsort(mean, kind="stable")[:BEST]], float(mean.min())
        if self._supposed != (waiting := tuple(self._waiting)):
            self._process.suppose(np.array(list(self._waiting.values())), 0)
            self._supposed = waiting

    def _data(self) -> tuple[Any, Any, Any]:
        """Rows, rungs and values of about unit scale: by median and best of the lowest rung; what is worse is compressed. What
        failed before any result is as bad as the worst of all.
        """
        import numpy as np

        rungs = np.array([rung for _, rung, _ in self.results])
        y = np.array([value for _, _, value in self.results])
        y = np.where(np.isnan(y), 0.0 if np.isnan(y).all() else np.nanmax(y), y)
        first = y[rungs == 0] if (rungs == 0).any() else y
        middle = np.median(first)
        y = (y - middle) / max(middle - first.min(), 1e-12)
        y = np.where(y > 0, np.log1p(np.maximum(y, 0.0)), y)
        if len(y) > MOST:
            best = np.lexsort((np.arange(len(y)), y, -rungs))[: MOST - LATEST]
            kept = np.union1d(best, np.arange(len(y) - LATEST, len(y)))
            return np.array([self._rows[n] for n in kept]), rungs[kept], y[kept]
        return np.array(self._rows), rungs, y


def _improvement(mean: Any, sd: Any, best: float) -> Any:
    """The expected improvement on ``best``; less is better."""
    import numpy as np
    from scipy.special import ndtr

    far = (best - mean) / sd
    return sd * (far * ndtr(far) + np.exp(-0.5 * far * far) / np.sqrt(2 * np.pi))
