"""The sampler: the same results give the same points, however many there are; it finds what is good."""

from __future__ import annotations

import statistics

import pytest

from archdsl.errors import Source
from archdsl.expand.space import Space
from archdsl.search.sampler import KEPT, MOST, Sampler
from archdsl.syntax.parse import parse

SPACE = Space.of(
    parse(
        Source(
            "<spec>",
            "net conv({width: 4 | 8 | 16 | 32}) {norm: | bn | ln} relu {drop: | drop({rate: 0.1..0.5 uniform})}\n"
            "train {opt: adam({lr: 1e-4..1e-1 log}) | sgd({sgd: 1e-3..1 log})} epochs({epochs: 2..40 log})",
        )
    )
)


def score(point: dict[str, float]) -> float:
    """Less is better: width 16, bn, adam at 3e-3."""
    rate = abs(point.get("lr", 1.0) - 3e-3) * 100
    return abs(point["width"] - 2) + (point["norm"] != 1) + min(rate, 3.0)


def drawn(kind: str, many: int, rungs: int = 3) -> list[dict[str, float]]:
    sampler = Sampler(kind, SPACE, rungs, 1, seed=0)  # type: ignore[arg-type]
    points = []
    for n in range(many):
        one = sampler.draw()
        points.append(dict(one.point))
        for rung in range(1 if n % 3 else 1 + n % rungs):
            sampler.learn(one, rung, None if n % 17 == 16 else (score(points[-1]) - rung,))
    return points


@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_equal_results_give_equal_points_beyond_one_study_of_optuna(kind: str) -> None:
    many = MOST + KEPT
    first = drawn(kind, many)
    assert drawn(kind, many) == first
    for point in first:
        assert ("rate" in point) == (point["drop"] == 1)
        assert ("lr" in point) != ("sgd" in point)
        assert set(point) <= {d.name for d in SPACE.dimensions}


def test_it_learns_from_results_before_and_after_a_new_study() -> None:
    points = drawn("tpe", MOST + KEPT)
    early = statistics.fmean(map(score, points[:10]))
    for part in (points[60:110], points[-50:]):
        assert statistics.fmean(map(score, part)) < early - 1
