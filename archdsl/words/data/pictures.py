"""Pictures of one's own with several targets each: ``pictures("LABELS.csv")``, a table that names them. Reads no picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.registry import data_word
from archdsl.registry.types import Count
from archdsl.unchanged import About, seen
from archdsl.words.data.heads import check_names, own_path
from archdsl.words.data.sheets import Sheet, sheet
from archdsl.words.data.targets import heads_of, listed, outputs_of
from archdsl.words.data.values import Kept, Own
from archdsl.words.tasks import HeadTask, Several, Task


@dataclass(frozen=True, slots=True)
class Labels:
    """What the table says of itself: a head for each target, the columns that are not used, and notes for a person."""

    heads: tuple[HeadTask, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pictures(Own):
    """Pictures that the table at ``path`` names in its column ``file``, with the columns ``target`` of classes and ``numbers`` of
    numbers; each becomes 3 x size x size. ``kept`` is what runs have recorded of it, where it is gone.
    """

    path: str
    target: str
    numbers: str = ""
    file: str = "file"
    size: int = 32
    kept: Kept | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"pictures:{self.path}"

    @property
    def input(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    @property
    def task(self) -> Task:
        """What a net is to say of a picture."""
        if self.kept is not None and self.kept.task is not None:
            return self.kept.task
        return Several(self.labels.heads)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.kept.class_names if self.kept is not None else outputs_of(self.labels.heads)

    @property
    def labels(self) -> Labels:
        """Heads and columns, from the training table.

        Raises:
            EnvError: no such file, no such column, less than two targets, or less than two classes.
        """
        path = self.tables()[0]
        return _labels(path, self.target, self.numbers, self.file, seen(path))

    def tables(self) -> tuple[Path, Path | None]:
        """The training table and the test table beside it (``labels.csv`` and ``labels.test.csv``); None where one must serve
        for both.
        """
        path = own_path(self.path)
        if not path.is_file():
            raise EnvError(f"there is no file {path}", help="relative paths start from the current folder")
        beside = path.with_suffix(f".test{path.suffix}")
        return path, beside if beside.is_file() else None


@lru_cache(maxsize=8)  # what was seen of the file is an argument so that a changed one is read again
def _labels(path: Path, target: str, numbers: str, file: str, facts: About) -> Labels:
    found = named(path, file)
    heads, notes = heads_of(found, listed(target), listed(numbers))
    if len(heads) < 2:
        raise EnvError(
            f"{path} has one target, `{heads[0].name}`, and `pictures` is for several",
            help="put pictures of one class each into folders, and name them by `folder`; or name another target",
        )
    targets = {h.name for h in heads}
    if file in targets:
        raise EnvError(f"the column `{file}` of {path} names the pictures, and cannot be a target", help="name another")
    return Labels(heads, tuple(n for n in found.names if n not in targets and n != file), (*found.notes, *notes))


def named(path: Path, file: str) -> Sheet:
    """The columns of a table of pictures.

    Raises:
        EnvError: the file is damaged, or no column ``file`` is in it.
    """
    found = sheet(path, "csv", file, "yes")
    check_names(found)
    if file not in found.names:
        raise EnvError(
            f"{path} has no column `{file}` that names the pictures",
            help=f'its columns are {", ".join(found.names)}; `file` says which one it is: file="{found.names[0]}"',
        )
    return found


@data_word(
    'pictures("labels.csv", target="kind", numbers="price")',
    'pictures("labels.csv", target="kind, colour", file="image", size=64)',
    slot="dataset",
    unpublished="a format",
)
def pictures(path: str, target: str, numbers: str | None = None, file: str = "file", size: Count = 32) -> Pictures:
    """Pictures of one's own with several targets each, for a net that ends in `heads`.

    PATH is a csv file whose first row names the columns. The column `file` has the path of a picture, from the
    folder of the table; `target` names the columns of classes, and `numbers` those of numbers. There is a head
    for each, by its name and in this order. Each picture becomes 3 x size x size: its shorter side is scaled to
    `size`, then the middle is cut. The test part is `PATH.test.csv` beside `PATH.csv`, else a fifth of the
    pictures, chosen by the hash of the name.
    """
    return Pictures(path, target, numbers or "", file, size)
