"""Where the next point of a space is drawn: the samplers of Optuna, told of every result.

A candidate that was not promoted is a pruned trial of Optuna with its score on each rung that it reached; one that was trained
whole is a complete trial. The model prefers those that reached more epochs, and among equals the better score.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archdsl.extras import require
from archdsl.search.encoding import Point, has_order, in_order
from archdsl.search.importance import importances
from archdsl.search.ranking import Values

if TYPE_CHECKING:
    from archdsl.expand.space import Dimension, Space

STARTUP = 10  # results before a model is made; until then points are drawn at random
MOST, KEPT = 120, 60  # results of a study of Optuna, and those that the next one begins with


@dataclass(slots=True)
class Drawn:
    """A point, its Optuna trial and study until that has a result, and its scores so far by rung."""

    point: Point
    trial: Any = None
    study: Any = None
    scores: dict[int, float] = field(default_factory=dict)


@dataclass
class Sampler:
    """Draws points of a space.

    Args:
        make: a sampler of Optuna, of ``optuna.samplers`` and a seed.
        rungs: how many.
        objectives: how many; each is minimised.
        seed: the same seed and the same results give the same points.
        renewed: its time grows with the results, so that a new study begins with some of them now and then.

    Raises:
        EnvError: Optuna is not installed.
    """

    make: Callable[[Any, int], Any]
    space: Space
    rungs: int
    objectives: int
    seed: int
    renewed: bool = False
    study: Any = None
    ranks: dict[str, list[int]] = field(default_factory=dict)
    told: list[Any] = field(default_factory=list)  # every result, as a trial
    _studies: int = 0
    _new: int = 0  # results of the present study

    def __post_init__(self) -> None:
        require("optuna")
        self._begin([])
        self.ranks = {d.name: in_order(d) for d in self.space.dimensions if d.kind == "choices"}

    def _begin(self, known: list[Any]) -> None:
        """A new study of Optuna with some results. The time of a proposal grows with the results of its study."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = self.make(optuna.samplers, self.seed + 1000 * self._studies)
        self.study = optuna.create_study(sampler=sampler, directions=["minimize"] * self.objectives)
        self.study.add_trials(known)
        self._studies, self._new = self._studies + 1, len(known)

    def draw(self) -> Drawn:
        """The next point."""
        trial = self.study.ask()
        return Drawn(self._point(trial), trial, self.study)

    def refuse(self, drawn: Drawn) -> None:
        """A point that is not a new candidate, or has no result."""
        if drawn.trial is not None:
            import optuna

            drawn.study.tell(drawn.trial, state=optuna.trial.TrialState.FAIL)
            drawn.trial = None

    def learn(self, drawn: Drawn, rung: int, values: Values | None) -> None:
        """Take the result of a point on a rung; None of a run that diverged or failed."""
        if values is None:
            self.refuse(drawn)
            return
        from optuna.trial import TrialState

        drawn.scores[rung] = values[0]
        # Several objectives have no intermediate values in Optuna: the last ones count.
        whole = self.objectives > 1 or rung == self.rungs - 1
        self.told.append(trial_of(self.space, drawn, values, whole, self.objectives))
        if drawn.trial is None or drawn.study is not self.study:
            self.refuse(drawn)
            self.study.add_trial(self.told[-1])
        elif whole:
            self.study.tell(drawn.trial, list(values))
        else:
            drawn.trial.report(values[0], rung)
            self.study.tell(drawn.trial, state=TrialState.PRUNED)
        drawn.trial = None
        self._new += 1
        if self.renewed and self._new > MOST:
            self._begin(self._kept())

    def _kept(self) -> list[Any]:
        """The results that a new study begins with: the best half by rung and score, and the latest others."""
        number = {id(trial): n for n, trial in enumerate(self.told)}
        best = sorted(self.told, key=lambda t: (-len(t.intermediate_values), t.values or [t.value], number[id(t)]))
        first = best[: KEPT // 2]
        chosen = {id(t) for t in first}
        later = [t for t in reversed(self.told) if id(t) not in chosen][: KEPT - len(first)]
        return sorted((*first, *later), key=lambda t: number[id(t)])

    def ranked(self, points: Sequence[Point]) -> list[int] | None:
        """Optuna ranks no candidates."""
        return None

    def importances(self) -> dict[str, float]:
        """See ``importance``; over the candidates that were trained whole."""
        import optuna

        return importances([t for t in self.told if t.state == optuna.trial.TrialState.COMPLETE], self.objectives)

    def _point(self, trial: Any) -> dict[str, int | float]:
        point: dict[str, int | float] = {}
        for d in existing(self.space, point):
            point[d.name] = self._suggest(trial, d)
        return point

    def _suggest(self, trial: Any, d: Dimension) -> int | float:
        if d.kind == "choices":
            order, last = self.ranks[d.name], len(d.texts) - 1
            if has_order(d):
                return order[int(trial.suggest_int(d.name, 0, last))]
            return int(trial.suggest_categorical(d.name, list(range(last + 1))))
        value = float(trial.suggest_float(d.name, *d.ends, log=d.log))  # Optuna's whole numbers take it much longer
        return min(max(round(value), int(d.low)), int(d.high)) if d.kind == "whole" else value


def trial_of(space: Space, drawn: Drawn, values: Values, whole: bool, objectives: int) -> Any:
    """A trial of Optuna of a point that its study did not draw, or has a result of already."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params: dict[str, Any] = {}
    distributions: dict[str, Any] = {}
    for d in space.dimensions:
        if d.name not in drawn.point:
            continue
        value = drawn.point[d.name]
        if d.kind == "choices" and has_order(d):
            params[d.name] = in_order(d).index(int(value))
            distributions[d.name] = IntDistribution(0, len(d.texts) - 1)
        elif d.kind == "choices":
            params[d.name] = int(value)
            distributions[d.name] = CategoricalDistribution(list(range(len(d.texts))))
        else:
            params[d.name] = float(value)
            distributions[d.name] = FloatDistribution(*d.ends, log=d.log)
    return optuna.trial.create_trial(
        params=params,
        distributions=distributions,
        values=list(values),
        intermediate_values={} if objectives > 1 else dict(drawn.scores),
        state=optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.PRUNED,
    )


def existing(space: Space, point: Mapping[str, int | float]) -> Iterator[Dimension]:
    """The dimensions that exist at a point and are not in it yet; whoever takes one puts its value into the point first."""
    found = True
    while found:
        found = False
        for d in space.dimensions:
            if d.name not in point and (not d.within or any(point.get(name) == n for name, n in d.within)):
                found = True
                yield d


def points(space: Space) -> Iterator[Point]:
    """Every point of a finite space, in the order of the text."""

    def below(point: dict[str, int | float]) -> Iterator[Point]:
        d = next(existing(space, point), None)
        if d is None:
            yield dict(point)
            return
        every = range(len(d.texts)) if d.kind == "choices" else range(int(d.low), int(d.high) + 1)
        for value in every:
            yield from below({**point, d.name: value})

    yield from below({})
