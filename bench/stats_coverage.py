"""How often the statistics of a study are right, by simulation: what 95 % intervals of paired differences cover, and how
often a family of Holm-adjusted sign-flip tests rejects anything where nothing is.

Three kinds of seed variation: normal; skewed (a log-normal of spread 0.5, its mean taken off); and accuracies (two
binomials over 2,000 test images about 90 %, rounded as test accuracies are). Differences of two draws of one kind are
symmetric; the one-sided kinds `skewed alone` and so on are differences from a constant, the worst case.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from _timing import options, publish

from archdsl.report import Column, Table
from archdsl.study.stats import holm, seeds_to_reject
from archdsl.study.stats.interval import t_quantile
from archdsl.study.stats.signflip import exact_ps

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _skewed(chance: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return chance.lognormal(0, 0.5, shape) - np.exp(0.125)


KINDS: dict[str, Draw] = {
    "normal": lambda g, shape: g.normal(size=shape),
    "skewed": lambda g, shape: _skewed(g, shape) - _skewed(g, shape),
    "skewed alone": _skewed,
    "accuracies": lambda g, shape: (g.binomial(2000, 0.9, shape) - g.binomial(2000, 0.9, shape)) / 2000,
}
SEEDS, FAMILIES = (3, 5, 10), (3, 5, 10)


def coverage(draw: Draw, n: int, count: int, chance: np.random.Generator) -> float:
    """The share of 95 % t intervals of ``n`` differences that hold the true mean, 0."""
    values = draw(chance, (count, n))
    half = t_quantile(n - 1, 0.975) * values.std(1, ddof=1) / np.sqrt(n)
    return float((np.abs(values.mean(1)) <= half).mean())


def family_error(draw: Draw, m: int, n: int, count: int, chance: np.random.Generator) -> float:
    """The share of families of ``m`` comparisons over ``n`` seeds with any rejection, where no arm differs. All are
    compared with one reference, so that the tests depend on each other.
    """
    wrong = 0
    for _ in range(count):
        reference = draw(chance, (1, n))
        differences = draw(chance, (m, n)) - reference
        ps = exact_ps(np.sort(np.abs(differences)), np.abs(differences.sum(1)))
        wrong += min(p for p in holm(ps.tolist()) if p is not None) <= 0.05
    return wrong / count


def main() -> None:
    """Simulate and publish."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--draws", type=int, default=200_000)
    parser.add_argument("--families", type=int, default=20_000)
    args = parser.parse_args()
    covered, errors = [], []
    for kind, draw in KINDS.items():
        covered += [(kind, n, coverage(draw, n, args.draws, np.random.default_rng(n))) for n in SEEDS]
        for m in FAMILIES if kind != "skewed alone" else ():
            n = seeds_to_reject(m) + 1
            errors.append((kind, m, n, family_error(draw, m, n, args.families, np.random.default_rng(m))))
    tables = [
        Table(
            (Column("seed variation"), Column("seeds", "int"), Column("95 % intervals cover", "percent", digits=2)),
            tuple(covered),
            "Coverage",
            notes=(f"{args.draws:,} draws each",),
        ),
        Table(
            (
                Column("seed variation"),
                Column("comparisons", "int"),
                Column("seeds", "int"),
                Column("any false rejection", "percent", digits=2),
            ),
            tuple(errors),
            "Family-wise error",
            notes=(f"{args.families:,} families each, compared with one reference; Holm at 5 %",),
        ),
    ]
    publish("stats_coverage", tables, {"coverage": covered, "errors": errors}, ["numpy", "scipy"], args.out)


if __name__ == "__main__":
    main()
