"""How long the missing runs will take, by those that are there."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from archdsl.study.plan.cells import Cell
from archdsl.study.plan.plan import Found

# MACs a second of one core, and seconds a run for its set-up: what small nets did on one AVX-512 core with bf16
# (docs/benchmarks, C1 and C2). Used only until a run of this study is there.
RATE, OVERHEAD = 6e10, 0.5


def seconds_left(
    every: Sequence[Cell], missing: Sequence[Cell], found: Mapping[str, Found], jobs: int
) -> tuple[float, bool]:
    """Seconds for the missing runs on so many workers, and whether that is a guess."""
    trained = [c for c in every if c.evaluation is None and found[c.key].status == "finished"]
    rates = [c.cost / float(seconds) for c in trained if (seconds := found[c.key].figures.get("seconds"))]
    rate = statistics.median(rates) if rates else RATE
    work = sum(OVERHEAD + cell.cost / rate for cell in missing)
    longest = max((OVERHEAD + cell.cost / rate for cell in missing), default=0.0)
    return max(work / max(jobs, 1), longest), not rates
