"""Statistics for few seeds: what a table of arms may say of 3 to 20 paired runs. `docs/statistics.md` has the formulas.

A figure does not depend on the order of the seeds, not even in its last bit. What is undefined is None, never NaN.
"""

from archdsl.study.stats.interval import Summary, summary
from archdsl.study.stats.paired import MISSING, Comparison, compare
from archdsl.study.stats.power import POWER, SEEDS_CAP, detectable, power, seeds_needed, seeds_to_reject
from archdsl.study.stats.signflip import holm, signflip

__all__ = [
    "MISSING",
    "POWER",
    "SEEDS_CAP",
    "Comparison",
    "Summary",
    "compare",
    "detectable",
    "holm",
    "power",
    "seeds_needed",
    "seeds_to_reject",
    "signflip",
    "summary",
]
