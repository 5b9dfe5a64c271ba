"""Numbers as people read them."""

import math

from archdsl.report.table import Cell, Column

__all__ = ["compact", "exact", "many", "of_percent", "percent", "short", "show", "size"]

MINUS = "−"
_DIGITS = 4  # significant ones, of a compact number
_EXPONENT = 9  # letters of an exponent that is read


def exact(value: int) -> str:
    """Every digit, in groups: `11,689,512`."""
    return f"{value:,}"


def many(count: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 run`, `1,200 runs`, `0 runs`. ``several`` is the plural where it is not ``one`` and an s:
    `many(n, "run is", "runs are")`.
    """
    return f"{exact(count)} {one if count == 1 else several or f'{one}s'}"


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    """`value` in the largest unit that leaves at least one: four significant digits, two decimals at most."""
    scaled, last = float(value), len(units) - 1
    for place, unit in enumerate(units):
        digits = max(0, _DIGITS - len(str(int(abs(scaled)))))
        # Rounding comes before the choice of unit: 999,999 is `1.00 M`, never `1000 k`.
        if abs(round(scaled, digits)) < step or place == last:
            return f"{scaled:.{min(digits, 2)}f} {unit}".rstrip()
        scaled /= step
    raise AssertionError("unreachable")


def compact(value: float) -> str:
    """Short form for a narrow place: `11.69 M`; integers below 1,000 stay exact."""
    if isinstance(value, int) and abs(value) < 1000:
        return str(value)
    return _scaled(value, 1000, ("", "k", "M", "G", "T", "P")) if math.isfinite(value) else str(value)


def size(value: int) -> str:
    """Bytes in binary units: `44.59 MiB`."""
    return f"{value} B" if abs(value) < 1024 else _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def percent(share: float, digits: int = 1) -> str:
    """A share in percent: `93.4 %`."""
    return f"{share * 100:.{digits}f} %"


def of_percent(text: str) -> float:
    """The fraction that so many per cent are: `99.99` is the number 0.9999, and not one hundredth of the number 99.99, which is
    rounded twice.
    """
    digits, _, power = text.strip().lower().partition("e")
    if len(power) > _EXPONENT:  # beyond any number
        return float(text)
    return float(f"{digits}e{int(power or 0) - 2}")


def short(value: float) -> str:
    """Three significant digits as a text of the language has them: ``0.0316``, ``3.16e-4``."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}" if value else "0"
    digits, _, power = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def show(cell: Cell, column: Column, nothing: str = "–") -> str:
    """A cell as people read it in this column; `nothing` stands for what has no value (None, NaN)."""
    match cell:
        case None:
            return nothing
        case str():
            return cell
        case bool():
            return "yes" if cell else "no"
        case float() if math.isnan(cell):
            return nothing
        case float() if math.isinf(cell):
            return "∞" if cell > 0 else "−∞"
    return _number(cell, column)


def _number(value: int | float, column: Column) -> str:
    text = _unsigned(value, column)
    if text.startswith("-"):  # what rounds to zero has no sign
        return f"{MINUS}{text[1:]}" if any(digit in text for digit in "123456789") else text[1:]
    return f"+{text}" if column.signed and value > 0 and text.strip("0.") else text


def _unsigned(value: int | float, column: Column) -> str:
    match column.kind:
        case "compact":
            return compact(value)
        case "bytes":
            return size(round(value))
        case "percent":
            return percent(value, 1 if column.digits is None else column.digits)
        case "points":
            return f"{100 * value:,.{1 if column.digits is None else column.digits}f}"
        case "p" if 0 <= value < 10.0 ** -(3 if column.digits is None else column.digits):
            return f"< {10.0 ** -(3 if column.digits is None else column.digits):g}"
        case "float" | "p":
            return f"{value:,.{3 if column.digits is None else column.digits}f}"
        case _:
            return exact(value) if isinstance(value, int) else f"{value:,.6g}"
