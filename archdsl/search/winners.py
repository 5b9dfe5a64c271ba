"""The best candidates and the base, compared on fresh seeds: a search takes the maximum over noise, so its scores are biased."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.search.candidates import Candidate
from archdsl.search.carry_out import Search
from archdsl.search.options import FRESH, SearchOptions
from archdsl.search.ranking import front, spread
from archdsl.study.amounts import MAX_SEEDS
from archdsl.study.plan.file import StudyFile

BASE = "base"


def chosen(search: Search, most: int) -> list[Candidate]:
    """The candidates that are compared: the best ones without the base, the longest trained first; of several objectives some
    along the Pareto front of the highest rung.
    """
    rung = search.order.halving.highest
    found = search.order.halving.found[rung]
    every = search.candidates.every
    if len(search.scores.objectives) > 1:
        members = [n for n in front(found) if n or not search.candidates.has_base]
        return [every[n] for n in spread(members, most)]
    return [c for c, _, _ in search.best() if c.number or not search.candidates.has_base][:most]


def study_of(
    options: SearchOptions,
    search: Search,
    winners: Sequence[Candidate],
    metric: str,
    precision: str,
    seconds: float | None,
    most: int = MAX_SEEDS,
) -> StudyFile:
    """The study that compares them on fresh seeds, by test images.

    Args:
        metric: of the task, of test images.
        seconds: wall time that is left; None: no limit.
        most: seeds after which an arm stays open.
    """
    arms, base = search.candidates.arms, search.candidates
    named: list[tuple[str, str]] = []
    if base.has_base:
        named.append((BASE, arms.spec(base.base).canonical))
    named += [(name_of(c), arms.spec(c.point).canonical) for c in winners]
    return StudyFile(
        name=f"{options.name}-winners",
        title=f"{options.name}: the best of {len(search.candidates.every):,} arms on fresh seeds",
        base=tuple(named),
        seeds=tuple(range(FRESH, FRESH + most)),
        metric=metric,
        stated=True,
        more=(options.objective,),
        budget=f"{max(1, round(seconds))}s" if seconds is not None else "",
        precision=precision,
        folder=Path(),
    )


def name_of(candidate: Candidate) -> str:
    """What a candidate is called beside the base."""
    return f"arm{candidate.number}"
