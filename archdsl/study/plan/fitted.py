"""The arms of a study that its fits are through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, suggest
from archdsl.settings.experiment import Experiment
from archdsl.study.plan.arms import TOTALS, Arms
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.fits import Fit

if TYPE_CHECKING:
    from archdsl.study.plan.cells import Cell

IMAGES = "images"  # that the training images of an arm are counted by
FEWEST = 2  # sizes that make a line, if only to say that they are too few for its fit


@dataclass(frozen=True)
class FitLine:
    """A fit through arms that differ in its x alone: the number of each arm by x, ascending. ``name`` says what the other
    factors have, and ``label`` the same as figures show it; ``held``: the last x, which the fit leaves out. ``title`` is
    the study's own label of x.
    """

    fit: Fit
    name: str
    arms: Mapping[float, Sequence[int]]
    held: float | None = None
    label: str = ""
    title: str = ""

    @property
    def fitted(self) -> tuple[float, ...]:
        """The values of x that the fit takes."""
        return tuple(x for x in self.arms if x != self.held)


def fit_lines(study: StudyFile, arms: Arms, every: Sequence[Cell]) -> tuple[FitLine, ...]:
    """The lines of the fits of a study, one for each choice of the factors that x does not depend on: also those of two sizes or
    more that are too few for the fit.

    Raises:
        ArchError: x is not a number of the arms, or no choice has enough values of it.
    """
    return tuple(line for fit in study.fits for line in _lines(fit, study.holdout, arms, every))


def _lines(fit: Fit, holdout: bool, arms: Arms, every: Sequence[Cell]) -> Iterator[FitLine]:
    xs = _values(fit, arms, every)
    others = [f for f in arms.factors if not _along(f, arms, xs)]
    groups: dict[tuple[str, ...], dict[float, list[int]]] = {}
    for n, x in sorted(xs.items(), key=lambda pair: pair[1]):
        choice = tuple(arms.arms[n].choice.get(f.name, "") for f in others)
        groups.setdefault(choice, {}).setdefault(x, []).append(n)
    needed = len(fit.coefficients) + 1 + holdout
    most = max(map(len, groups.values()), default=0)
    if most < needed:
        also = ", one of which is held out" if holdout else ""
        many = len(fit.coefficients)
        raise ArchError(
            f"the fit `{fit.text}` has {many} coefficients and needs {needed} sizes{also}; there are {most}",
            help=f"add levels that change `{fit.x}`, or take a fit with fewer coefficients: linear",
        )
    for choice, of_choice in groups.items():
        if len(of_choice) >= FEWEST:
            varied = [
                (f"{f.shown}={level or 'none'}", f.level(level) if f.title or f.text(level) else "")
                for f, level, levels in zip(others, choice, zip(*groups, strict=True), strict=True)
                if len(set(levels)) > 1
            ]
            name, label = ", ".join(name for name, _ in varied), ", ".join(text or name for name, text in varied)
            title = next((f.title for f in arms.factors if fit.x in (f.name, f.shown)), "")
            yield FitLine(fit, name, of_choice, max(of_choice) if holdout else None, label, title)


def _values(fit: Fit, arms: Arms, every: Sequence[Cell]) -> dict[int, float]:
    """x of each arm that has one, by its number."""
    factor = next((f for f in arms.factors if fit.x in (f.name, f.shown)), None)
    if factor is not None:
        if factor.numbers is None:
            raise ArchError(
                f"the fit `{fit.text}`: the levels of `{fit.x}` are not numbers",
                help=f"one of {', '.join((*TOTALS, IMAGES))} may differ between them",
            )
        at = dict(zip(factor.levels, factor.numbers, strict=True))
        chosen = {n: arm.choice.get(factor.name) for n, arm in enumerate(arms.arms)}
        xs = {n: at[level] for n, level in chosen.items() if level in at}
    elif fit.x in TOTALS:
        xs = {n: float(arm.totals[fit.x]) for n, arm in enumerate(arms.arms)}
    elif fit.x == IMAGES:
        xs = {c.arm: float(images_of(c.experiment)) for c in every}
    else:
        known = [*(f.shown for f in arms.factors if f.numbers is not None), *TOTALS, IMAGES]
        raise ArchError(
            f"the fit `{fit.text}`: unknown size `{fit.x}`", help=suggest(fit.x, known) or f"one of {', '.join(known)}"
        )
    if (fit.log or fit.kind == "power") and (low := min(xs.values(), default=1.0)) <= 0:
        raise ArchError(
            f"the fit `{fit.text}`: `{fit.x}` has the value {low:g}, which has no logarithm",
            help="leave that level out, or take linear without `log`",
        )
    return xs


def _along(factor: Factor, arms: Arms, xs: Mapping[int, float]) -> bool:
    """Whether two arms that differ in this factor alone have another x."""
    seen: dict[tuple[str, ...], float] = {}
    for n, x in xs.items():
        rest = tuple(arms.arms[n].choice.get(f.name, "") for f in arms.factors if f is not factor)
        if seen.setdefault(rest, x) != x:
            return True
    return False


def images_of(experiment: Experiment) -> int:
    """The training images of an experiment, before any are set aside; 10,000 where they are not counted."""
    images, subset = getattr(experiment.data.dataset, "train", 0) or 10_000, experiment.data.subset
    return min(images, subset.of(images)) if subset is not None else images
