"""Two populations, on the runs of the bank: does an interval from one part of the test set hold what the rest shows?

Halves: the 2,000 test images are split at random, and so are the seeds drawn, so that both halves are independent. With an
interval of its own each, the two differences should be within t sqrt(V1 + V2) of each other in 95 of 100 splits. Tenth: the
interval from 200 images should hold the difference on the other 1,800 over all other seeds, which is nearly that of the
population (a little of the 5 % is that difference's own error). Seeds alone are said to hold only their own images: the
difference on the same images over the other seeds. It needs the folder of runs that `seed_bank.py` has filled.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from _bank import EQUAL
from _timing import options, publish
from numpy.typing import NDArray
from seed_bank import FOLDERS

from archdsl.report import Column, Table
from archdsl.runs.correct import correct
from archdsl.runs.run import load_run
from archdsl.study.stats.images import ImageDifference, image_difference
from archdsl.study.stats.interval import t_quantile

Bits = dict[str, NDArray[np.bool_]]
SEEDS = (5, 10, 20)


def stored(runs: Path) -> Bits:
    """By arm, which images each seed classified correctly, shape (seeds, images)."""
    found: Bits = {}
    for arm, folders in json.loads((runs / FOLDERS).read_text("utf-8")).items():
        hits = [correct(load_run(folder)) for folder in folders]
        found[arm] = np.stack([h for h in hits if h is not None])
    return found


def apart(one: ImageDifference, two: ImageDifference, alone: bool) -> bool:
    """Whether two independent differences are further apart than their variances allow."""
    v = [(d.sd_seeds if alone else d.sd) or 0.0 for d in (one, two)]
    t = t_quantile(2 * one.seeds - 2, 0.975)  # of seeds alone; those of both are more
    return abs(one.delta - two.delta) > t * float(np.hypot(*v))


def held(low: float | None, high: float | None, value: float) -> bool:
    """Whether an interval holds a value."""
    return low is not None and high is not None and low <= value <= high


def splits(bits: Bits, arm: str, seeds: int, count: int) -> list[float]:
    """Fractions of splits in which each interval holds what it is held to."""
    chance = np.random.default_rng((4, seeds, len(arm)))
    a, b = bits[arm], bits[EQUAL[0]]
    total, images = a.shape
    tally = np.zeros(6)
    for _ in range(count):
        row, column = chance.permutation(total), chance.permutation(images)
        half, tenth = images // 2, images // 10

        def part(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> ImageDifference:
            place = np.ix_(rows, columns)
            return image_difference(a[place], b[place])

        one, two = part(row[:seeds], column[:half]), part(row[seeds : 2 * seeds], column[half:])
        same = part(row[seeds:], column[:half]).delta
        few, rest = part(row[:seeds], column[:tenth]), part(row[seeds:], column[tenth:]).delta
        tally += (
            not apart(one, two, True),
            not apart(one, two, False),
            held(few.low, few.high, rest),
            held(few.new_low, few.new_high, rest),
            held(one.low, one.high, same),
            ((one.sd or 0.0) / (one.sd_seeds or 1.0)) ** 2,
        )
    return [float(v) for v in tally / count]


def main() -> None:
    """Split and publish."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--runs", type=Path, required=True, help="the folder of runs of the bank")
    args = parser.parse_args()
    bits = stored(args.runs)
    every = [(arm, seeds, *splits(bits, arm, seeds, args.splits)) for seeds in SEEDS for arm in bits if arm != EQUAL[0]]
    means = [
        ("all, mean", seeds, *np.mean([r[2:] for r in every if r[1] == seeds], axis=0).tolist()) for seeds in SEEDS
    ]
    columns = (
        Column("arm, against the reference"),
        Column("seeds", "int"),
        *(
            Column(name, "percent", digits=1)
            for name in (
                "halves agree: seeds alone",
                "halves agree: seeds × images",
                "tenth holds the rest: seeds alone",
                "tenth holds the rest: seeds × images",
                "seeds alone hold their own images",
            )
        ),
        Column("variance × of seeds alone", "float", digits=2),
    )
    count = len(next(iter(bits.values())))
    each = f"{args.splits:,} splits each, of {count} seeds and 2,000 images; intervals of 95 %"
    table = Table(columns, (*means, *every), "What intervals of two populations hold", notes=(each,))
    publish("images_bank", [table], {"means": means, "arms": every}, ["numpy", "scipy"], args.out)


if __name__ == "__main__":
    main()
