"""The arm that the others are compared with."""

from __future__ import annotations

from collections.abc import Container

from archdsl.errors import ArchError, suggest
from archdsl.study.plan.design import Design
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.file import StudyFile


def baseline(study: StudyFile, factors: tuple[Factor, ...], design: Design) -> tuple[int, ...]:
    """The levels of the reference arm.

    Raises:
        ArchError: `baseline` names no factor, or none of its levels.
    """
    picks = list(design.arms[design.reference])
    names = [f.name for f in factors]
    for name, level in study.baseline.items():
        if name not in names:
            raise ArchError(f"`baseline`: unknown factor `{name}`", help=suggest(name, names))
        wanted = "" if level == "none" else level
        levels = factors[names.index(name)].levels
        if wanted not in levels:
            raise ArchError(f"`baseline`: factor `{name}` has no level `{level}`", help=suggest(level, levels))
        picks[names.index(name)] = levels.index(wanted)
    return tuple(picks)


def not_among(
    usual: tuple[int, ...], factors: tuple[Factor, ...], design: Design, every: Container[tuple[int, ...]]
) -> ArchError:
    """That the reference is not among the arms: ``every`` are those of the design, before any condition."""
    if usual in every:
        return ArchError(
            "the arm that others are compared with is excluded by `where`", help="name another one by `baseline:`"
        )
    named = ", ".join(f"{f.shown} {f.levels[n] or 'none'}" for f, n in zip(factors, usual, strict=True))
    return ArchError(
        f"`baseline`: the design `{design.name}` has no arm with {named}",
        help="name the levels of one of its arms; or take `full`, which has all combinations",
    )
