"""What a cell of results holds: a name, or a finite number; anything else is refused with its row and its column."""

from __future__ import annotations

from typing import Any

from archdsl.errors import ArchError
from archdsl.report.numbers import of_percent
from archdsl.words.data.cells import flaw, is_number


class Names:
    """The names in the cells of a column, each kept once."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.known: dict[str | int, str] = {}

    def of(self, cell: Any, row: int) -> str:
        """The name in a cell."""
        if type(cell) is not str and type(cell) is not int:  # 1.0 and True are other names than 1
            return name_cell(cell, row, self.column)
        name = self.known.get(cell)
        if name is None:
            name = self.known[cell] = name_cell(cell, row, self.column)
        return name


SMALLEST, LARGEST = 1e-100, 1e100  # of sizes whose squares are numbers, too


def name_cell(cell: Any, row: int, column: str) -> str:
    """The name in a cell.

    Raises:
        ArchError: it holds none.
    """
    text = cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
    if isinstance(cell, list | dict) or not text:
        raise ArchError(
            f"row {row}, column `{column}`: {'nothing' if not text else 'not a name'}",
            help="rows count from 1; complete the row or take it out",
        )
    return text


def number_cell(cell: Any, row: int, column: str) -> tuple[float, bool]:
    """The number in a cell, and whether it has a percent sign (which divides it by 100).

    Raises:
        ArchError: it is not a finite number, or one whose square no number holds: of 1e100 or more, or of 1e-100 or less.
    """
    if type(cell) is str and is_number(cell) and (SMALLEST < abs(value := float(cell)) < LARGEST or not value):
        return value, False
    plain = isinstance(cell, int | float) and not isinstance(cell, bool)
    text = repr(cell) if plain else cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
    bare = text.removesuffix("%").rstrip()
    if is_number(bare) and 0 < abs(value := float(bare)) <= SMALLEST:
        raise ArchError(
            f"row {row}, column `{column}`: {value:g} is too small: no number holds its square",
            help="write the values in a smaller unit",
        )
    if is_number(bare) and abs(value := float(bare)) < LARGEST:
        per_cent = bare != text
        return (of_percent(bare) if per_cent else value), per_cent
    raise ArchError(
        f"row {row}, column `{column}`: {flaw(text)} where a number is needed",
        help="rows count from 1; write decimals with a point; a run that failed needs a value too, such as the "
        "accuracy of chance",
    )
