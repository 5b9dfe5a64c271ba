"""The targets of a table that has several, one for each head of a network: columns of classes, and columns of numbers."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING

from archdsl.errors import EnvError
from archdsl.ir.reserved import RESERVED_LABELS
from archdsl.words.data.classes import classes_of
from archdsl.words.tasks import CLASSIFICATION, TASKS, HeadTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.words.data.sheets import Sheet

_LABEL = re.compile("[A-Za-z][A-Za-z0-9_]*")


def listed(columns: str) -> list[str]:
    """The columns of a text that separates them by commas."""
    return [name for text in columns.split(",") if (name := text.strip())]


def columns_of(names: Sequence[str], target: str, numbers: str) -> tuple[list[str], list[str]]:
    """The columns of classes and those of numbers of a table with these columns, where it has several targets; two empty lists
    where ``target`` is the one column of classes.
    """
    if not numbers and (target in names or "," not in target):
        return [], []
    return [target] if target in names else listed(target), [numbers] if numbers in names else listed(numbers)


def heads_of(
    sheet: Sheet, classes: Sequence[str], numbers: Sequence[str]
) -> tuple[tuple[HeadTask, ...], tuple[str, ...]]:
    """A head for each of these columns, in this order, and what is to be said about their classes.

    Raises:
        EnvError: no such column, one that is named twice or cannot name a head, no column left, less than two classes, rows
            that begin with `#`.
    """
    wanted = [*classes, *numbers]
    for place, name in enumerate(wanted):
        if name not in sheet.names:
            raise EnvError(f"{sheet.path} has no column `{name}`", help=f"its columns are {', '.join(sheet.names)}")
        if name in wanted[:place]:
            raise EnvError(f"the column `{name}` is named twice as a target", help="name each once")
        _check_label(sheet, name)
    if not classes:
        raise EnvError(
            f"`numbers` names {', '.join(numbers)}, and no column of classes is named beside it",
            help=f'name one, `target="kind"`; targets that are numbers alone are target="{", ".join(numbers)}", task=regression',
        )
    if len(wanted) == len(sheet.names):
        raise EnvError(
            f"{sheet.path} has no column besides the targets {', '.join(wanted)}", help="leave one for the net to see"
        )
    found: list[HeadTask] = []
    notes: list[str] = []
    for name in classes:
        cells = sheet.texts(name)
        check_comments(sheet, name, cells)
        held = classes_of(cells, sheet.path, name)
        found.append(HeadTask(name, CLASSIFICATION, held.names))
        notes += held.notes
    return (*found, *(HeadTask(name, TASKS["regression"], (name,)) for name in numbers)), tuple(notes)


def check_comments(sheet: Sheet, name: str, cells: Sequence[str]) -> None:
    """Refuse rows of a csv file that may have been taken out by a `#`: in the first column it would begin the name of a class.

    Raises:
        EnvError: some cells (N,) of the column ``name``, which is the first one, begin so.
    """
    if sheet.kind != "csv" or sheet.places[sheet.names.index(name)] != 0:
        return
    rows = [number for number, cell in enumerate(cells, 1) if cell.startswith("#")]
    if 0 < len(rows) < len(cells):
        raise EnvError(
            f"{sheet.path}, row {rows[0]} begins with `#`, as a comment does", help="remove the row, or the `#`"
        )


def outputs_of(heads: Sequence[HeadTask]) -> tuple[str, ...]:
    """A name for each value that a network with these heads gives: ``kind=oak`` of a class, ``price`` of a number."""
    return tuple(f"{h.name}={name}" if h.task.counted else name for h in heads for name in h.classes)


def _check_label(sheet: Sheet, name: str) -> None:
    """Refuse a column whose name cannot be the label of a head."""
    why = ""
    if not _LABEL.fullmatch(name):
        why = "a label has letters, digits and `_`, and begins with a letter"
    elif iskeyword(name) or name in RESERVED_LABELS:
        why = "Python or torch has this name for something else"
    if why:
        raise EnvError(
            f"the column `{name}` of {sheet.path} cannot name a head: {why}", help="rename the column in the file"
        )
