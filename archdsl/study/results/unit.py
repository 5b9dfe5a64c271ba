"""How a metric is written for people: its name, its unit, and as many decimals as the study needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.report.numbers import MINUS

if TYPE_CHECKING:
    from archdsl.study.results.results import Results
    from archdsl.words.metrics.base import Metric

NONE = "–"
MOST = 8  # decimals
SCIENTIFIC = -1  # decimals of a unit whose values are too small for decimals: three significant digits


@dataclass(frozen=True, slots=True)
class Unit:
    """Values are multiplied by ``factor`` and have ``digits`` decimals, or are ``SCIENTIFIC``; ``mark`` is behind a value,
    ``points`` behind a difference, ``symbol`` on axes.
    """

    name: str
    factor: float
    digits: int
    mark: str
    points: str
    symbol: str = ""

    def value(self, number: float | None) -> str:
        """A value or a spread without its unit: ``93.41``."""
        return NONE if number is None else self._text(number * self.factor, "")

    def change(self, number: float | None) -> str:
        """A difference with its sign, without its unit: ``+0.31``; a zero has no sign."""
        return NONE if number is None else self._text(number * self.factor, "+")

    def between(self, low: float | None, high: float | None) -> str:
        """An interval of differences: ``[−0.10, +0.72]``."""
        return NONE if low is None or high is None else f"[{self.change(low)}, {self.change(high)}]"

    def _text(self, number: float, sign: str) -> str:
        text = f"{number:{sign}.{self.digits}f}" if self.digits != SCIENTIFIC else f"{number:{sign}.3g}"
        if not text.strip("+-0."):
            text = text.lstrip("+-")
        return text.replace("-", MINUS)

    @property
    def axis(self) -> str:
        """The label of an axis of values."""
        name = self.name.replace("train ", "training ", 1) if self.name.startswith("train ") else self.name
        return f"{name} ({self.symbol})" if self.symbol else name

    @property
    def change_axis(self) -> str:
        """The label of an axis of differences."""
        shown = self.points or self.symbol
        return f"Δ {self.name}" + (f" ({shown})" if shown else "")


def unit(results: Results) -> Unit:
    """The unit of a study's metric: fractions in percent, others with four significant digits of the largest value."""
    return unit_of(results.measure, max((abs(v) for a in results.arms for v in a.values.values()), default=0.0))


def unit_of(metric: Metric, largest: float) -> Unit:
    """The unit of a metric: fractions in percent, others with four significant digits of the largest value."""
    name = metric.label
    if metric.unit == "percent":
        return Unit(name, 100.0, 2, " %", "points", "%")
    digits = 3 - math.floor(math.log10(largest)) if largest else 3
    symbol = metric.symbol or ("s" if metric.unit == "seconds" else "")
    return Unit(name, 1.0, SCIENTIFIC if digits > MOST else max(0, digits), "", "", symbol)


def p_text(p: float | None) -> str:
    """A p value: three decimals, four below 0.01; one that is smaller still is a bound."""
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.01 else f"{p:.3f}"
