"""Tables on a terminal. The only module of the report that knows rich; import it only for a terminal."""

from dataclasses import replace
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from archdsl.report.table import Table
from archdsl.report.text import on_one_line, plain_text, printable, shown, width

__all__ = ["draw"]

_GAP = 3  # cells between two columns of box.SIMPLE_HEAD
_WORDS = 8  # cells below which folded words are no longer readable
_NAME = 24  # cells of a text for which columns are left out; a longer one folds


def draw(table: Table, stream: TextIO) -> None:
    """Draw `table`; rich itself honours NO_COLOR, COLUMNS and an encoding without box characters.

    Columns that may be left out are, in their order, until the table fits; a line says which. Words fold where the terminal
    is narrow. Where even that is not enough, plain lines that the terminal wraps are better than a number cut short, which
    would be read as another number.
    """
    console = Console(file=stream, force_terminal=True, highlight=False, emoji=False)
    table = narrowed(table, console.width)
    rows, totals = shown(table)
    heads, widths = _widths(table)
    numbers = [column.kind != "text" for column in table.columns]
    least = (cells if number else min(cells, _WORDS) for cells, number in zip(widths, numbers, strict=True))
    if sum(least) + _GAP * len(widths) > console.width:
        console.out(plain_text(table), end="", highlight=False)
        return
    drawn = Drawn(
        title=Text(on_one_line(table.title)) if table.title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_footer=bool(totals),
        show_edge=False,  # which would take two cells
        pad_edge=False,
        header_style="bold",
        footer_style="bold",
    )
    for place, column in enumerate(table.columns):
        # Text, not str: in a str rich would read `[64x2]` as markup.
        drawn.add_column(
            Text(heads[place]),
            Text(totals[place]) if totals else "",
            justify=column.side,
            no_wrap=numbers[place],
            min_width=widths[place] if numbers[place] else None,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)
    for note in table.notes:
        console.print(Text(printable(note)), style="dim")


def narrowed(table: Table, most: int) -> Table:
    """The table without the columns that do not fit into so many cells, with a note on those that were left out."""
    left: list[str] = []
    while sum(widths := _needed(table)) + _GAP * (len(widths) - 1) > most:
        order = {column.omit: place for place, column in enumerate(table.columns) if column.omit}
        if not order:
            break
        place = order[min(order)]
        left.append(printable(table.columns[place].name))
        table = table.without(place)
    if not left:
        return table
    said = f"left out, as the terminal has {most} columns: {', '.join(left)}"
    return replace(table, notes=(*table.notes, said))


def _needed(table: Table) -> list[int]:
    """The cells that each column takes where long texts fold."""
    return [
        min(cells, _NAME) if c.kind == "text" else cells
        for c, cells in zip(table.columns, _widths(table)[1], strict=True)
    ]


def _widths(table: Table) -> tuple[list[str], list[int]]:
    """The heads, and the cells that each column takes."""
    rows, totals = shown(table)
    heads = [printable(column.name) for column in table.columns]
    return heads, [max(map(width, cells)) for cells in zip(heads, *rows, totals or heads, strict=True)]
