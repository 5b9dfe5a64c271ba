"""A sequential study of nine arms with every kind of verdict, long names and a failed run, without any training."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.results.curves import Curves, Point
from archdsl.study.results.decide import DecisionOptions
from archdsl.study.results.results import Results, results

LONG = "bn relu conv(8, groups=2) bn relu drop(0.25) conv(8) bn gelu drop(0.125)"
STUDY = f"""base: |
  net conv(8) {{norm: bn | }} {{act: relu | gelu }} {{stem: conv(8) | conv(8) {LONG} }} {{drop: drop(0.1) | }} conv(8) \
{{second: bn | ln }} {{third: silu | relu }} gap linear(10)
  data fashion-mini {{flip: flip | }} {{mix: mixup(0.2) | }}
  train epochs(2)
design: one-out
metric: test_accuracy
"""
HERE = {
    "torch": "2.13.0",
    "numerics": "3",
    "device": "cpu",
    "processor": "A vendor, with avx512_bf16",
    "precision": "bf16",
}
EFFECTS = (0.0, -0.31, -0.062, 0.021, 0.0001, -0.0003, -0.006, 0.004, 0.012)
SEEDS = 20


def large(sequential: bool = True, same: float | None = 0.004, seeds: int = SEEDS) -> Results:
    """The results; arms end as better, worse, same and open where the design is sequential."""
    study = study_of(STUDY)
    arms = arms_of(study)
    every = cells(arms, tuple(range(seeds)))
    found = {}
    for cell in every:
        draw = random.Random(1000 * cell.arm + cell.seed)
        spread = {0: 0.0015, 4: 0.0008, 5: 0.0008}.get(cell.arm, 0.012)
        shared = random.Random(cell.seed).gauss(0, 0.004)
        value = 0.842 + EFFECTS[cell.arm] + shared + draw.gauss(0, spread)
        failed = (cell.arm, cell.seed) == (1, 2)
        figures = {} if failed else {"test_accuracy": value, "seconds": 61.0 + 7 * cell.arm}
        found[cell.key] = Found(
            "diverged" if failed else "finished",
            figures,
            HERE,
            None,
            "the loss is not finite at step 37" if failed else "",
            own=failed,
        )
    options = DecisionOptions(sequential=sequential, same=same)
    made = results("What each ingredient buys", study.metric, arms, tuple(range(seeds)), every, found, options)
    return replace(made, registered="registered on 2026-01-05 as 3f9a1c, without departures")


def courses(of: Results) -> Curves:
    """Learning curves for every run that counts."""
    return {
        a.name: {s: tuple(_point(e, n, s) for e in range(1, 13)) for s in sorted(a.values)}
        for n, a in enumerate(of.arms)
    }


def _point(epoch: int, arm: int, seed: int) -> Point:
    bend = math.exp(-epoch / (4 + arm)) + 0.003 * seed
    return Point(epoch, 40 * epoch, 2.3 * bend, 1 - 0.9 * bend, 2.3 * bend, 0.85 - 0.7 * bend)
