"""Verdicts where differences are skewed: what a least number of seeds, the symmetry test's consent and the logit do.

From the bank (`docs/benchmarks/seed_bank.csv`): the differences of each pair of arms, less their mean over all seeds, so that
the mean difference is 0 and every decision is wrong; 40 seeds drawn with replacement, a look after each. Arms of unequal
spread have skewed differences, as no exchangeable arms have. By simulation: the kinds of `verdict_sim.py`, and the seeds that
each rule takes for normal differences. `5 seeds` means that evidence counts from the fifth seed on,
`20 if uneven` that it does from the twentieth on where one arm's standard deviation so far is at least twice the other's.
"""

from __future__ import annotations

import itertools

import numpy as np
from _bank import LOOKS, RULES, STEP, UNSTABLE, Floats, Traces, bank, traces
from _timing import options, publish
from scipy.special import logit
from scipy.stats import skew
from verdict_sim import STEPS, arms

from archdsl.report import Column, Table

KINDS = ("normal", "skewed (log-normal)", "skewed alone", "exponential alone")
GROUPS = ("no unstable arm", "one unstable arm", "both")


def logits(accuracies: Floats) -> Floats:
    """The logit of accuracies over 2,000 images, half an image away from 0 and 1."""
    return np.asarray(logit((accuracies / STEP + 0.5) / (1 / STEP + 1)))


def pairs(runs: dict[str, Floats], count: int, name: str) -> list[tuple[str, str, float, list[float]]]:
    """For each pair of arms its group, its names, the skewness of its differences, and by rule the rate of decisions."""
    found: list[tuple[str, str, float, list[float]]] = []
    chance = np.random.default_rng((3, len(name)))
    for a, b in itertools.combinations(runs, 2):
        ours, theirs, step = runs[a], runs[b], STEP
        if name == "logit":  # a step of one image, where the two arms are
            centre = np.concatenate([ours, theirs]).mean()
            ours, theirs, step = logits(ours), logits(theirs), STEP / (centre * (1 - centre))
        deltas = ours - theirs
        of_rule = np.zeros(len(RULES))
        for seeds in chance.choice(len(ours), (count, LOOKS)):
            one = traces([ours[seeds]], theirs[seeds], step, deltas.mean())
            of_rule += [one.decided(rule)[0].any() for rule in RULES]
        group = GROUPS[(a in UNSTABLE) + (b in UNSTABLE)]
        found.append((group, f"{a} − {b}", float(skew(deltas)), (of_rule / count).tolist()))
    return found


def simulated(kind: str, size: int, count: int) -> list[float]:
    """By rule, how often a family of arms that do not differ has any decision."""
    of_rule = np.zeros(len(RULES))
    for seed in range(count):
        one = traces(*arms(kind, size, seed), STEPS.get(kind, 0.0))
        of_rule += [one.decided(rule)[0].any() for rule in RULES]
    return [float(v) for v in of_rule / count]


def cost(effect: float, count: int) -> list[float]:
    """By rule, the mean number of seeds to a decision of an effect in standard deviations, in a family of eight."""
    taken: list[list[int]] = []
    for seed in range(count):
        pair = np.random.default_rng((seed, int(effect * 10))).normal(0, 0.5**0.5, (2, 200))
        others = np.zeros((7, 200))  # comparisons that never decide: their p-values are 1
        one = traces([pair[0] + effect], pair[1], 0.0)
        whole = Traces(
            *(
                np.concatenate([own, others + fill])
                for own, fill in ((one.mean, 0.0), (one.log_e, 0.0), (one.symmetric, 1.0), (one.uneven, 1.0))
            )
        )
        taken.append([int(whole.decided(rule)[0][0]) or 200 for rule in RULES])
    return [float(v) for v in np.mean(taken, axis=0)]


def main() -> None:
    """Resample, simulate and publish."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--families", type=int, default=1000)
    args = parser.parse_args()
    runs, count = bank(), args.families
    from_bank = {name: pairs(runs, count, name) for name in ("accuracy", "logit")}
    grouped: list[tuple[object, ...]] = []
    for name, found in from_bank.items():
        for group in GROUPS:
            own = [p for p in found if p[0] == group]
            rates, most = np.array([p[3] for p in own]), max(abs(p[2]) for p in own)
            grouped.append((name, group, len(own), "mean", most, *rates.mean(0).tolist()))
            grouped.append((name, group, len(own), "worst", most, *rates.max(0).tolist()))
    simulations = [(kind, size, *simulated(kind, size, count)) for kind in KINDS for size in (1, 8)]
    costs = [(effect, *cost(effect, min(count, 300))) for effect in (8.0, 4.0, 2.0, 1.0)]
    rules = tuple(Column(rule.name, "percent", digits=2) for rule in RULES)
    each = f"{count:,} families each, a look after each of {LOOKS} seeds, alpha 5 %"
    tables = [
        Table(
            (
                Column("scale"),
                Column("pairs"),
                Column("number", "int"),
                Column("rate"),
                Column("largest skewness", "float", digits=1),
                *rules,
            ),
            tuple(grouped),
            "Differences of real runs, centred: any decision is wrong",
            notes=(each,),
        ),
        Table(
            (Column("runs over seeds"), Column("arms", "int"), *rules),
            tuple(simulations),
            "Simulated families without differences: any decision is wrong",
            notes=(each,),
        ),
        Table(
            (Column("effect / sd", "float"), *(Column(r.name, "float", digits=1) for r in RULES)),
            tuple(costs),
            "Mean seeds to a decision, normal differences, a family of eight",
        ),
    ]
    raw = {"pairs": from_bank, "simulated": simulations, "cost": costs}
    publish("verdict_remedy", tables, raw, ["numpy", "scipy"], args.out)


if __name__ == "__main__":
    main()
