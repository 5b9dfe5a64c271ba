"""The formats of a table: each is one function with the decorator ``table_format``, and every command's ``--format`` has it."""

from collections.abc import Callable
from dataclasses import dataclass

from archdsl.report.table import Table

__all__ = ["FORMATS", "TableFormat", "several_tables", "table_format"]

Writer = Callable[[Table], str]


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How a table becomes text. A format for ``people`` has titles, notes, units and words; any other one has exact values."""

    write: Writer
    people: bool = False


FORMATS: dict[str, TableFormat] = {}


def table_format(*names: str, people: bool = False) -> Callable[[Writer], Writer]:
    """Add a format under these names. What is not for ``people`` is for programs.

    Raises:
        ValueError: it has no name, or one that is taken.
    """
    if not names or any(callable(name) for name in names):
        raise ValueError('the decorator is written without parentheses or without a name: `@table_format("name")`')

    def register(write: Writer) -> Writer:
        for name in names:
            before = FORMATS[name].write if name in FORMATS else write
            if (before.__module__, before.__qualname__) != (write.__module__, write.__qualname__):
                raise ValueError(
                    f"the table format `{name}` of {write.__module__} (`{write.__qualname__}`) is already taken by "
                    f"{before.__module__} (`{before.__qualname__}`)"
                )
        FORMATS.update(dict.fromkeys(names, TableFormat(write, people)))
        return write

    return register


def several_tables() -> tuple[str, ...]:
    """The formats in which several tables may follow one another: those for people, and JSON with a record of its own."""
    return (*(name for name, format in FORMATS.items() if format.people), "json")
