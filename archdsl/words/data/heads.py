"""What a table's file says about itself: its columns and its classes, found without torch and numpy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.unchanged import About
from archdsl.words.data.classes import classes_of
from archdsl.words.data.sheets import Header, Kind, Sheet, sheet
from archdsl.words.data.targets import check_comments, columns_of, heads_of, outputs_of
from archdsl.words.tasks import HeadTask


@dataclass(frozen=True, slots=True)
class Head:
    """A table's columns: those of numbers, in the order of the file; the target; and its classes, sorted, with their
    rows. ``notes`` say what was left out or guessed. With ``numbers``, ``classes`` are the columns of numbers to predict. With
    several ``heads``, there is a target of the name of each, and ``classes`` are the names of all their values.
    """

    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    counts: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: bool = False
    heads: tuple[HeadTask, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are not given to the net."""
        if self.heads:
            return tuple(h.name for h in self.heads)
        return self.classes if self.numbers else (self.target,)


@lru_cache(maxsize=8)  # what was seen of the file is an argument so that a changed one is read again
def head_of(
    path: Path,
    kind: Kind,
    target: str,
    header: Header | None,
    facts: About,
    numbers: bool = False,
    beside: str = "",
) -> Head:
    """Columns and classes of a file; an empty ``target`` is the last column. With ``numbers`` the target is one column of
    numbers, or several, separated by commas. ``beside`` are columns of numbers to predict beside the classes.

    Raises:
        EnvError: the file is damaged or doubtful, no such column, less than two classes.
    """
    columns = sheet(path, kind, target, header)
    if numbers:
        return _of_numbers(columns, target)
    classes_of_heads, numbers_of_heads = columns_of(columns.names, target, beside)
    if classes_of_heads or numbers_of_heads:
        return _of_heads(columns, classes_of_heads, numbers_of_heads)
    place = checked(columns, target)
    target = columns.names[place]
    cells = columns.texts(target)
    check_comments(columns, target, cells)
    classes = classes_of(cells, path, target)
    features = tuple(name for name in columns.names if name != target)
    return Head(features, target, classes.names, classes.counts, (*columns.notes, *classes.notes))


def _of_numbers(columns: Sheet, target: str) -> Head:
    """Columns and targets of a table whose targets are numbers.

    Raises:
        EnvError: as ``head_of``.
    """
    wanted = [target] if target in columns.names or "," not in target else [t.strip() for t in target.split(",")]
    targets = tuple(dict.fromkeys(columns.names[checked(columns, name)] for name in wanted if name or len(wanted) == 1))
    features = tuple(name for name in columns.names if name not in targets)
    if not features:
        raise EnvError(
            f"{columns.path} has no column besides the targets {', '.join(targets)}",
            help="leave one for the net to see",
        )
    return Head(features, target or targets[0], targets, (), columns.notes, True)


def _of_heads(columns: Sheet, classes: list[str], numbers: list[str]) -> Head:
    """Columns and targets of a table for a network with several heads.

    Raises:
        EnvError: as ``head_of``.
    """
    checked(columns, "")
    heads, notes = heads_of(columns, classes, numbers)
    targets = tuple(h.name for h in heads)
    features = tuple(name for name in columns.names if name not in targets)
    return Head(features, ", ".join(targets), outputs_of(heads), (), (*columns.notes, *notes), heads=heads)


def checked(table: Sheet, target: str) -> int:
    """The place of the target among the columns.

    Raises:
        EnvError: there is none, a column has no name or that of another, or there is no other column.
    """
    path, columns = table.path, table.names
    check_names(table)
    names = ", ".join(columns)
    if len(columns) < 2:
        left = f", without {', '.join(table.left)}" if table.left else ""
        raise EnvError(
            f"{path} has {many(len(columns), 'column')} ({names}{left}), at least two are needed",
            help="commas separate the columns of a csv file, tabs those of a tsv file",
        )
    if target and target not in columns:
        raise EnvError(f"{path} has no column `{target}`", help=f"its columns are {names}")
    return columns.index(target) if target else len(columns) - 1


def check_names(table: Sheet) -> None:
    """Refuse a column without a name, or with that of another."""
    several = Counter(table.names)
    for place, name in zip(table.places, table.names, strict=True):
        if not name:
            raise EnvError(
                f"column {place + 1} of {table.path} has no name",
                help="name it; if it is empty, the lines end in a separator that must go",
            )
        if several[name] > 1:
            raise EnvError(f"{table.path} has two columns `{name}`", help="rename one of them")


def own_path(text: str) -> Path:
    """A path of a text, ``~`` standing for the home folder.

    Raises:
        EnvError: ``~NAME`` names nobody.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise EnvError(f"there is no home folder for {text}", help="write the whole path") from error
