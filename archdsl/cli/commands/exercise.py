"""``archdsl exercise``: the exercises of a worksheet, and what of them an answer meets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archdsl.cli.options import Format

if TYPE_CHECKING:
    from archdsl.cli.support.exercises import Exercise, Outcome, Value
    from archdsl.report import Table


def command(
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Show this exercise.")] = None,
    answer: Annotated[str | None, typer.Argument(metavar="[ANSWER]", help="Check this spec or study file.")] = None,
    worksheet: Annotated[
        Path | None,
        typer.Option("--worksheet", metavar="FILE", help="Exercises of your own; docs/worksheet.md shows the form."),
    ] = None,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="The folder of runs, for answers that are trained.")
    ] = Path("runs"),
    format: Format = "table",
) -> None:
    """List the exercises of the worksheet, show one, or check an answer to it: what holds, what does not, and a hint. Exits
    with 2 unless all holds."""
    from archdsl.cli.output import put, put_table
    from archdsl.cli.support.exercises import checked, read_worksheet
    from archdsl.errors import ArchError
    from archdsl.report import Column, Table

    exercises = read_worksheet(worksheet)
    if number is None:
        rows = tuple((e.number, e.title, e.answer) for e in exercises)
        put_table(Table((Column("exercise", "int"), Column("title"), Column("answer")), rows), format)
        return
    if not 1 <= number <= len(exercises):
        raise ArchError(
            f"unknown exercise {number}", help=f"there are 1 to {len(exercises)}; `archdsl exercise` lists them"
        )
    exercise = exercises[number - 1]
    if answer is None:
        if format in ("table", "text"):
            put(_shown(exercise))
        else:
            columns = (Column("exercise", "int"), Column("title"), Column("answer"), Column("task"), Column("given"))
            row = (exercise.number, exercise.title, exercise.answer, exercise.task, exercise.given or None)
            put_table(Table(columns, (row,)), format)
        return
    outcomes = checked(exercise, answer, runs)
    put_table(_table(exercise, outcomes), format)
    if not all(one.holds for one in outcomes):
        raise SystemExit(2)


def _shown(exercise: Exercise) -> str:
    given = f"\n\n{exercise.given.rstrip()}" if exercise.given else ""
    return f"{exercise.number}. {exercise.title}\n\n{exercise.task}{given}\n"


def _table(exercise: Exercise, outcomes: list[Outcome]) -> Table:
    from archdsl.report import Column, Table

    word = {True: "yes", False: "no", None: "not tried"}
    rows = tuple((one.requirement.holds, word[one.holds], _seen(one)) for one in outcomes)
    good = sum(one.holds is True for one in outcomes)
    hints = [f"hint: {one.requirement.hint}" for one in outcomes if one.holds is False]
    verdict = "all of it holds" if good == len(outcomes) else f"{good} of {len(outcomes)} hold"
    columns = (Column("requirement"), Column("holds"), Column("your answer"))
    return Table(columns, rows, f"exercise {exercise.number}: {exercise.title}", notes=(*hints, verdict))


def _seen(one: Outcome) -> str:
    return ", ".join(f"{name} {_text(name, value)}" for name, value in one.seen.items())


def _text(name: str, value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    return f"{value:,.10g}"
