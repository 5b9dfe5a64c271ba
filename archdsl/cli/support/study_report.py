"""The report of a study: its table on standard output, and its HTML file. ``ablate`` and ``report`` share it."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from archdsl.report.numbers import many

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archdsl.report import Table
    from archdsl.study.plan.file import StudyFile
    from archdsl.study.report.report_tables import Rows
    from archdsl.study.results.results import Results


def selected(given: Mapping[str, Any]) -> StudyFile:
    """The study that a command means, by its parameters: ``study``, and those that have the names of ``SelectionOptions``.

    Raises:
        ArchError: no such study or spec, or options that contradict it.
    """
    from archdsl.cli.output import say
    from archdsl.study.execute.select import SelectionOptions, select
    from archdsl.study.plan.unit import check_unit

    for old, new, name in (("--out", "--without", "out"), ("--in", "--with", "old_into")):
        if given[name]:
            say(f"note: {old} is called {new} now")
    options = {f.name: given[f.name] for f in fields(SelectionOptions) if given.get(f.name) is not None}
    without = [*(given["without"] or ()), *(given["out"] or ())]
    into = [*(given["into"] or ()), *(given["old_into"] or ())]
    chosen = select(given["study"], SelectionOptions(**{**options, "without": without, "into": into}))
    if given["detect"] is not None:
        check_unit("--detect", given["detect"], chosen.metric)
    return chosen


def check_html(target: Path | None, read: str) -> None:
    """Refuse before any work a report that could not be written after it, or would replace what the command reads.

    Raises:
        ArchError: the file is that of ``read``, or one that a run has written.
        EnvError: matplotlib is not installed, or the file cannot be written.
    """
    if target is None:
        return
    from archdsl.cli.support.targets import announce
    from archdsl.export.target import check_target
    from archdsl.extras import require

    require("matplotlib", otherwise="leave --html out")
    check_target(target)
    announce(target, read=(read,))


def check_columns(results: Results, columns: str) -> None:
    """Refuse columns that the table of the study will not have, before anything runs."""
    from archdsl.study.report.tables import table

    table(results, columns=_names(columns))


def _names(columns: str | None) -> list[str]:
    return [name.strip() for name in (columns or "").split(",") if name.strip()]


def report(
    results: Results,
    chosen: StudyFile,
    runs: Path,
    format: str,
    html: Path | None,
    quiet: bool,
    detect: str | None = None,
    rows: Rows = "arms",
    columns: str | None = None,
) -> None:
    """Print the table of ``rows``, and write the HTML report, also where nobody reads the table any more."""
    try:
        _print(results, format, detect, rows, columns)
        sys.stdout.flush()
    except BrokenPipeError:
        _page(results, chosen, runs, format, html, quiet)
        raise
    _page(results, chosen, runs, format, html, quiet)


def _page(results: Results, chosen: StudyFile, runs: Path, format: str, html: Path | None, quiet: bool) -> None:
    """Write the HTML report, and say what the table does not."""
    from archdsl.atomic import writing
    from archdsl.cli.output import say
    from archdsl.study.execute.select import folder_of, question_changes
    from archdsl.study.plan.plan import DAMAGED

    if not has_notes(format):
        for arm, seed, status, message in results.failures:
            if status == DAMAGED:
                say(f"note: `{arm}`, seed {seed}: {message}")
    if results.unused and not quiet:  # not among the notes: how many there are depends on the workers
        late = many(results.unused, "finished run does not count: it", "finished runs do not count: they")
        say(f"note: {late} came after the decision")
    folder = folder_of(chosen, runs)
    target, changes = html or folder / "report.html", question_changes(folder, chosen)
    from archdsl.export.target import replacing
    from archdsl.extras import installed, missing
    from archdsl.study.report.html import html as written
    from archdsl.study.results.curves import read_curves

    if html is None and not installed("matplotlib"):  # the table is what was asked for
        say(f"note: no {target.name} is written: {missing('matplotlib').message} ({missing('matplotlib').help})")
        return
    if html is None and not results.done:
        stays = f"{target} stays as it is" if target.exists() else "no report is written"
        say(f"note: {stays}, since no run in {runs} counts now; --html FILE writes one")
        return
    if html is None and changes is None:
        say(
            f"note: no report is written: archdsl ablate has not carried out this study in {runs}; --html FILE writes one"
        )
        return
    if html is None and changes:
        said = f"it answers another question ({', '.join(changes)})"
        say(f"note: {target} stays as it is: {said}; --html FILE writes this one, archdsl report {folder} that one")
        return
    text = written(results, made_by(folder, chosen), read_curves(results))
    if html is None:
        with writing(target.parent, "free disk space, or name another file with --html FILE"):
            target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        file.write_text(text, "utf-8")
    if not quiet:
        say(f"report: {target}")


def _print(results: Results, format: str, detect: str | None, rows: Rows, columns: str | None) -> None:
    """Print the table of ``rows``; for people below that of the tuning."""
    from archdsl.cli.output import put_table, stdout
    from archdsl.report import FORMATS
    from archdsl.study.report import tuning_table
    from archdsl.study.report.notes import notes
    from archdsl.study.report.report_tables import table_of

    people = format in FORMATS and FORMATS[format].people  # counts and levels are words
    shown = table_of(results, rows, people, _names(columns))
    more = notes(results) if rows != "arms" and not people else ()
    answers: dict[Rows, bool] = {
        "claims": bool(results.claims),
        "fits": bool(results.fits),
        "tuning": results.tuning is not None,
    }
    beside = {name: table_of(results, name, False) for name, there in answers.items() if there and rows == "arms"}
    put_study(
        replace(shown, notes=(*shown.notes, *more, *planned_notes(results, detect, format))),
        results.metric,
        format,
        rows,
        beside,
    )
    if results.tuning is not None and rows == "arms" and people:
        stdout().write("\n")
        put_table(tuning_table.table(results), format)


def made_by(folder: Path, chosen: StudyFile) -> str:
    """The commands that make the page of a study: those that carried it out, and the one under way where it asks another
    question.
    """
    from archdsl.cli.output import typed_command
    from archdsl.study.execute.register import commands
    from archdsl.study.execute.select import question_changes

    changes = question_changes(folder, chosen)
    carried_out = [] if changes is None else [commands(folder)]
    return "\n".join([*carried_out, *([typed_command()] if changes != [] else [])])


def put_study(
    table: Table, metric: str, format: str, rows: Rows = "arms", beside: Mapping[Rows, Table] | None = None
) -> None:
    """A table; as JSON with its title, its metric and its notes, and the tables ``beside`` it.

    Raises:
        ArchError: a Parquet file, on a terminal.
    """
    from archdsl.cli.output import put_json, put_table
    from archdsl.report.text import records

    if format == "parquet":
        put_parquet(table)
        return
    if format != "json":
        put_table(table, format)
        return
    put_json(
        {
            "title": table.title,
            "metric": metric,
            "notes": list(table.notes),
            rows: records(table),
            **{name: records(other) for name, other in (beside or {}).items()},
        }
    )


def put_parquet(table: Table) -> None:
    """The bytes of a Parquet file, to standard output.

    Raises:
        ArchError: standard output is a terminal.
    """
    from archdsl.cli.output import stdout
    from archdsl.errors import ArchError
    from archdsl.study.report.parquet import parquet

    stream = stdout()
    if stream.isatty():
        raise ArchError("a Parquet file is not written to a terminal", help="redirect standard output: > FILE.parquet")
    stream.buffer.write(parquet(table))


def has_notes(format: str) -> bool:
    """Whether the table of a study has notes in a format."""
    from archdsl.report import FORMATS

    return format == "json" or (format in FORMATS and FORMATS[format].people)


def planned_notes(results: Results, detect: str | None, format: str) -> list[str]:
    """How many seeds a difference of this size takes, as a note of the table; none where it was not asked. Beside a format that
    has no notes it is said.
    """
    from archdsl.cli.output import say
    from archdsl.study.amounts import amount
    from archdsl.study.report.planning import detect as seeds_for

    if detect is None:
        return []
    text = seeds_for(results, amount(detect, "--detect"))
    if has_notes(format):
        return [text]
    say(f"note: {text}")
    return []
