"""The bank of runs as arrays, studies resampled from it, and verdicts under a rule against skewed differences."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _timing import RESULTS
from numpy.typing import NDArray
from scipy.special import stdtr

from archdsl.study.stats.sequential import evidence

Floats = NDArray[np.float64]
LOOKS, ALPHA, STEP = 40, 0.05, 1 / 2000
UNEVEN = 2.0
EQUAL = ("reference", "split 4+4", "split 3+5")
UNSTABLE = ("unstable", "unstable split")


@dataclass(frozen=True)
class Rule:
    """What a decision asks for besides the t evidence: evidence of ``least`` seeds or more, and the symmetry test's. Where the
    standard deviations of the two arms so far are a factor of ``UNEVEN`` or more apart, evidence counts from ``guard`` on.
    """

    name: str
    least: int = 2
    consent: bool = False
    guard: int = 2


RULES = (Rule("none"), Rule("5 seeds", 5), Rule("10 seeds", 10), Rule("15 seeds", 15), Rule("20 seeds", 20),
         Rule("consent", consent=True), Rule("10 seeds, consent", 10, True), Rule("5, 20 if uneven", 5, guard=20),
         Rule("5, 30 if uneven", 5, guard=30), Rule("10, 30 if uneven", 10, guard=30))  # fmt: skip
NONE = RULES[0]


def bank(path: Path = RESULTS / "seed_bank.csv", metric: str = "test_accuracy") -> dict[str, Floats]:
    """By arm, the metric of each seed."""
    values: dict[str, list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values.setdefault(row["arm"], []).append(float(row[metric]))
    return {arm: np.array(found) for arm, found in values.items()}


def exchanged(runs: dict[str, Floats], chance: np.random.Generator) -> dict[str, Floats]:
    """Runs whose equal arms have changed their names, seed by seed: no arm of them differs from another, exactly."""
    found = dict(runs)
    for group in (EQUAL, UNSTABLE):
        mixed = chance.permuted(np.stack([runs[arm] for arm in group]), axis=0)
        found |= dict(zip(group, mixed, strict=True))
    return found


def drawn(runs: dict[str, Floats], chance: np.random.Generator) -> dict[str, Floats]:
    """A study of ``LOOKS`` seeds out of the bank, with its equal arms exchanged."""
    count = len(next(iter(runs.values())))
    seeds = chance.choice(count, LOOKS, replace=False)
    return exchanged({arm: values[seeds] for arm, values in runs.items()}, chance)


def holm(ps: Floats) -> Floats:
    """Holm's adjusted p-values along the first axis, of shape (comparisons, looks)."""
    order = np.argsort(ps, axis=0, kind="stable")
    steps = (len(ps) - np.arange(len(ps)))[:, None]
    adjusted = np.maximum.accumulate(np.minimum(1, np.take_along_axis(ps, order, 0) * steps), axis=0)
    found = np.empty_like(ps)
    np.put_along_axis(found, order, adjusted, 0)
    return found


@dataclass(frozen=True)
class Traces:
    """The evidence of a family after each look, of shape (comparisons, looks)."""

    mean: Floats
    log_e: Floats
    symmetric: Floats
    uneven: Floats

    def decided(self, rule: Rule = NONE) -> tuple[NDArray[np.int64], Floats]:
        """For each comparison the seeds at its decision (0: none) and the sign that is decided."""
        seeds = np.where(self.uneven >= UNEVEN, max(rule.guard, rule.least), rule.least)
        late = np.where(np.arange(1, self.mean.shape[1] + 1) >= seeds, self.log_e, 0.0)
        ps = np.exp(-np.maximum.accumulate(np.maximum(late, 0), axis=1))
        return first(holm(np.maximum(ps, self.symmetric) if rule.consent else ps) <= ALPHA, self.mean)


def first(rejected: NDArray[np.bool_], mean: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The seeds at the first rejection of each row (0: none), and the sign of the mean then."""
    at = rejected.argmax(1)
    signs = np.sign(mean[np.arange(len(mean)), at])
    return np.where(rejected.any(1), at + 1, 0), np.where(rejected.any(1), signs, 0.0)


def traces(arms: Sequence[Floats], reference: Floats | float, step: float = STEP, centre: float = 0.0) -> Traces:
    """The product's evidence on the differences of arms to the reference, less their ``centre``; one row a comparison."""
    found = [evidence((row - reference - centre).tolist(), resolution=step) for row in arms]
    own, theirs = spread(np.stack(arms), step), spread(np.stack([np.broadcast_to(reference, arms[0].shape)]), step)

    def of(name: str) -> Floats:
        return np.array([[getattr(e, name) for e in row] for row in found])

    return Traces(of("delta"), of("log_e"), of("p_symmetric"), np.maximum(own / theirs, theirs / own))


def spread(rows: Floats, step: float) -> Floats:
    """The standard deviation of each row's first values, after each look; at least that of a value rounded to steps."""
    n = np.arange(1, rows.shape[1] + 1)
    centred = rows - rows.mean(1, keepdims=True)
    variance = (centred**2).cumsum(1) / n - (centred.cumsum(1) / n) ** 2
    return np.sqrt(np.maximum(variance * n / np.maximum(n - 1, 1), max(step, 1e-12) ** 2 / 12))


def fixed(
    arms: Sequence[Floats], reference: Floats, looks: Sequence[int] = range(2, LOOKS + 1)
) -> tuple[Floats, Floats]:
    """Holm's p of a paired t test, and the mean, at each number of seeds of ``looks``; shape (comparisons, looks)."""
    rows = np.stack(arms) - reference
    n = np.array(looks)
    sums, squares = rows.cumsum(1)[:, n - 1], (rows**2).cumsum(1)[:, n - 1]
    mean = sums / n
    variance = np.maximum((squares - n * mean**2) / (n - 1), STEP**2 / 6)
    return holm(2 * stdtr(n - 1, -np.abs(mean) / np.sqrt(variance / n))), mean
