"""How many seeds a difference takes, by the spread that a study has seen."""

from __future__ import annotations

import re

from archdsl.errors import ArchError
from archdsl.study.results import Results
from archdsl.study.stats import SEEDS_CAP, seeds_needed, seeds_to_reject
from archdsl.study.unit import unit

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(%|points?)?")


def amount(text: str) -> float:
    """A difference as it is written: ``1%`` and ``1 point`` of an accuracy are 0.01, ``0.02`` is 0.02 of the metric's unit.

    Raises:
        ArchError: no such amount.
    """
    found = _AMOUNT.fullmatch(text.strip())
    value = float(found.group(1)) / (100 if found.group(2) else 1) if found else 0.0
    if not 0 < value < 1e9:
        raise ArchError(
            f"`--detect {text}` is not a difference", help="for example --detect 1% of an accuracy, or 0.02 of a loss"
        )
    return value


def detect(results: Results, delta: float) -> str:
    """A sentence on the seeds that it takes to detect ``delta`` (in the metric's unit) in the arm that varies most."""
    shown = f"{unit(results).value(delta)} {unit(results).points}".rstrip()
    spreads = [(a.comparison.sd, a.name) for a in results.arms[1:] if a.comparison is not None and a.comparison.sd]
    comparisons = len(results.compared)
    if not spreads or not comparisons:
        return (f"how many seeds it takes to detect {shown} is not known before two arms have two seeds each "
                "(for example --seeds 3)")  # fmt: skip
    sd, name = max(spreads)
    n = seeds_needed(delta, sd)
    assert n is not None
    many = f"{n}" if n < SEEDS_CAP else f"{SEEDS_CAP} or more"
    least = seeds_to_reject(comparisons)
    return (f"to detect {shown} (power 0.8, paired t) it takes {many} seeds, by the spread of `{name}`, the largest: sd of the "
            f"differences {unit(results).value(sd)}, over {min(map(len, (a.values for a in results.arms if a.values)))} seeds or "
            f"more; the exact sign-flip test with Holm's correction takes {least} at least")  # fmt: skip
