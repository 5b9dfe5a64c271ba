"""What a cell of a table says: a number, a missing value, or a text. csv and Parquet are read by the same rules, without
torch and numpy.

A **number** is decimal: ASCII digits, at most one sign, point and exponent (``-1.5``, ``.5``, ``2e3``). What other programs
would read as one, such as ``1_5``, ``0x1F``, ``1,5``, ``12%``, ``inf`` or digits of other scripts, is refused and not guessed.
A **missing value** is an empty cell or a word that pandas, R or a database writes for one (``NA``, ``nan``, ``null``,
``None``), in any case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

from archdsl.errors import EnvError

NUMBER = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")  # possessive: linear in time
MISSING = frozenset(
    (
        "",
        "na",
        "n/a",
        "<na>",
        "nan",
        "-nan",
        "null",
        "none",
        "nat",
        "#n/a",
        "#n/a n/a",
        "#na",
        "1.#ind",
        "-1.#ind",
        "1.#qnan",
        "-1.#qnan",
    )
)
LONGEST = 20  # digits of a whole number that is a class: those of uint64
SHOWN = 40  # characters of a cell in a message
ROWS = "rows count from 1 after the header, without blank lines"
_NUMERIC = frozenset("0123456789+-.eE")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_LEADING_ZERO = re.compile(r"[+-]?0[0-9].*")


def is_number(cell: str) -> bool:
    """Whether a cell is a decimal number; it may be out of the range of floating point."""
    return NUMBER.fullmatch(cell) is not None


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells can be left to ``float``: no character in them that it reads more generously than ``NUMBER``."""
    return set("".join(cells)) <= _NUMERIC


def is_missing(cell: str) -> bool:
    """Whether a cell is empty, or a word for a missing value."""
    return cell.lower() in MISSING


def is_infinite(cell: str) -> bool:
    """Whether a cell is a word for infinity."""
    return _INFINITE.fullmatch(cell) is not None


def is_boolean(cell: str) -> bool:
    """Whether a cell is a truth value."""
    return cell.lower() in ("true", "false")


def whole(cell: str) -> int | None:
    """The value of a number without a fraction, ``1``, ``1.0`` or ``1e0``; None for all else, and beyond 20 digits."""
    if not is_number(cell) or len(cell) > 4 * LONGEST:
        return None
    exact = value(cell)
    if not isinstance(exact, Decimal):
        return None
    if not exact:
        return 0
    if exact.adjusted() >= LONGEST or exact != exact.to_integral_value():
        return None
    return int(exact)


def value(cell: str) -> Decimal | str:
    """What a cell says, for comparison: its exact number, else its text."""
    try:
        return Decimal(cell) if is_number(cell) else cell
    except ArithmeticError:  # an exponent of twenty digits
        return cell


def has_leading_zero(cell: str) -> bool:
    """Whether it is a number that begins with a zero too many: ``007``, ``00.5``, not ``0.5``."""
    return _LEADING_ZERO.fullmatch(cell) is not None and is_number(cell)


def spelled(text: str) -> str:
    """A text without what does not show or looks the same: Unicode's compatible form, plain digits, single spaces, and
    no characters of zero width (joiners, soft hyphens, byte order marks).
    """
    if text.isascii():
        return " ".join(text.split())
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", text))
    return " ".join(plain.split())


def shown(cell: object) -> str:
    """A cell in a message."""
    text = str(cell)
    return f"`{text[:SHOWN]}`" + ("…" if len(text) > SHOWN else "")


def flaw(cell: str) -> str:
    """Why a cell is not a finite number, in words that end before "where a number is needed"."""
    if not cell:
        return "nothing,"
    if is_missing(cell):
        return f"{shown(cell)}, a missing value,"
    if is_number(cell) or is_infinite(cell):
        return f"{shown(cell)}, which is not finite in floating point,"
    plain = spelled(cell)
    if "_" in cell and is_number(cell.replace("_", "")):
        return f"{shown(cell)}, with an underscore in it,"
    if "," in cell and is_number(cell.replace(",", "")):
        return f"{shown(cell)}, with a comma in it (a decimal comma, or one between thousands),"
    if cell.endswith("%"):
        return f"{shown(cell)}, a percentage,"
    if not cell.isascii() and is_number(plain):
        return f"{shown(cell)}, with digits that are not ASCII,"
    if re.fullmatch(r"[+-]?0[xXoObB][0-9a-fA-F]+", cell):
        return f"{shown(cell)}, not a decimal number,"
    return f"{shown(cell)},"


def at(path: object, row: int, column: str, what: str, help: str = "") -> EnvError:
    """An error at a cell; ``row`` counts from 0."""
    remedy = help or (
        "write numbers such as 12, -1.5 or 2e3, without units and separators of thousands; or take the row or the column out"
    )
    return EnvError(f"{path}, row {row + 1}, column `{column}`: {what}", help=f"{ROWS}; {remedy}")
