"""The samplers of a search: each draws points of a space, by what it is told of others.

To add one, write a function with the decorator ``sampler``, here or beside the words of a package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from archdsl import registry
from archdsl.errors import ArchError, suggest

if TYPE_CHECKING:
    from archdsl.expand.space import Space
    from archdsl.search.encoding import Point
    from archdsl.search.ranking import Values
    from archdsl.search.sampler import Drawn


class Draws(Protocol):
    """What draws points."""

    @property
    def seed(self) -> int:
        """The same seed and the same results give the same points."""

    def draw(self) -> Drawn:
        """The next point."""

    def refuse(self, drawn: Drawn) -> None:
        """A point that is not a new candidate."""

    def learn(self, drawn: Drawn, rung: int, values: Values | None) -> None:
        """Take the result of a point on a rung; None of a run that diverged or failed."""

    def ranked(self, points: Sequence[Point]) -> list[int] | None:
        """The numbers of points that have a result, the best first; None where the figures themselves say so."""

    def importances(self) -> dict[str, float]:
        """How much each dimension matters, summing to 1."""


@dataclass(frozen=True, slots=True)
class Over:
    """What a sampler is made for: a space, how many rungs and objectives (each is minimised), and a seed."""

    space: Space
    rungs: int
    objectives: int
    seed: int


Make = Callable[[Over], Draws]


@dataclass(frozen=True, slots=True)
class Kind:
    """A sampler that there is. ``several``: it takes several objectives; ``halving``: it takes rungs before the last one."""

    make: Make
    help: str
    several: bool
    halving: bool


SAMPLERS: dict[str, Kind] = {}  # the first that fits is the usual one


def sampler(name: str, *, several: bool = False, halving: bool = True) -> Callable[[Make], Make]:
    """Add a sampler: a function from ``Over`` to what draws points, whose docstring is its help. It imports what it needs
    itself, since a command line knows the names of all.

    Args:
        several: it takes several objectives.
        halving: it takes several rungs.
    """

    def register(make: Make) -> Make:
        if name in SAMPLERS and SAMPLERS[name].make.__module__ != make.__module__:
            raise ArchError(f"the sampler `{name}` of {make.__module__} is already taken", help="give it another name")
        SAMPLERS[name] = Kind(make, (make.__doc__ or "").strip().split("\n")[0], several, halving)
        return make

    return register


@sampler("gp")
def gp(over: Over) -> Draws:
    """A Gaussian process over all rungs, see ``model``."""
    from archdsl.search.model import Model

    return Model(over.space, over.rungs, over.seed)


@sampler("tpe", several=True)
def tpe(over: Over) -> Draws:
    """Parzen estimators (Bergstra et al. 2011; Watanabe 2023, arXiv:2304.11127), of Optuna."""
    from archdsl.search.sampler import STARTUP

    asked = {"n_startup_trials": STARTUP, "multivariate": True, "constant_liar": True}
    return _of_optuna(over, lambda samplers, seed: samplers.TPESampler(seed=seed, **asked), renewed=True)


@sampler("random", several=True)
def random(over: Over) -> Draws:
    """Points at random, of Optuna."""
    return _of_optuna(over, lambda samplers, seed: samplers.RandomSampler(seed=seed))


@sampler("nsga2", several=True, halving=False)
def nsga2(over: Over) -> Draws:
    """A genetic algorithm for several objectives (Deb et al. 2002), of Optuna."""
    return _of_optuna(over, lambda samplers, seed: samplers.NSGAIISampler(seed=seed))


def _of_optuna(over: Over, make: Callable[[Any, int], Any], renewed: bool = False) -> Draws:
    from archdsl.search.sampler import Sampler

    return Sampler(make, over.space, over.rungs, over.objectives, over.seed, renewed)


def kind_of(name: str) -> Kind:
    """The sampler of a name, ours or of a package.

    Raises:
        ArchError: there is not any.
    """
    if name not in SAMPLERS:
        registry.names("train")  # which loads the words of packages, and the samplers beside them
    if name not in SAMPLERS:
        raise ArchError(f"`--sampler {name}`: one of {', '.join(SAMPLERS)}", help=suggest(name, SAMPLERS))
    return SAMPLERS[name]


def sampler_of(name: str, space: Space, rungs: int, objectives: int, seed: int) -> Draws:
    """A new sampler.

    Raises:
        ArchError: there is none of that name.
        EnvError: what it needs is not installed.
    """
    return kind_of(name).make(Over(space, rungs, objectives, seed))


def fitting(objectives: int, rungs: int = 1) -> list[str]:
    """The names of those that take so many objectives and rungs; the first one is the usual one."""
    return [n for n, k in SAMPLERS.items() if (objectives == 1 or k.several) and (rungs == 1 or k.halving)]
