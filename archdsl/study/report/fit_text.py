"""The fits of a study in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import MINUS, many
from archdsl.study.results.fits import FitResult
from archdsl.study.results.results import Results
from archdsl.study.stats.curve_fit import Estimate

DIGITS, MOST = 3, 8  # significant digits of a figure
HELD = {True: "the prediction held", False: "the prediction did not hold", None: "the prediction has no interval"}


def sentences(results: Results) -> Iterator[str]:
    """Each fit with its coefficients and what became of its prediction."""
    for found in results.fitted:
        fit, line = found.line.fit, f" ({found.line.name})" if found.line.name else ""
        if found.fitted is None:
            yield f"fit {fit.text}{line}: {found.why}"
            continue
        values = ", ".join(f"{name} {between(one)}" for name, one in found.fitted.coefficients.items())
        names = found.fitted.loose if fit.kind != "linear" else ()
        loose = (
            f"; {' and '.join(names)} {'is' if len(names) == 1 else 'are'} hardly determined by these sizes"
            if names
            else ""
        )
        yield (
            f"fit {fit.text}{line}: {fit.formula} with {values}"
            + loose
            + "".join(f"; {text}" for text in prediction(found))
        )
    if results.fits:
        yield (
            "fits take finished runs only; intervals of 95 %, one by one, by a bootstrap over the seeds with Student's t; "
            "they do not cover that the form of the curve may be another one"
        )


def prediction(found: FitResult) -> Iterator[str]:
    """What the fit said of the size that was held out, and what its runs gave; nothing without one."""
    fitted, x = found.fitted, found.line.held
    if fitted is None or x is None:
        return
    if fitted.held is None or fitted.measured is None:
        yield f"{found.line.fit.x} {size(x)} is held out, and has no finished run yet"
        return
    factor, mark = (100.0, " %") if metric_of(found.line.fit.metric).unit == "percent" else (1.0, "")
    n = len(found.values[x])
    runs, digits = f"{many(n, 'run')}", _digits(fitted.held, fitted.measured, factor)
    yield (
        f"at {found.line.fit.x} {size(x)} it predicts {between(fitted.held, factor, digits)}{mark}, and {runs} gave "
        f"{number(factor * fitted.measured, digits)}{mark}: {HELD[fitted.holds]}"
    )


def _digits(held: Estimate, measured: float, factor: float) -> int:
    """The digits with which what is written has the answer that the values have, and 99.96 % is not 100 %."""
    ends = [factor * end for end in (held.low, measured, held.high) if end is not None]

    def order(values: Sequence[float]) -> list[bool]:
        return [a <= b for a, b in pairwise(values)]

    for digits in range(DIGITS, MOST):
        shown = [float(f"{end:.{digits}g}") for end in ends]
        whole = factor == 1.0 or all(b < 100 for a, b in zip(ends, shown, strict=True) if a < 100)
        if whole and order(shown) == order(ends):
            return digits
    return MOST


def between(one: Estimate, factor: float = 1.0, digits: int = DIGITS) -> str:
    """A value with its interval."""
    if one.low is None or one.high is None:
        return number(factor * one.value, digits)
    ends = f"{number(factor * one.low, digits)}, {number(factor * one.high, digits)}"
    return f"{number(factor * one.value, digits)} [{ends}]"


def number(value: float, digits: int = DIGITS) -> str:
    """So many significant digits."""
    return f"{value + 0.0:.{digits}g}".replace("-", MINUS)  # + 0.0: a negative zero has no sign


def size(x: float) -> str:
    """A value of x: a whole number with its thousands."""
    return f"{int(x):,}" if x.is_integer() else f"{x:g}"
