"""Two populations, seeds alone and seeds with images: by the definition, by simulation, by halves of a test set."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from archdsl.study.stats.images import ImageDifference, anytime_bounds, image_difference
from archdsl.study.stats.interval import summary

Arrays = tuple[np.ndarray, np.ndarray]
GAP, OWN, NOISE = 0.1, 0.3, 0.5


def arms(chance: np.random.Generator, seeds: int, images: int, spread: float = 0.05) -> Arrays:
    """Two arms that share the difficulty of images; each has seeds and images of its own liking."""
    difficulty, own = chance.normal(0, 1, images), chance.normal(0, OWN, (2, 1, images))
    quality = chance.normal(0, spread, (2, seeds, 1)) + np.array([GAP, 0]).reshape(2, 1, 1)
    logits = 1 + quality + difficulty + own + chance.normal(0, NOISE, (2, seeds, images))
    return logits[0] > 0, logits[1] > 0


def true_difference(spread: float = 0.05) -> float:
    sd = math.sqrt(1 + OWN**2 + NOISE**2 + spread**2)
    return NormalDist().cdf((1 + GAP) / sd) - NormalDist().cdf(1 / sd)


def test_figures_are_those_of_a_two_way_table() -> None:
    a, b = arms(np.random.default_rng(0), 7, 40)
    d, found = a.astype(float) - b, image_difference(a, b)
    rows, columns = d.mean(1), d.mean(0)
    rest = d - rows[:, None] - columns[None] + d.mean()
    unexplained = (rest**2).sum() / (6 * 39) / (7 * 40)
    by_seeds, by_images = rows.var(ddof=1) / 7, columns.var(ddof=1) / 40
    assert found.delta == pytest.approx(d.mean())
    assert (found.sd_seeds, found.sd_images) == pytest.approx((math.sqrt(by_seeds), math.sqrt(by_images)))
    assert found.sd == pytest.approx(math.sqrt(max(by_seeds + by_images - unexplained, by_seeds, by_images)))
    alone = summary(rows.tolist())
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_the_variance_has_no_bias() -> None:
    chance = np.random.default_rng(1)
    found = [image_difference(*arms(chance, 6, 60, 0.3)) for _ in range(1500)]
    assert np.mean([f.sd**2 for f in found if f.sd]) == pytest.approx(np.var([f.delta for f in found]), rel=0.1)


@pytest.mark.parametrize(("seeds", "images"), [(4, 300), (20, 200)])
def test_intervals_hold_what_they_speak_of(seeds: int, images: int) -> None:
    chance, truth = np.random.default_rng(seeds), true_difference()
    found = [image_difference(*arms(chance, seeds, images)) for _ in range(600)]
    new = np.mean([f.new_low <= truth <= f.new_high for f in found if f.new_low is not None])
    alone = np.mean([f.low is not None and f.low <= truth <= f.high for f in found])
    assert 0.93 <= new <= 0.975
    assert alone < new  # it speaks of these images alone


def test_seeds_alone_hold_the_difference_on_these_images() -> None:
    chance = np.random.default_rng(4)
    many = arms(chance, 3000, 200, 0.1)
    truth = float(many[0].mean() - many[1].mean())
    picks = [chance.choice(3000, 5, replace=False) for _ in range(500)]
    found = [image_difference(many[0][rows], many[1][rows]) for rows in picks]
    assert 0.92 <= np.mean([f.low <= truth <= f.high for f in found if f.low is not None]) <= 0.98


def test_one_half_of_a_test_set_predicts_the_other() -> None:
    chance = np.random.default_rng(5)
    held = {"new": 0, "alone": 0}
    for _ in range(400):
        a, b = arms(chance, 20, 400, 0.02)
        image, seed = chance.permutation(400), chance.permutation(20)
        one, two = (
            image_difference(a[np.ix_(s, i)], b[np.ix_(s, i)])
            for s, i in ((seed[:10], image[:200]), (seed[10:], image[200:]))
        )
        apart = abs(one.delta - two.delta)
        held["new"] += apart <= 1.96 * math.hypot(one.sd or 0, two.sd or 0)
        held["alone"] += apart <= 2.1 * math.hypot(one.sd_seeds or 0, two.sd_seeds or 0)  # t with 18 degrees
    assert held["new"] / 400 > 0.93
    assert held["alone"] / 400 < 0.85


def test_neither_order_nor_names_change_a_bit() -> None:
    chance = np.random.default_rng(2)
    a, b = arms(chance, 9, 101)
    rows, columns = chance.permutation(9), chance.permutation(101)
    found = image_difference(a, b)
    assert image_difference(a[rows][:, columns], b[rows][:, columns]) == found
    turned = image_difference(b, a)
    assert (turned.delta, turned.sd) == (-found.delta, found.sd)
    assert (turned.new_low, turned.new_high) == (-found.new_high, -found.new_low)  # type: ignore[operator]


def test_what_is_undefined_is_none() -> None:
    a, b = arms(np.random.default_rng(3), 3, 50)
    assert image_difference(a[:1], b[:1]) == ImageDifference(1, 50, (a[:1].sum() - b[:1].sum()) / 50)
    assert image_difference(a[:, :1], b[:, :1]).sd is None
    assert image_difference(a, a) == ImageDifference(3, 50, 0.0)
    always, never = np.ones((3, 50), bool), np.zeros((3, 50), bool)
    assert image_difference(always, never) == ImageDifference(3, 50, 1.0)
    equal = image_difference(np.array([[1, 0], [0, 1]], bool), np.zeros((2, 2), bool))  # seeds agree, images do not
    assert (equal.low, equal.delta) == (None, 0.5)


def test_bad_arrays_are_refused() -> None:
    a = np.ones((2, 3), bool)
    for bad in (np.ones((3, 2), bool), np.ones(3, bool), np.ones((2, 4), bool)):
        with pytest.raises(ValueError, match="equal arrays"):
            image_difference(a, bad)
    with pytest.raises(ValueError, match="equal arrays"):
        image_difference(a[:0], a[:0])
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        image_difference(a, a, 0.0)


def test_anytime_bounds_hold_at_every_look() -> None:
    """With a look after each of 12 seeds; intervals for a fixed number of seeds miss the difference more often."""
    chance, truth, missed, fixed = np.random.default_rng(7), true_difference(), 0, 0
    for _ in range(300):
        a, b = arms(chance, 12, 300)
        rows = a.mean(1) - b.mean(1)
        looks = range(2, 13)
        found = [image_difference(a[:n], b[:n]) for n in looks]
        bounds = [
            anytime_bounds(n, rows[:n].mean(), rows[:n].std(ddof=1), d.sd_images, 0.05)
            for n, d in zip(looks, found, strict=True)
        ]
        missed += any(low is not None and high is not None and not low <= truth <= high for low, high in bounds)
        fixed += any(d.new_low is not None and not d.new_low <= truth <= d.new_high for d in found)
    assert missed <= 0.05 * 300
    assert missed < fixed
    assert anytime_bounds(2, 0.0, 0.1, 0.01, 0.001) == (None, None)
    assert anytime_bounds(1, 0.0, None, None, 0.05) == (None, None)
