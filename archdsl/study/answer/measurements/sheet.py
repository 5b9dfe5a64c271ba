"""A table as it was found: the names of its columns, its rows on demand, and what the tool that wrote it says of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, Literal

from archdsl.errors import ArchError, suggest
from archdsl.report.numbers import many

State = Literal["finished", "unfinished", "failed", "other"]  # other: a row that `only` leaves out
# What tools write before the name of a setting or a result.
PREFIXES = (
    "params.",
    "metrics.",
    "tags.",
    "config.",
    "summary.",
    "attributes.",
    "params_",
    "user_attrs_",
    "values_",
    "factor ",
)
NAMED = 5  # names that a message lists


@dataclass(frozen=True, slots=True)
class Tool:
    """What a tool writes about a run: ``state`` is the column, ``states`` what its cells mean (others mean that the run
    failed), ``label`` the column by which a person knows a run, ``run`` the one that tells runs apart.
    """

    name: str
    state: str = ""
    states: Mapping[str, State] = field(default_factory=dict)
    label: str = ""
    run: str = ""

    def state_of(self, cell: object) -> State:
        """What a cell of the column ``state`` means."""
        return self.states.get(str(cell).strip().casefold(), "failed")


PLAIN = Tool("")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. ``rows`` takes names of columns and gives their cells, row by row; ``steps`` takes the column of a metric and
    gives the table with a row for each logged step, where the tool keeps these apart. ``minimised``: the tool's own objective is.
    """

    what: str
    names: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[tuple[Any, ...]]]
    tool: Tool = PLAIN
    notes: tuple[str, ...] = ()
    steps: Callable[[str], Sheet] | None = None
    sha256: str = ""
    minimised: bool = False

    def entries(
        self, wanted: Sequence[str], only: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[int, tuple[Any, ...], State, str]]:
        """Each row: its number from 1, its cells in these columns, the state of its run, and the run in words.

        Args:
            only: columns, and the text that their cells must have; other rows have the state ``other``.
        """
        tool, width = self.tool, len(wanted)
        state_at = [tool.state] if tool.state in self.names else []
        label_at = [tool.label] if tool.label in self.names else []
        names = [*wanted, *(name for name, _ in only), *state_at, *label_at]
        texts, end = [text for _, text in only], width + len(only)
        plain = len(names) == width
        if plain:
            yield from zip(count(1), self.rows(names), repeat("finished"), repeat(""))
            return
        for number, row in enumerate(self.rows(names), 1):
            if any(str(cell).strip() != text for cell, text in zip(row[width:end], texts, strict=True)):
                yield number, row[:width], "other", ""
                continue
            state = tool.state_of(row[end]) if state_at else "finished"
            label = str(row[-1] or "").strip() if label_at else ""
            run = f"`{label}`" if label else f"row {number}"
            yield number, row[:width], state, run if state == "finished" else f"{run} ({row[end]})"

    def find(self, name: str, option: str) -> tuple[str, str]:
        """The column that is called so, or so after a prefix such as ``params.``; and a note where it has a prefix.

        Raises:
            ArchError: no such column, or several.
        """
        if self.names.count(name) == 1:
            return name, ""
        if name in self.names:
            raise ArchError(f"there are two columns `{name}`", help="rename one of them")
        prefixed = [column for column in self.names if column in {prefix + name for prefix in PREFIXES}]
        if len(prefixed) > 1:
            raise ArchError(
                f"`{name}` may be the column {' or '.join(f'`{column}`' for column in prefixed)}",
                help=f"{option} {prefixed[0]} says which",
            )
        if prefixed:
            return prefixed[0], f"{option} `{prefixed[0]}`"
        if not self.names:
            raise ArchError(
                f"the table has no column, and so no `{name}`", help="a line with the names of columns, and rows"
            )
        raise ArchError(
            f"unknown column `{name}`", help=suggest(name, self.names) or f"the columns are {listed(self.names)}"
        )


def of_records(
    what: str,
    records: Sequence[Mapping[str, Any]],
    tool: Tool = PLAIN,
    notes: tuple[str, ...] = (),
    steps: Callable[[str], Sheet] | None = None,
) -> Sheet:
    """A table from a mapping for each row; a cell that a row lacks is empty."""
    names = tuple(dict.fromkeys(name for record in records for name in record))

    def rows(wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        return (tuple(record.get(name) for name in wanted) for record in records)

    return Sheet(what, names, rows, tool, notes, steps)


def flat(value: object, name: str = "") -> Iterator[tuple[str, Any]]:
    """The cells of nested mappings, under names joined by points."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def runs(number: int) -> str:
    """A number of runs in words."""
    return f"{many(number, 'run')}"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
