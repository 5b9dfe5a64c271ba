"""Tables of one's own: ``csv("PATH")`` and ``parquet("PATH")``, one column the class.

What a net must know of one is found without torch and numpy: the names of the columns, and the classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from archdsl.errors import ArchError, EnvError
from archdsl.registry import data_word
from archdsl.unchanged import seen
from archdsl.words.data.heads import Head, head_of, own_path
from archdsl.words.data.sheets import Header, Kind
from archdsl.words.data.targets import listed
from archdsl.words.data.values import Kept, Own
from archdsl.words.tasks import TASKS, Several, Task

TableTask = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class Table(Own):
    """A table at ``path``. Each row is a vector of its numbers. The column ``target`` (empty for the last one) is its class,
    or with the task regression its number; several are separated by commas. ``numbers`` are columns of numbers to predict
    beside the classes. ``header`` says whether the first row of a csv file names the columns; None to find out. ``kept`` is
    what runs have recorded of it, where it is gone.
    """

    path: str
    kind: Kind
    target: str = ""
    header: Header | None = None
    kind_of_task: TableTask = "classification"
    numbers: str = ""
    kept: Kept | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.path}"

    @property
    def task(self) -> Task:
        """What a net is to say of a row."""
        if self.kept is not None and self.kept.task is not None:
            return self.kept.task
        several = bool(self.numbers) or "," in self.target
        if self.kept is None and several and self.kind_of_task == "classification" and self.head.heads:
            return Several(self.head.heads)
        return TASKS[self.kind_of_task]

    @property
    def input(self) -> tuple[int, ...]:
        return self.kept.input if self.kept is not None else (len(self.head.features),)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.kept.class_names if self.kept is not None else self.head.classes

    @property
    def head(self) -> Head:
        """Columns and classes, from the training file.

        Raises:
            EnvError: no such file, no such column, a row of another length, a doubtful header, less than two classes.
        """
        path = self.files()[0]
        numbers = self.kind_of_task == "regression"
        asked = self.kind, self.target, self.header
        return head_of(path, *asked, seen(path), numbers, self.numbers)

    def files(self) -> tuple[Path, Path | None]:
        """The training file and the test file; None where one file must serve for both. A test file lies beside
        its training file (``iris.csv`` and ``iris.test.csv``), or both in one folder (``train.csv``, ``test.csv``).
        """
        path = own_path(self.path)
        ending = f".{self.kind}"
        if path.is_dir():
            train, test = path / f"train{ending}", path / f"test{ending}"
            if not (train.is_file() and test.is_file()):
                raise EnvError(
                    f"the folder {path} lacks train{ending} or test{ending}", help="put both there, or name one file"
                )
            return train, test
        if not path.is_file():
            raise EnvError(f"there is no file {path}", help="relative paths start from the current folder")
        beside = path.with_suffix(f".test{path.suffix}")
        return path, beside if beside.is_file() else None


@data_word(
    'csv("iris.csv", target="species")',
    'csv("iris.csv")',
    'csv("iris.csv", header=no)',
    'csv("houses.csv", target="price", task=regression)',
    'csv("houses.csv", target="kind", numbers="price")',
    slot="dataset",
    unpublished="a format",
)
def csv(
    path: str,
    target: str = "",
    header: Literal["yes", "no"] | None = None,
    task: TableTask | None = None,
    numbers: str | None = None,
) -> Table:
    """A table of one's own: the columns are numbers, one column holds the classes.

    The first row names the columns. Where it looks like a row of values, `header=yes` says that it does name
    them; with `header=no` it is a row like the others, and the columns are called c1, c2, …. `target` is the
    column of the classes, the last one by default. Columns are standardised with mean and standard deviation
    of the training rows. The test part is `PATH.test.csv` beside `PATH.csv`, or `test.csv` beside
    `train.csv` in a folder PATH; else a fifth of the rows of each class, chosen by the hash of the row. Tabs
    separate the columns of a file called `.tsv`.

    With `task=regression` the target is a number, or several: `target="price, rooms"`. They are standardised with mean and
    standard deviation of the training rows; the test part is then a fifth of all rows.

    Several targets of different kinds are for a net that ends in `heads`: `target="kind, colour"` names the columns of
    classes, and `numbers="price"` those of numbers. There is a head for each column, by its name and in this order.
    """
    return _table(path, "csv", target, header, task, numbers)


@data_word('parquet("iris.parquet", target="species")', slot="dataset", unpublished="a format")
def parquet(path: str, target: str = "", task: TableTask | None = None, numbers: str | None = None) -> Table:
    """A Parquet file of one's own, read as `csv` reads a text: columns of numbers, and one of classes.

    With `task=regression` the target is a number, or several: `target="price, rooms"`. `numbers` is as for `csv`.
    """
    return _table(path, "parquet", target, None, task, numbers)


def _table(
    path: str, kind: Kind, target: str, header: Header | None, task: TableTask | None, numbers: str | None
) -> Table:
    if numbers is None:
        return Table(path, kind, target, header, task or "classification")
    if task == "regression":
        raise ArchError(
            "`numbers` names targets beside classes, and task=regression has numbers alone",
            help="leave one of the two out: all columns of numbers are named by `target`",
        )
    if not listed(numbers) or not listed(target):
        raise ArchError(
            "`numbers` needs columns of numbers and, by `target`, at least one of classes",
            help=f'{kind}("{path}", target="kind", numbers="price")',
        )
    return Table(path, kind, target, header, "classification", numbers)
