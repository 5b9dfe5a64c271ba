"""Verdicts on studies resampled from real runs (`docs/benchmarks/seed_bank.csv`): how often they are wrong, and what they cost.

A study draws 40 of the bank's seeds without replacement. The sign of an equal arm's difference to the reference is drawn for
each seed, as exchangeable arms allow, so that it is 0 in the mean: whatever is decided about these arms is wrong. An arm is
far where the mean difference of all its seeds is more than five standard errors; a decision with the other sign is wrong.
Decided arms get no more runs.

Beside it: a paired t test with Holm's correction after every seed; the same with a fixed number of seeds, the least that finds
as many of the far arms; AdaStop (Mathieu et al. 2023, arXiv:2306.10882; its package, in 8 groups of 5 seeds, each arm compared
with the reference, 1,000 permutations), if `--adastop` names a Python that has it. AdaStop permutes runs of both arms and
does not use pairs; `normal, not paired` are simulated arms that have none.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from _bank import ALPHA, EQUAL, LOOKS, PRODUCT, RULES, UNSTABLE, Floats, bank, check, drawn, first, fixed, traces
from _timing import options, publish

from archdsl.report import Column, Table
from archdsl.study.stats import seeds_needed

FAMILIES, FAR = (1, 3, 5, 7), 5.0
UNPAIRED = "normal, not paired"
NULLS = {("equal", k): EQUAL[: k + 1] for k in (1, 2)} | {("equal, unstable", 1): UNSTABLE, (UNPAIRED, 1): EQUAL[:2]}
ASKED = ("none", PRODUCT.name, "10 seeds", "consent", "5, 30 if uneven")  # the rules of which whole studies are made
PEER = Path(__file__).parent / "peers" / "adastop_families.py"


def against(runs: dict[str, Floats], arms: list[str] | tuple[str, ...]) -> tuple[list[Floats], Floats]:
    """All arms but the first, and the first."""
    return [runs[arm] for arm in arms[1:]], runs[arms[0]]


def adastop(
    python: Path | None, families: list[list[Floats]], alpha: float = ALPHA
) -> list[tuple[list[int], list[int]]]:
    """Signs and runs of each arm, for families of runs of which the first is the reference."""
    if python is None:
        return []
    text = json.dumps([[row.tolist() for row in runs] for runs in families])
    done = subprocess.run([str(python), str(PEER), str(alpha)], input=text, capture_output=True, text=True, check=True)
    found: list[tuple[list[int], list[int]]] = json.loads(done.stdout)
    return found


def null_rows(runs: dict[str, Floats], count: int, few: int, python: Path | None) -> list[tuple[object, ...]]:
    """How often a family without differences has any decision."""
    rows: list[tuple[object, ...]] = []
    for (name, size), arms in NULLS.items():
        chance = np.random.default_rng((1, size, len(name)))
        studies = [drawn(runs, chance, UNSTABLE if arms == UNSTABLE else EQUAL) for _ in range(count)]
        if name == UNPAIRED:
            studies = [{arm: chance.normal(0.8, 0.01, LOOKS) for arm in arms} for _ in range(count)]
        families = [against(study, arms) for study in studies]
        for family in families[:20]:
            check(*family)
        found = [traces(*family) for family in families]
        by_rule = [float(np.mean([t.decided(rule)[0].any() for t in found])) for rule in RULES]
        peeked = float(np.mean([(fixed(*family)[0][:, 1:] <= ALPHA).any() for family in families]))
        planned = float(np.mean([(fixed(*family, [LOOKS])[0] <= ALPHA).any() for family in families]))
        asked = [[study[arm] for arm in arms] for study in studies[:few]]
        peers = [adastop(python, asked, alpha) for alpha in (ALPHA, ALPHA / 2)]
        of_peers = [float(np.mean([any(signs) for signs, _ in peer])) if peer else None for peer in peers]
        rows.append((name, size, by_rule[0], peeked, planned, *of_peers, *by_rule[1:]))
    return rows


def far_arms(runs: dict[str, Floats]) -> dict[str, float]:
    """The sign of each arm that differs from the reference by more than chance."""
    found: dict[str, float] = {}
    for arm in runs:
        if arm not in EQUAL:
            deltas = runs[arm] - runs[EQUAL[0]]
            z = deltas.mean() / deltas.std(ddof=1) * len(deltas) ** 0.5
            found |= {arm: float(np.sign(z))} if abs(z) > FAR else {}
    return found


class Score:
    """Wrong decisions, far arms that are found, and runs, of one method over studies."""

    def __init__(self) -> None:
        self.wrong, self.found, self.far, self.seeds, self.runs, self.studies = 0, 0, 0, 0.0, 0.0, 0

    def add(self, arms: list[str], signs: Any, seeds: Any, truth: dict[str, float]) -> None:
        """Count a study; ``seeds`` are those of each arm when it stops."""
        wrong = [
            s != 0 and s != truth[a] if a in truth else s != 0 and a in EQUAL for a, s in zip(arms, signs, strict=True)
        ]
        self.wrong += any(wrong)
        self.far += sum(a in truth for a in arms)
        self.found += sum(a in truth and s == truth[a] for a, s in zip(arms, signs, strict=True))
        self.seeds += float(sum(n for a, n in zip(arms, seeds, strict=True) if a in truth))
        self.runs += float(np.sum(seeds) + np.max(seeds))  # the reference runs as long as any arm
        self.studies += 1

    @property
    def row(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Fractions of studies that are wrong and of far arms that are found, seeds of a far arm, runs of a study."""
        if not self.studies:
            return None, None, None, None
        far = max(self.far, 1)
        return self.wrong / self.studies, self.found / far, self.seeds / far, self.runs / self.studies


def study_rows(
    runs: dict[str, Floats], count: int, few: int, python: Path | None, seeds: dict[str, list[int]]
) -> list[tuple[object, ...]]:
    """Whole studies of each family's size; ``seeds`` takes those at the decision of each arm of the largest one."""
    truth, rows = far_arms(runs), list[tuple[object, ...]]()
    others = [arm for arm in runs if arm != EQUAL[0]]
    for size in FAMILIES:
        chance = np.random.default_rng((2, size))
        rules = [rule for rule in RULES if rule.name in ASKED]
        ours, peer = {rule.name: Score() for rule in rules}, Score()
        plans = {n: Score() for n in range(2, LOOKS + 1)}
        asked: list[tuple[list[str], list[Floats]]] = []
        for number in range(count):
            study = drawn(runs, chance)
            arms = [str(arm) for arm in chance.choice(others, size, replace=False)] if size < len(others) else others
            family = against(study, [EQUAL[0], *arms])
            found = traces(*family)
            for rule in rules:
                at, signs = found.decided(rule)
                ours[rule.name].add(arms, signs, np.where(at, at, LOOKS), truth)
                if size == len(others) and rule is PRODUCT:
                    for arm, n in zip(arms, at.tolist(), strict=True):
                        seeds.setdefault(arm, []).append(n)
            ps, means = fixed(*family)
            for place, n in enumerate(plans):
                _, signs = first(ps[:, place : place + 1] <= ALPHA, means[:, place : place + 1])
                plans[n].add(arms, signs, np.full(size, n), truth)
            if number < few:
                asked.append((arms, [study[arm] for arm in (EQUAL[0], *arms)]))
        for (arms, _), (signs, each) in zip(asked, adastop(python, [f for _, f in asked]), strict=python is not None):
            peer.add(arms, signs, each, truth)
        for name, score in ours.items():
            power = score.row[1] or 0.0
            n = next((n for n, plan in plans.items() if (plan.row[1] or 0.0) >= power), LOOKS)
            wrong, hits, _, all_runs = plans[n].row
            rows.append((size, name, *score.row, n, wrong, hits, all_runs))
        if python is not None:
            rows.append((size, "AdaStop", *peer.row, None, None, None, None))
    return rows


def arm_rows(runs: dict[str, Floats], seeds: dict[str, list[int]]) -> list[tuple[object, ...]]:
    """Each arm of the whole bank: how far it is, and the seeds that its decision took."""
    rows: list[tuple[object, ...]] = []
    for arm, at in seeds.items():
        own = runs[arm] - runs[EQUAL[0]]
        decided = [n for n in at if n]
        effect = 0.0 if arm in EQUAL else float(own.mean() / own.std(ddof=1))
        plan = seeds_needed(effect, 1.0, ALPHA / len(seeds)) if effect else None
        middle = float(np.median(decided)) if decided and effect else None
        rows.append(
            (
                arm,
                float(own.mean()) if effect else None,
                float(own.std(ddof=1)),
                effect,
                len(decided) / len(at),
                middle,
                plan,
            )
        )
    return rows


def main() -> None:
    """Resample and publish."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--adastop", type=Path, help="a Python with the package adastop")
    parser.add_argument("--adastop-studies", type=int, default=200, help="it takes seconds a study")
    args = parser.parse_args()
    runs, seeds = bank(), dict[str, list[int]]()
    nulls = null_rows(runs, args.studies, args.adastop_studies, args.adastop)
    studies = study_rows(runs, args.studies, args.adastop_studies, args.adastop, seeds)
    arms = arm_rows(runs, seeds)

    def share(name: str) -> Column:
        return Column(name, "percent", digits=2)

    each = f"{args.studies:,} studies, AdaStop {args.adastop_studies:,}; a look after each of {LOOKS} seeds, alpha 5 %"
    tables = [
        Table(
            (
                Column("arms"),
                Column("comparisons", "int"),
                share("verdict"),
                share("t test, each look"),
                share("t test, 40 seeds"),
                share("AdaStop, 5 %"),
                share("AdaStop, 2.5 %"),
                *(share(rule.name) for rule in RULES[1:]),
            ),
            tuple(nulls),
            "Any decision where no arm differs",
            notes=(each,),
        ),
        Table(
            (
                Column("comparisons", "int"),
                Column("rule"),
                share("wrong"),
                share("far arms found"),
                Column("seeds of a far arm", "float", digits=1),
                Column("runs of a study", "float", digits=1),
                Column("fixed seeds", "int"),
                share("fixed wrong"),
                share("fixed found"),
                Column("fixed runs", "float", digits=1),
            ),
            tuple(studies),
            "Whole studies",
            notes=(each,),
        ),
        Table(
            (
                Column("arm"),
                Column("difference", "points", digits=2, signed=True),
                Column("sd of differences", "points", digits=2),
                Column("effect / sd", "float", digits=2),
                share("decided by 40 seeds"),
                Column("median seeds", "float", digits=1),
                Column("fixed design, power 80 %", "int"),
            ),
            tuple(arms),
            "Arms of the whole bank",
            notes=(each,),
        ),
    ]
    publish("verdict_bank", tables, {"nulls": nulls, "studies": studies, "arms": arms}, ["numpy", "scipy"], args.out)


if __name__ == "__main__":
    main()
