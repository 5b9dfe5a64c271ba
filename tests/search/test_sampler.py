"""The sampler: the same results give the same points, however many there are; it finds what is good."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from archdsl.errors import ArchError, Source
from archdsl.expand.space import Space
from archdsl.search import samplers
from archdsl.search.encoding import Encoding
from archdsl.search.process import JITTER, LEVELS, Process
from archdsl.search.sampler import KEPT, MOST
from archdsl.search.samplers import SAMPLERS, Draws, Over, fitting, sampler, sampler_of
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
    sampler = sampler_of(kind, SPACE, rungs, 1, 0)
    points = []
    for n in range(many):
        one = sampler.draw()
        points.append(dict(one.point))
        for rung in range(1 if n % 3 else 1 + n % rungs):
            sampler.learn(one, rung, None if n % 17 == 16 else (score(points[-1]) - rung,))
    return points


@pytest.mark.parametrize("kind", ["gp", "tpe", "random"])
def test_equal_results_give_equal_points_beyond_one_study_of_optuna(kind: str) -> None:
    many = MOST + KEPT
    first = drawn(kind, many)
    assert drawn(kind, many) == first
    for point in first:
        assert ("rate" in point) == (point["drop"] == 1)
        assert ("lr" in point) != ("sgd" in point)
        assert set(point) <= {d.name for d in SPACE.dimensions}


@pytest.mark.parametrize("kind", ["gp", "tpe"])
def test_it_learns_from_results_before_and_after_a_new_study(kind: str) -> None:
    points = drawn(kind, MOST + KEPT)
    early = statistics.fmean(map(score, points[:10]))
    for part in (points[60:110], points[-50:]):
        assert statistics.fmean(map(score, part)) < early - 1


def test_a_point_with_a_result_waits_no_more() -> None:
    """Real numbers go from rows to points and back, and may differ in their last bits then."""
    sampler: Any = sampler_of("gp", SPACE, 2, 1, 0)
    for n in range(60):
        first, second = sampler.draw(), sampler.draw()
        sampler.learn(first, 0, (float(n % 7),))
        assert len(sampler._waiting) == 1
        if n % 2:
            sampler.learn(second, 0, None)
        else:
            sampler.refuse(second)
        assert not sampler._waiting


def test_what_failed_before_any_result_is_no_better_than_the_results() -> None:
    """Of a loss 0 would be the best value that there is."""
    model: Any = sampler_of("gp", SPACE, 1, 1, 0)
    drawn = [model.draw() for _ in range(12)]
    for one in drawn[:3]:
        model.learn(one, 0, None)
    assert model._data()[2].tolist() == [0.0] * 3
    for n, one in enumerate(drawn[3:]):
        model.learn(one, 0, (2.0 + n % 4,))
    _, _, y = model._data()
    assert y[:3].tolist() == [y[3:].max()] * 3
    order = model.ranked([one.point for one in drawn])
    assert order is not None
    assert order[0] >= 3


def test_rows_are_points() -> None:
    code, chance = Encoding(SPACE), np.random.default_rng(0)
    rows = code.random(300, chance)
    points = [code.point(row) for row in rows]
    np.testing.assert_allclose(code.rows(points), rows, atol=1e-12)
    for point in points:
        assert ("rate" in point) == (point["drop"] == 1)
        assert ("lr" in point) != ("sgd" in point)
        SPACE.values(point)  # every value is of the space
    near = code.near(rows[:20], 2, chance)
    assert len(near) == 20 * 2 * len(SPACE.dimensions)
    for row in near:
        point = code.point(row)
        assert ("rate" in point) == (point["drop"] == 1)
        assert ("lr" in point) != ("sgd" in point)
    assert {len({p[d] for p in points}) for d in ("width", "norm")} == {4, 3}


def made(many: int = 25) -> tuple[Any, Any, Any]:
    """Rows of an ordered and an unordered dimension, rungs and values."""
    chance = np.random.default_rng(1)
    x = np.column_stack([chance.random(many), chance.integers(-1, 3, many)])
    rungs = chance.integers(0, 2, many)
    return x, rungs, np.sin(3 * x[:, 0]) + 0.3 * x[:, 1] - rungs + 0.01 * chance.standard_normal(many)


def covariance(logs: Any, a: Any, b: Any) -> Any:
    """The covariance of the process, written out for each pair (dimension 0 has an order, 1 has not)."""
    w0, w1, shared, own, _ = np.exp(logs)
    found = np.empty((len(a), len(b)))
    for i, (x0, x1, rung) in enumerate(a):
        for j, (y0, y1, other) in enumerate(b):
            r = math.sqrt(5 * (w0 * (x0 - y0) ** 2 + w1 * (x1 != y1)))
            near, same = (1 + r + r * r / 3) * math.exp(-r), float(rung == other)
            found[i, j] = near * (shared + own * same) + LEVELS * same
    return found


def test_the_process_is_the_formula() -> None:
    x, rungs, y = made()
    process = Process((0, 3))
    process.fit(x, rungs, y)
    process.condition(x, rungs, y)
    moved = x[:7] + np.array([0.05, 0])
    known, new = np.column_stack([x, rungs]), np.column_stack([moved, np.ones(7)])
    noisy = covariance(process.logs, known, known) + (math.exp(process.logs[-1]) + JITTER) * np.eye(len(y))
    across = covariance(process.logs, new, known)
    mean, sd = process.predict(moved, 1)
    np.testing.assert_allclose(mean, across @ np.linalg.solve(noisy, y), rtol=1e-7)
    spread = covariance(process.logs, new, new) - across @ np.linalg.solve(noisy, across.T)
    np.testing.assert_allclose(sd**2, np.diag(spread), rtol=1e-5)
    assert np.abs(mean - (np.sin(3 * new[:, 0]) + 0.3 * new[:, 1] - 1)).mean() < 0.15


def test_what_is_supposed_changes_no_mean_and_makes_spreads_smaller() -> None:
    x, rungs, y = made()
    process, other = Process((0, 3)), Process((0, 3))
    process.condition(x[:20], rungs[:20], y[:20])
    expected, _ = process.predict(x[20:], 0)
    before, wide = process.predict(x, 1)
    process.suppose(x[20:], 0)
    after, narrow = process.predict(x, 1)
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert (narrow < wide + 1e-12).all()
    assert narrow[20:].mean() < 0.96 * wide[20:].mean()
    other.condition(np.concatenate([x[:20], x[20:]]), np.r_[rungs[:20], [0] * 5], np.r_[y[:20], expected])
    np.testing.assert_allclose(other.predict(x, 1), (after, narrow), atol=1e-6)
    process.suppose(x[:0], 0)
    np.testing.assert_allclose(process.predict(x, 1), (before, wide), atol=1e-9)


def test_candidates_are_ranked_by_what_is_expected_of_whole_runs() -> None:
    model = sampler_of("gp", SPACE, 2, 1, 0)
    assert model.ranked([{}]) is None
    points = []
    for _ in range(60):
        one = model.draw()
        points.append(one.point)
        model.learn(one, 0, (score(dict(one.point)),))
    order = model.ranked(points)
    assert order is not None
    assert sorted(order) == list(range(60))
    best = [score(dict(points[n])) for n in order]
    assert statistics.fmean(best[:15]) < statistics.fmean(best[15:]) - 0.3


@pytest.mark.parametrize("kind", ["gp", "tpe", "random"])
def test_importances_are_of_the_holes_that_every_arm_has(kind: str) -> None:
    one, level = sampler_of(kind, SPACE, 1, 1, 0), sampler_of(kind, SPACE, 1, 1, 0)
    for _ in range(40):
        drawn, other = one.draw(), level.draw()
        one.learn(drawn, 0, (score(dict(drawn.point)),))
        level.learn(other, 0, (0.1,))
    found = one.importances()
    assert set(found) == {"width", "norm", "drop", "opt", "epochs"}
    assert sum(found.values()) == pytest.approx(1)
    assert level.importances() == {}  # of equal values nothing is known


def test_a_sampler_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "SAMPLERS", dict(SAMPLERS))

    @sampler("chance", several=True, halving=False)
    def chance(over: Over) -> Draws:
        """As `random`."""
        return SAMPLERS["random"].make(over)

    assert sampler_of("chance", SPACE, 1, 2, 0).draw().point == sampler_of("random", SPACE, 1, 2, 0).draw().point
    assert fitting(1)[0] == "gp"
    assert fitting(2) == ["tpe", "random", "nsga2", "chance"]
    assert fitting(2, 3) == ["tpe", "random"]
    with pytest.raises(ArchError, match="`--sampler chances`: one of gp, tpe, random, nsga2, chance"):
        sampler_of("chances", SPACE, 1, 1, 0)
    assert all(kind.help.endswith(".") for kind in samplers.SAMPLERS.values())
