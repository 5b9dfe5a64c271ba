"""The columns of a table as numbers: float64 by the rules of ``words.data.cells``, then float32 where that loses nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.errors import EnvError
from archdsl.words.data import cells as c
from archdsl.words.data.sheets import arrow, decoded, is_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TOLERANCE = 0.01  # how coarse float32 may be, as a fraction of a column's standard deviation or interquartile range
EXACT = 2.0**53  # up to here float64 holds every whole number
SMALLEST = float(np.finfo(np.float32).tiny)  # by less than that nothing can be divided in float32


def numbers(column: Any, path: Path, name: str, spread: bool = True) -> Floats:
    """A column (N,) as float64: texts, or a Parquet column of numbers, truth values or texts. Without ``spread`` the rows
    are too few to say whether float32 tells them apart.

    Raises:
        EnvError: the first cell that is not a finite number, with its row; a type that holds no numbers; values that float32
            cannot tell apart.
    """
    values, exact = _of_texts(column, path, name) if isinstance(column, list) else _of_arrow(column, path, name)
    if spread:
        _check_single(values, exact, path, name)
    return values


def few(column: Any, path: Path, name: str) -> Floats:
    """The same of rows that need not differ, as those of a test file: the net sees them in the scale of its training rows.

    Raises:
        EnvError: as ``numbers``, and where a number is out of the range of float32.
    """
    values = numbers(column, path, name, spread=False)
    with np.errstate(over="ignore"):
        wrong = np.flatnonzero(~np.isfinite(values.astype(np.float32)))
    if len(wrong):
        row = int(wrong[0])
        raise c.at(path, row, name, f"`{values[row]:g}`, which is out of the range of float32")
    return values


def _of_texts(cells: Sequence[str], path: Path, name: str) -> tuple[Floats, Sequence[Any]]:
    if cells and all(map(c.is_boolean, cells)):
        return np.array([cell.lower() == "true" for cell in cells], np.float64), ()
    try:
        values = np.array(list(map(float, cells)), np.float64) if c.are_numbers(cells) else None
    except ValueError:
        values = None
    if values is None or not np.isfinite(values).all():
        raise _refused(cells, path, name)
    return values, cells


def _refused(cells: Sequence[str], path: Path, name: str) -> EnvError:
    wrong = [row for row, cell in enumerate(cells) if not c.is_number(cell) or not np.isfinite(float(cell))]
    texts = sum(not c.is_missing(cells[row]) for row in wrong)
    help = ""
    if 2 * texts > len(cells):
        help = (
            f"{texts:,} of {len(cells):,} cells of this column are not numbers: take the column out, write its values as "
            "numbers, or name it by `target` if it holds the classes"
        )
    return c.at(path, wrong[0], name, f"{c.flaw(cells[wrong[0]])} where a number is needed", help)


def _of_arrow(column: Any, path: Path, name: str) -> tuple[Floats, Sequence[Any]]:
    types = arrow("types", path)
    column, kind = decoded(column, path)
    if is_text(kind, path) or types.is_null(kind):
        return _of_texts(["" if v is None else v.strip() for v in column.to_pylist()], path, name)
    if types.is_decimal(kind):
        return _of_texts(["" if v is None else str(v) for v in column.to_pylist()], path, name)
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise EnvError(
            f"the column `{name}` of {path} holds values of the type {kind}, where numbers are needed",
            help="write them as numbers (of a time: seconds since a date), or take the column out",
        )
    if column.null_count:
        row = next(n for n, value in enumerate(column.to_pylist()) if value is None)
        raise c.at(path, row, name, "nothing, where a number is needed")
    held = column.to_numpy()
    if held.dtype.itemsize < 8 and held.dtype.kind == "f":
        held = held.astype(str)  # 0.1 of float32 is the 0.1 of a csv file, and not 0.10000000149
    values = held.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise c.at(path, int(wrong[0]), name, f"{c.flaw(str(values[wrong[0]]))} where a number is needed")
    return values, held if held.dtype.kind in "iu" else ()


def _check_single(values: Floats, exact: Sequence[Any], path: Path, name: str) -> None:
    """Refuse a column whose rows float32 cannot tell apart: a time in seconds since 1970, or long identifiers.

    Args:
        values: (N,) what is to become float32.
        exact: the same as texts or whole numbers, which may have more digits than float64; empty where they have not.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is out of float32's range is inf, and found below
        single = values.astype(np.float32)
        true, lost = values, np.abs(single - values)
        if len(exact) and (np.abs(values).max() >= EXACT or np.ptp(values) == 0) and len(set(exact)) > 1:
            whole = [Decimal(str(value)) for value in exact]
            true = np.array([float(value - whole[0]) for value in whole])
            lost = np.array([abs(float(Decimal(float(s)) - v)) for s, v in zip(single, whole, strict=True)])
        fine = not len(values) or (bool(np.isfinite(single).all()) and _tells_apart(true, lost))
    if not fine:
        raise EnvError(
            f"{path}: float32 is too coarse for the column `{name}`, which has values such as {values[0]:.15g}",
            help="subtract a constant from it, or divide it by one; take it out if it numbers the rows",
        )


def _tells_apart(true: Floats, lost: Floats) -> bool:
    """Whether what is lost (N,) is little beside the spread of the values (N,), and for the middle half of the rows beside
    theirs: a few far values do not hide that all others become one.
    """
    if np.ptp(true) == 0:
        return True
    low, high = np.percentile(true, (25, 75))
    middle = high == low or np.percentile(lost, 75) <= TOLERANCE * (high - low)
    deviation = true.std()
    return bool(middle and lost.max() <= TOLERANCE * deviation and deviation >= SMALLEST)
