"""The samplers of a search: each draws points of a space, by what it is told of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from archdsl.search.encoding import Point
from archdsl.search.model import Model
from archdsl.search.ranking import Values
from archdsl.search.sampler import Drawn, Sampler

if TYPE_CHECKING:
    from archdsl.expand.space import Space

Kind = Literal["gp", "tpe", "random", "nsga2"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SINGLE: tuple[Kind, ...] = ("gp",)  # of one objective


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


def sampler_of(kind: Kind, space: Space, rungs: int, objectives: int, seed: int) -> Draws:
    """The sampler of a kind: ``gp``, a Gaussian process (see ``model``), or one of Optuna.

    Raises:
        EnvError: Optuna is not installed.
    """
    return Model(space, rungs, seed) if kind == "gp" else Sampler(kind, space, rungs, objectives, seed)


def usual(objectives: int) -> Kind:
    """The kind that is taken where none is asked for."""
    return next(kind for kind in KINDS if objectives == 1 or kind not in SINGLE)
