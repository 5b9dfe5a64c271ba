"""The numbers of a source as arguments of words."""

from __future__ import annotations

from math import isfinite
from typing import Any

from archdsl.registry import Entry, params


def short(a: float, rate: bool) -> float:
    """A number without the digits that only rounding put there: 1 - 0.9997 is 3e-4. Of a ``rate`` of dropout ten are enough; a
    factor keeps all that it has, since deep networks may amplify the last one."""
    found = float(f"{a:.10g}")
    return found if rate or abs(found - a) <= 1e-12 * abs(a) else a


def outside(entry: Entry, args: tuple[Any, ...]) -> str:
    """What a word does not take of these arguments; empty if it takes them all."""
    for parameter, value in zip(params(entry), args, strict=True):
        for part in value if isinstance(value, tuple) else (value,):
            if not isinstance(part, int | float) or isinstance(part, bool):
                continue
            if not isfinite(part):
                return f"`{entry.name}` takes no `{parameter.name}` of {part}"
            if parameter.range and not parameter.range.holds(part):
                return f"`{parameter.name}` of `{entry.name}` must be {parameter.range}, not {part:g}"
    return ""
