"""How a metric is written for people: its name, its unit, and as many decimals as the study needs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archdsl.report.numbers import MINUS

if TYPE_CHECKING:
    from archdsl.study.results.results import Results
    from archdsl.words.metrics.base import Metric

NONE = "–"
MOST = 8  # decimals
FINE = 4  # decimals up to which small values are shown beside large ones
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

    def amount(self, number: float) -> str:
        """An amount that somebody stated, without its unit: never another one than that."""
        text, stated = self.value(number), f"{number * self.factor:.10g}"
        return text if self.digits != SCIENTIFIC and float(text.replace(MINUS, "-")) == float(stated) else stated

    def sized(self, largest: float) -> Unit:
        """The unit with four significant digits of this value; that of fractions stays."""
        return self if self.factor != 1.0 else replace(self, digits=_decimals(largest))

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
    """The unit of a study's metric: fractions in percent; others with four significant digits of the largest value, and, up to
    ``FINE`` decimals, with as many as the arm with the smallest values and the smallest spread need.
    """
    tops = [max(map(abs, a.values.values())) for a in results.arms if a.values]
    spreads = [a.summary.sd for a in results.arms] + [a.verdict.evidence.sd for a in results.arms if a.verdict]
    return unit_of(results.measure, max(tops, default=0.0), smallest(tops), smallest(spreads))


def smallest(sizes: Iterable[float | None]) -> float:
    """The smallest one that is not 0; 0 without any."""
    return min((size for size in sizes if size), default=0.0)


def unit_of(metric: Metric, largest: float, least: float = 0.0, spread: float = 0.0) -> Unit:
    """The unit of a metric: fractions in percent, others with four significant digits of the largest value.

    Args:
        least: the largest value of the arm with the smallest ones. Beside an arm that is ten times as large or more it keeps four
            significant digits, up to ``FINE`` decimals.
        spread: a standard deviation that keeps one digit, up to as many.
    """
    name = metric.label
    if metric.unit == "percent":
        return Unit(name, 100.0, 2, " %", "points", "%")
    digits = _decimals(largest)
    if digits != SCIENTIFIC and least and 10 * least <= largest:
        digits = max(digits, min(FINE, 3 - _power(least)))
    if digits != SCIENTIFIC and spread:
        digits = max(digits, min(FINE, -_power(spread)))
    symbol = metric.symbol or ("s" if metric.unit == "seconds" else "")
    return Unit(name, 1.0, digits, "", "", symbol)


def _decimals(largest: float) -> int:
    """The decimals that show four significant digits of a value, or ``SCIENTIFIC``."""
    digits = 3 - _power(largest) if largest else 3
    return SCIENTIFIC if digits > MOST else max(0, digits)


def _power(size: float) -> int:
    return math.floor(math.log10(size))


def p_text(p: float | None) -> str:
    """A p value: three decimals, four below 0.01; one that is smaller still is a bound."""
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.01 else f"{p:.3f}"
