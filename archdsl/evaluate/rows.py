"""Rows of a table named one by one, as vectors that a net takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.columns import numbers
from archdsl.data.table import rows
from archdsl.errors import ArchError, EnvError
from archdsl.evaluate.match import columns_of, features_of, listed
from archdsl.report.numbers import many
from archdsl.words.data.cells import is_boolean, is_missing
from archdsl.words.data.classes import Names
from archdsl.words.data.heads import check_names
from archdsl.words.data.sheets import Kind, sheet, texts
from archdsl.words.tasks import Several

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from archdsl.evaluate.load import Trained

KINDS: dict[str, Kind] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows (N, D) float32 of a file, columns in the net's order; the cells of the target column, None where the file has
    none; and what is to be said about the file. For a net of numbers, ``known`` are the targets of each row by name, None where
    a cell has none.
    """

    path: Path
    values: NDArray[np.float32]
    targets: list[str] | None
    notes: tuple[str, ...]
    known: list[dict[str, float | str | None]] | None = None

    def right(self, net: Trained, labels: list[int]) -> str:
        """How many rows have the class that their target names, as a note; empty without targets."""
        stated = [n for n, text in enumerate(self.targets or ()) if not is_missing(text)]
        if self.targets is None or not stated:
            return ""
        known = Names(net.class_names)
        right = sum(known.find(self.targets[n]) == labels[n] for n in stated)
        whole = (
            f"{len(labels):,} rows"
            if len(stated) == len(labels)
            else many(len(stated), "row that has", "rows that have")
        )
        found = f"it names the predicted class in {right:,} of {whole}" + (" one" if len(stated) < len(labels) else "")
        return f"note: the target of {self.path} is not given to the net; {found}"


def read_rows(net: Trained, own: Any, path: Path) -> Rows:
    """The rows of a csv or Parquet file; columns are matched by name, and the target may be missing.

    Args:
        own: the data set of the net's run.

    Raises:
        ArchError: not a file of rows, or its columns are not those of the net.
        EnvError: there is no such file, it is damaged, or a cell is not a number.
    """
    wanted, target = columns_of(net, own)
    heads = net.task.heads if isinstance(net.task, Several) else ()
    targets = (target,) if net.task.counted else tuple(h.name for h in heads) or net.class_names
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        takes = f"rows of a table with {len(wanted)} columns ({listed(wanted)})"
        raise ArchError(
            f"the net takes {takes}, and {path} is not a table",
            help="name files that end in .csv, .tsv, .txt or .parquet",
        )
    if not path.is_file():
        raise EnvError(f"there is no file {path}", help="name files that end in .csv, .tsv or .parquet")
    found = sheet(path, kind, targets[0], getattr(own, "header", None))
    check_names(found)
    features = features_of(found, wanted, targets)
    held = found.columns((*features, *targets))
    values = rows(held, features, path, spread=False)
    if not len(values):
        raise EnvError(f"{path} has no row", help="write the rows below the names of the columns")
    single = values.astype(np.float32)
    if not net.task.counted:
        classes = {h.name for h in heads if h.task.counted}
        return Rows(path, single, None, found.notes, _known(held, targets, classes, path))
    return Rows(path, single, texts(held[target], path, target) if target in held else None, found.notes)


def _known(
    held: Mapping[str, Any], targets: Sequence[str], classes: Collection[str], path: Path
) -> list[dict[str, float | str | None]] | None:
    """The targets of each row by name, numbers but for those of ``classes``; None where the file does not have them all."""
    if any(name not in held for name in targets):
        return None
    columns = [
        [None if is_missing(cell) else cell for cell in texts(held[name], path, name)]
        if name in classes
        else _stated(held[name], path, name)
        for name in targets
    ]
    return [dict(zip(targets, row, strict=True)) for row in zip(*columns, strict=True)]


def _stated(column: Any, path: Path, name: str) -> list[float | None]:
    """The numbers of a column, None where there is none: nothing depends on them.

    Raises:
        EnvError: a cell is something else.
    """
    try:
        return numbers(column, path, name, spread=False).tolist()
    except EnvError:
        cells = texts(column, path, name)
        there = [not is_missing(cell) for cell in cells]
        if all(there):
            raise
        some = "true" if all(is_boolean(c) for c, known in zip(cells, there, strict=True) if known) else "0"
        filled = numbers(
            [c if known else some for c, known in zip(cells, there, strict=True)], path, name, spread=False
        )
        return [value if known else None for value, known in zip(filled.tolist(), there, strict=True)]
