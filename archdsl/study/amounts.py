"""Amounts as people write them in options and study files: a difference, a rate, a budget."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from archdsl.errors import ArchError
from archdsl.report.numbers import of_percent

ALPHA = 0.05  # the probability of any wrong decision in a study
MAX_SEEDS = 20  # of a sequential design: decides effects of about one standard deviation in a family of eight
Failures = Literal["chance", "exclude"]
FAILURES: tuple[Failures, ...] = ("chance", "exclude")
_NUMBER = r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_AMOUNT = re.compile(rf"{_NUMBER}\s*(%|points?)?")
_BUDGET = re.compile(rf"{_NUMBER}\s*(runs?|s|sec|m|min|h|hours?|d|days?)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may spend: ``runs``, or ``seconds`` of wall time; the other one is None, both where nothing is stated."""

    runs: int | None = None
    seconds: float | None = None


def _number(text: str) -> float:
    """A number with an optional per cent sign or `points`, which divide it by 100; 0 for another text."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return 0.0
    return of_percent(found.group(1)) if found.group(2) else float(found.group(1))


def amount(text: str, option: str = "--same") -> float:
    """A difference as it is written: ``1%`` and ``1 point`` of an accuracy are 0.01, ``0.02`` is 0.02 of the metric's unit.

    Args:
        option: where it was written, as messages name it: ``--same``, or ``same:`` of a study file.

    Raises:
        ArchError: no such amount.
    """
    value = _number(text)
    if not 0 < value < 1e9:
        raise ArchError(
            f"`{option} {text}` is not a difference", help=f"for example {option} 1% of an accuracy, or 0.02 of a loss"
        )
    return value


def in_percent(text: str) -> bool:
    """Whether an amount is written in per cent or points."""
    found = _AMOUNT.fullmatch(text.strip())
    return found is not None and found.group(2) is not None


def fraction(text: str, option: str = "--alpha") -> float:
    """A probability between 0 and 1, exclusive: ``5%`` or ``0.05``; ``option`` as of ``amount``.

    Raises:
        ArchError: no such probability.
    """
    value = _number(text)
    if not 0 < value < 1:
        raise ArchError(f"`{option} {text}` is not between 0 and 1", help=f"for example {option} 5%")
    return value


def budget(text: str, option: str = "--budget") -> Budget:
    """What a study may spend: ``2h``, ``30min``, ``90s`` of wall time, or ``200runs``; ``option`` as of ``amount``.

    Raises:
        ArchError: no such budget.
    """
    found = _BUDGET.fullmatch(text.strip())
    value, kind = (float(found[1]), found[2]) if found else (0.0, "")
    if not 0 < value < 1e9 or (kind.startswith("run") and value != int(value)):
        raise ArchError(f"`{option} {text}` is not a budget", help=f"for example {option} 2h, 30min or 200runs")
    return Budget(int(value)) if kind.startswith("run") else Budget(seconds=value * _SECONDS[kind[0]])
