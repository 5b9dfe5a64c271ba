"""Where the next point of a space is drawn: the samplers of Optuna, told of results on each rung.

Results of different rungs are not comparable, so that each rung has an Optuna study of its own. A model is made of the highest
rung that has enough results, as BOHB does (Falkner et al. 2018, arXiv:1807.01774).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from archdsl.extras import require
from archdsl.search.ranking import Values
from archdsl.study.plan.levels import numbers, rank

if TYPE_CHECKING:
    from archdsl.expand.space import Dimension, Space

Kind = Literal["tpe", "random", "nsga2"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STARTUP = 10  # results of a rung before a model is made of it; until then points are drawn at random
Point = Mapping[str, int | float]


@dataclass(slots=True)
class Drawn:
    """A point, and where it was drawn: the Optuna trial of the rung whose model was used, until it has a result there."""

    point: Point
    rung: int = 0
    trial: Any = None


@dataclass
class Sampler:
    """Draws points of a space.

    Args:
        kind: ``tpe`` (multivariate, Bergstra et al. 2011; Falkner et al. 2018), ``random``, or ``nsga2`` (Deb et al. 2002).
        rungs: how many.
        objectives: how many; each is minimised.
        seed: the same seed and the same results give the same points.

    Raises:
        EnvError: Optuna is not installed.
    """

    kind: Kind
    space: Space
    rungs: int
    objectives: int
    seed: int
    studies: list[Any] = field(default_factory=list)
    ranks: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require("optuna")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        for rung in range(self.rungs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = self._sampler(optuna.samplers, self.seed + rung)
            self.studies.append(optuna.create_study(sampler=sampler, directions=["minimize"] * self.objectives))
        for d in self.space.dimensions:
            if d.kind == "choices":
                self.ranks[d.name] = sorted(range(len(d.texts)), key=lambda n, r=rank(d.texts), t=d.texts: r[t[n]])

    def _sampler(self, samplers: Any, seed: int) -> Any:
        if self.kind == "random":
            return samplers.RandomSampler(seed=seed)
        if self.kind == "nsga2":
            return samplers.NSGAIISampler(seed=seed)
        return samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True
        )

    def draw(self) -> Drawn:
        """The next point."""
        rung = max((n for n in range(self.rungs) if self._results(n) >= STARTUP), default=0)
        trial = self.studies[rung].ask()
        return Drawn(self._point(trial), rung, trial)

    def refuse(self, drawn: Drawn) -> None:
        """A point that is no candidate."""
        self._drop(drawn)

    def learn(self, drawn: Drawn, rung: int, values: Values | None) -> None:
        """Take the result of a point on a rung; None of a run that diverged or failed."""
        if drawn.trial is not None and rung == drawn.rung and values is not None:
            self.studies[rung].tell(drawn.trial, list(values))
            drawn.trial = None
            return
        self._drop(drawn)
        if values is not None:
            self.studies[rung].add_trial(self._frozen(drawn.point, values))

    def repeat(self, drawn: Drawn, rung: int, values: Values) -> None:
        """A point that was drawn before, and whose result is known: the model is told once more."""
        self._drop(drawn)
        self.studies[rung].add_trial(self._frozen(drawn.point, values))

    def importances(self, rung: int) -> dict[str, float]:
        """How much each dimension matters for the first objective on a rung, summing to 1; by PED-ANOVA (Watanabe et al. 2023,
        arXiv:2304.10255), and of the dimensions that all points have. Empty below two results.
        """
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        if self._results(rung) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return dict(
                    get_param_importances(
                        self.studies[rung],
                        evaluator=PedAnovaImportanceEvaluator(),
                        target=lambda trial: trial.values[0],
                    )
                )
            except (ValueError, RuntimeError, optuna.exceptions.OptunaError):  # one value everywhere
                return {}

    def _drop(self, drawn: Drawn) -> None:
        if drawn.trial is not None:
            import optuna

            self.studies[drawn.rung].tell(drawn.trial, state=optuna.trial.TrialState.FAIL)
            drawn.trial = None

    def _results(self, rung: int) -> int:
        from optuna.trial import TrialState

        return len(self.studies[rung].get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))

    def _point(self, trial: Any) -> dict[str, int | float]:
        point: dict[str, int | float] = {}
        for d in existing(self.space, point):
            point[d.name] = self._suggest(trial, d)
        return point

    def _suggest(self, trial: Any, d: Dimension) -> int | float:
        if d.kind == "choices":
            order, last = self.ranks[d.name], len(d.texts) - 1
            if _ordered(d):
                return order[trial.suggest_int(d.name, 0, last)]
            return int(trial.suggest_categorical(d.name, list(range(last + 1))))
        if d.kind == "whole":
            return int(trial.suggest_int(d.name, int(d.low), int(d.high), log=d.log))
        return float(trial.suggest_float(d.name, d.low, d.high, log=d.log))

    def _frozen(self, point: Point, values: Values) -> Any:
        import optuna
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        params: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        for d in self.space.dimensions:
            if d.name not in point:
                continue
            value = point[d.name]
            if d.kind == "choices" and _ordered(d):
                params[d.name] = self.ranks[d.name].index(int(value))
                distributions[d.name] = IntDistribution(0, len(d.texts) - 1)
            elif d.kind == "choices":
                params[d.name] = int(value)
                distributions[d.name] = CategoricalDistribution(list(range(len(d.texts))))
            elif d.kind == "whole":
                params[d.name] = int(value)
                distributions[d.name] = IntDistribution(int(d.low), int(d.high), log=d.log)
            else:
                params[d.name] = float(value)
                distributions[d.name] = FloatDistribution(d.low, d.high, log=d.log)
        return optuna.trial.create_trial(params=params, distributions=distributions, values=list(values))


def existing(space: Space, point: Mapping[str, int | float]) -> Iterator[Dimension]:
    """The dimensions that exist at a point and are not in it yet; whoever takes one puts its value into the point first."""
    found = True
    while found:
        found = False
        for d in space.dimensions:
            if d.name not in point and (not d.within or any(point.get(name) == n for name, n in d.within)):
                found = True
                yield d


def _ordered(d: Dimension) -> bool:
    """Whether the choices are numbers, which have an order."""
    return len(d.texts) > 2 and numbers(d.texts) is not None
