"""How often sequential verdicts are wrong, and how many seeds they take, by simulation with the functions of the product.

Wrong decisions: families of arms that equal one reference, looked at after each seed up to 40. An arm's differences share
the reference's runs, so the comparisons of a family depend on each other. `skewed alone` and `exponential alone` are
differences from a constant: their distribution is not symmetric, which arms that are exchangeable cannot have.

Seeds to a decision: normal differences with a given standardised effect, in a family of eight; beside them the paired t
test with a fixed number of seeds (Bonferroni over the same family) that has a power of 80 %.

Same: arms whose true difference is exactly the margin, so that every `same` is wrong.
"""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _timing import options, publish

from archdsl.report import Column, Table
from archdsl.study.stats import seeds_needed
from archdsl.study.stats.sequential import PRIOR, evidence, half_width
from archdsl.study.stats.verdicts import verdicts

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
LOOKS, ALPHA = 40, 0.05

KINDS: dict[str, tuple[Draw, bool]] = {  # and whether it is compared with a reference of its own kind
    "normal": (lambda g, shape: g.normal(size=shape), True),
    "heavy tails (Student, 3 degrees)": (lambda g, shape: g.standard_t(3, size=shape), True),
    "accuracies (2,000 images, 90 %)": (lambda g, shape: g.binomial(2000, 0.9, shape) / 2000, True),
    "accuracies (50 images, 90 %)": (lambda g, shape: g.binomial(50, 0.9, shape) / 50, True),
    "skewed (log-normal)": (lambda g, shape: g.lognormal(0, 0.5, shape), True),
    "skewed alone": (lambda g, shape: g.lognormal(0, 0.5, shape) - np.exp(0.125), False),
    "exponential alone": (lambda g, shape: g.exponential(size=shape) - 1, False),
}
STEPS = {"accuracies (2,000 images, 90 %)": 1 / 2000, "accuracies (50 images, 90 %)": 1 / 50}
FAMILIES, EFFECTS = (1, 3, 8, 20), (8.0, 4.0, 2.0, 1.0, 0.5)


def arms(kind: str, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``size`` arms, shape (size, LOOKS), and their reference, (LOOKS,)."""
    draw, paired = KINDS[kind]
    chance = np.random.default_rng((seed, size, len(kind)))
    found = draw(chance, (size, LOOKS))
    return found, draw(chance, (1, LOOKS))[0] if paired else np.zeros(LOOKS)


def family(kind: str, size: int, seed: int, shift: float = 0.0) -> dict[str, list[float]]:
    """Differences of ``size`` arms to one reference over ``LOOKS`` seeds."""
    found, reference = arms(kind, size, seed)
    return {str(k): row.tolist() for k, row in enumerate(found - reference + shift)}


def wrong(seed: int, kind: str, size: int) -> tuple[bool, bool]:
    """Whether any arm of a family without differences is decided; and whether one is where the symmetry test consents."""
    found = verdicts(family(kind, size, seed), alpha=ALPHA, resolution=STEPS.get(kind, 0.0)).values()
    decided = [v for v in found if v.decision in ("better", "worse")]
    return bool(decided), any(v.p_symmetric <= ALPHA for v in decided)


def missed(seed: int, kind: str) -> bool:
    """Whether a confidence sequence of 95 % loses the true mean at any look."""
    draw, paired = KINDS[kind]
    chance = np.random.default_rng((seed, 99))
    row = draw(chance, (LOOKS,)) - (draw(chance, (LOOKS,)) if paired else 0.0)
    found = evidence(row.tolist(), PRIOR, STEPS.get(kind, 0.0))
    halves = [None if e.sd is None else half_width(e.n, e.sd, ALPHA) for e in found]
    return any(h is not None and abs(e.delta) > h for e, h in zip(found, halves, strict=True))


def same(seed: int, size: int) -> bool:
    """Whether any of ``size`` arms that differ by the margin, two standard deviations, is called the same."""
    found = verdicts(family("normal", size, seed, shift=2.0), alpha=ALPHA, same=2.0)
    return any(v.decision == "same" for v in found.values())


def seeds(seed: int, effect: float) -> int:
    """Seeds until the decision about an effect in standard deviations of the differences, in a family of eight."""
    row = np.random.default_rng((seed, int(effect * 10))).normal(effect, 1, 400).tolist()
    return verdicts({"arm": row}, alpha=ALPHA, size=8)["arm"].decided or 400


def main() -> None:
    """Simulate and publish."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--families", type=int, default=4000)
    args = parser.parse_args()
    with multiprocessing.get_context("fork").Pool() as pool:

        def run(function: Callable[[int], object], count: int = args.families) -> list[Any]:
            return pool.map(function, range(count), chunksize=64)

        errors, coverage, needed = [], [], []
        for kind in KINDS:
            for size in FAMILIES:
                found = np.array(run(partial(wrong, kind=kind, size=size)))
                errors.append((kind, size, float(found[:, 0].mean()), float(found[:, 1].mean())))
            coverage.append((kind, 1 - float(np.mean(run(partial(missed, kind=kind))))))
        sames = [(size, float(np.mean(run(partial(same, size=size))))) for size in FAMILIES]
        for effect in EFFECTS:
            counts = run(partial(seeds, effect=effect), min(args.families, 1000))
            fixed = seeds_needed(effect, 1.0, ALPHA / 8)
            needed.append((effect, statistics.median(counts), statistics.mean(counts), fixed))
    each = f"{args.families:,} families each, a look after each of {LOOKS} seeds, alpha 5 %"
    tables = [
        Table(
            (
                Column("runs over seeds"),
                Column("arms", "int"),
                Column("any wrong decision", "percent", digits=2),
                Column("with the symmetry test's consent", "percent", digits=2),
            ),
            tuple(errors),
            "Wrong decisions where no arm differs",
            notes=(each,),
        ),
        Table(
            (Column("runs over seeds"), Column("sequences that hold the mean at every look", "percent", digits=2)),
            tuple(coverage),
            "Coverage of confidence sequences of 95 %",
            notes=(each,),
        ),
        Table(
            (Column("arms", "int"), Column("any wrong `same`", "percent", digits=2)),
            tuple(sames),
            "Wrong `same` where each arm differs by the margin",
            notes=(each,),
        ),
        Table(
            (
                Column("effect / sd", "float"),
                Column("median seeds", "float"),
                Column("mean seeds", "float"),
                Column("fixed design, power 80 %", "int"),
            ),
            tuple(needed),
            "Seeds to a decision, a family of eight",
        ),
    ]
    raw = {"errors": errors, "coverage": coverage, "same": sames, "seeds": needed}
    publish("verdict_sim", tables, raw, ["numpy", "scipy"], args.out)


if __name__ == "__main__":
    main()
