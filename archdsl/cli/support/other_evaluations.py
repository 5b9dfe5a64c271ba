"""What ``eval`` does for nets whose output is not one class: numbers, and several heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.cli.support.counter import Counter
from archdsl.errors import ArchError
from archdsl.words.tasks import Several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.cli.support.open_run import Opened
    from archdsl.evaluate import Part


def evaluated(chosen: Opened, rows: Part, given: Sequence[str], format: str, batch: int, run: str, part: str) -> None:
    """Evaluate the net and print its figures.

    Args:
        given: options that are for one output of classes.

    Raises:
        ArchError: one is given.
    """
    several = isinstance(chosen.net.task, Several)
    if given:
        what = "with several heads" if several else "that predicts numbers"
        raise ArchError(f"{given[0]} is not supported for a net {what}", help=f"leave {given[0]} out")
    about = {"run": run, "hash": chosen.spec.hash, "data": rows.dataset, "part": part, "device": str(chosen.net.device)}
    (_heads if several else _numbers)(chosen, rows, about, format, batch)


def _numbers(chosen: Opened, rows: Part, about: dict[str, str], format: str, batch: int) -> None:
    from archdsl.cli.output import put_json, put_table
    from archdsl.cli.views.numbers import number_record, number_table
    from archdsl.evaluate.numbers import evaluate_numbers

    with Counter(len(rows)) as counter:
        found = evaluate_numbers(chosen.net, rows, batch, counter.tell)
    if format == "json":
        put_json(number_record(about, found))
    else:
        put_table(number_table(about, found), format)


def _heads(chosen: Opened, rows: Part, about: dict[str, str], format: str, batch: int) -> None:
    from archdsl.cli.output import put, put_json, put_table
    from archdsl.cli.views.heads import heads_record, heads_tables
    from archdsl.evaluate.heads import evaluate_heads
    from archdsl.report import FORMATS

    with Counter(len(rows)) as counter:
        found = evaluate_heads(chosen.net, rows, batch, counter.tell)
    if format == "json":
        put_json(heads_record(about, found))
        return
    for number, table in enumerate(heads_tables(about, found)[: None if FORMATS[format].people else 1]):
        if number:
            put("\n")
        put_table(table, format)
