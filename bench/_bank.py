"""The bank of runs as arrays, studies resampled from it, and verdicts under a rule against skewed differences."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _timing import RESULTS
from numpy.typing import NDArray
from scipy.special import logsumexp, stdtr

from archdsl.study.stats.sequential import EFFECTS, PRIOR, uneven
from archdsl.study.stats.verdicts import verdicts

Floats = NDArray[np.float64]
LOOKS, ALPHA, STEP = 40, 0.05, 1 / 2000
UNEVEN = 2.0
EQUAL = ("reference", "split 4+4", "split 3+5")
UNSTABLE = ("unstable", "unstable split")


@dataclass(frozen=True)
class Rule:
    """What a decision asks for besides the t evidence: evidence of ``least`` seeds or more, and the symmetry test's. Where the
    standard deviations of the two arms so far are a factor of ``UNEVEN`` or more apart, evidence counts from ``guard`` on;
    before it, too, as far as the symmetry test's goes.
    """

    name: str
    least: int = 2
    consent: bool = False
    guard: int = 2
    either: bool = False


PRODUCT = Rule("20 or consent if uneven", guard=20, either=True)  # what studies do
RULES = (
    Rule("none"),
    Rule("5 seeds", 5),
    Rule("10 seeds", 10),
    Rule("15 seeds", 15),
    Rule("20 seeds", 20),
    Rule("consent", consent=True),
    Rule("10 seeds, consent", 10, True),
    Rule("5, 20 if uneven", 5, guard=20),
    PRODUCT,
    Rule("5, 30 if uneven", 5, guard=30),
    Rule("10, 30 if uneven", 10, guard=30),
)


def bank(path: Path = RESULTS / "seed_bank.csv", metric: str = "test_accuracy") -> dict[str, Floats]:
    """By arm, the metric of each seed."""
    values: dict[str, list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values.setdefault(row["arm"], []).append(float(row[metric]))
    return {arm: np.array(found) for arm, found in values.items()}


def drawn(runs: dict[str, Floats], chance: np.random.Generator, group: Sequence[str] = EQUAL) -> dict[str, Floats]:
    """A study of ``LOOKS`` seeds out of the bank, in which no arm of a group differs from its first one.

    In half of the seeds the arms of the group change places with the first, as far as their difference goes: exchangeable
    arms allow that, the mean difference is 0 then, and the first keeps its pairing with all other arms.
    """
    seeds = chance.choice(len(runs[group[0]]), LOOKS, replace=False)
    found = {arm: values[seeds] for arm, values in runs.items()}
    base, signs = found[group[0]], chance.choice([-1.0, 1.0], LOOKS)
    return found | {arm: base + signs * (found[arm] - base) for arm in group[1:]}


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

    def decided(self, rule: Rule | None = None) -> tuple[NDArray[np.int64], Floats]:
        """For each comparison the seeds at its decision (0: none) and the sign that is decided."""
        rule = rule or PRODUCT
        seeds = np.where(self.uneven >= UNEVEN, max(rule.guard, rule.least), rule.least)
        n = np.arange(1, self.mean.shape[1] + 1)
        robust = np.minimum(self.log_e, -np.log(self.symmetric)) if rule.either else np.zeros_like(self.log_e)
        late = np.where(n >= seeds, self.log_e, np.where(n >= rule.least, robust, 0.0))
        ps = np.exp(-np.maximum.accumulate(np.maximum(late, 0), axis=1))
        return first(holm(np.maximum(ps, self.symmetric) if rule.consent else ps) <= ALPHA, self.mean)


def first(rejected: NDArray[np.bool_], mean: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The seeds at the first rejection of each row (0: none), and the sign of the mean then."""
    at = rejected.argmax(1)
    signs = np.sign(mean[np.arange(len(mean)), at])
    return np.where(rejected.any(1), at + 1, 0), np.where(rejected.any(1), signs, 0.0)


def traces(arms: Sequence[Floats], reference: Floats | float, step: float = STEP, centre: float = 0.0) -> Traces:
    """The evidence on the differences of arms to the reference, less their ``centre``; one row a comparison.

    These are the formulas of `sequential.py` on arrays; `check` compares them with the product.
    """
    rows = np.stack(arms) - reference - centre
    n = np.arange(1, rows.shape[1] + 1)
    mean = rows.cumsum(1) / n
    t = mean / np.maximum(spread(rows, step * 2**0.5), 1e-300)
    x, width = n / np.maximum(n - 1, 1) * t**2, 1 + n * PRIOR
    log_e = np.where(n > 1, n / 2 * (np.log1p(x) - np.log1p(x / width)) - np.log(width) / 2, 0.0)
    rms = np.sqrt((rows**2).cumsum(1) / n)
    sizes = np.divide(rows, rms, out=np.zeros_like(rows), where=rms > 0)
    bets = np.array([*EFFECTS, *(-e for e in EFFECTS)])[:, None, None]
    capital = logsumexp((np.log(2) - np.logaddexp(0, -2 * bets * sizes)).cumsum(2), axis=0) - np.log(len(bets))
    symmetric = np.exp(-np.maximum.accumulate(np.maximum(capital, 0), axis=1))
    own, theirs = spread(np.stack(arms), step), spread(np.broadcast_to(reference, rows[:1].shape), step)
    return Traces(mean, log_e, symmetric, np.maximum(own / theirs, theirs / own))


def check(arms: Sequence[Floats], reference: Floats) -> None:
    """The evidence here is that of the product, and the rule `PRODUCT` is what the product decides.

    Raises:
        RuntimeError: it is not.
    """
    ours = {str(k): (row - reference).tolist() for k, row in enumerate(arms)}
    flags = {str(k): uneven(row.tolist(), reference.tolist(), STEP) for k, row in enumerate(arms)}
    theirs = verdicts(ours, alpha=ALPHA, resolution=STEP, uneven=flags)
    found = traces(arms, reference)
    same = [v.decided or 0 for v in theirs.values()] == found.decided()[0].tolist()
    last = [(v.evidence.log_e, v.evidence.p_symmetric) for v in theirs.values()]
    if not same or not np.allclose(last, np.stack([found.log_e[:, -1], found.symmetric[:, -1]], axis=1)):
        raise RuntimeError("the benchmark decides otherwise than the product")


def spread(rows: Floats, step: float) -> Floats:
    """The standard deviation of each row's first values, after each look; at least that of a value rounded to steps."""
    n = np.arange(1, rows.shape[1] + 1)
    centred = rows - rows.mean(1, keepdims=True)
    variance = (centred**2).cumsum(1) / n - (centred.cumsum(1) / n) ** 2
    return np.asarray(np.sqrt(np.maximum(variance * n / np.maximum(n - 1, 1), max(step, 1e-12) ** 2 / 12)))


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
