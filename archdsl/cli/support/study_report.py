"""The report of a study: its table on standard output, and its HTML file. ``ablate`` and ``report`` share it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archdsl.report import Table
    from archdsl.study.file import StudyFile
    from archdsl.study.results import Results
    from archdsl.study.runner import StudyRunner


def ingredients(
    without: list[str] | None, into: list[str] | None, out: list[str] | None, old_into: list[str] | None
) -> tuple[list[str], list[str]]:
    """What is taken out and what is put in, by the names of the options today and by the earlier ones."""
    from archdsl.cli.output import say

    for old, new, given in (("--out", "--without", out), ("--in", "--with", old_into)):
        if given:
            say(f"note: {old} is called {new} now")
    return [*(without or ()), *(out or ())], [*(into or ()), *(old_into or ())]


def check_html(target: Path | None) -> None:
    """Refuse before any work a report that could not be written after it.

    Raises:
        EnvError: matplotlib is not installed, or the file cannot be written.
    """
    if target is None:
        return
    from archdsl.export.target import check_target
    from archdsl.extras import require

    require("matplotlib", otherwise="leave --html out")
    check_target(target)


def results_of(chosen: StudyFile, runner: StudyRunner, current: Mapping[str, str] | None = None) -> Results:
    """The results as they are."""
    from archdsl.study.results import results

    return results(chosen.title, chosen.metric, runner.arms, chosen.seeds, runner.every, runner.with_foreign(current))


def report(
    results: Results, chosen: StudyFile, runs: Path, format: str, html: Path | None, quiet: bool,
    detect: str | None = None, each: bool = False,
) -> None:  # fmt: skip
    """Print the table (of arms, or of each run), and write the HTML report."""
    from archdsl.atomic import writing
    from archdsl.cli.output import say
    from archdsl.report import FORMATS
    from archdsl.study import tables
    from archdsl.study.select import folder_of

    people = FORMATS[format].people  # counts and levels are words
    shown = tables.each(results, people) if each else tables.table(results, people)
    more = tables.notes(results) if each and not people else ()
    put_study(
        replace(shown, notes=(*shown.notes, *more, *planned_notes(results, detect))), results.metric, format, each
    )
    sys.stdout.flush()
    target = html or folder_of(chosen, runs) / "report.html"
    from archdsl.export.target import replacing
    from archdsl.extras import installed, missing
    from archdsl.study.curves import read_curves
    from archdsl.study.html import html as written

    if html is None and not installed("matplotlib"):  # the table is what was asked for
        say(f"note: no {target.name} is written: {missing('matplotlib').message} ({missing('matplotlib').help})")
        return
    if html is None and not results.done and target.exists():
        say(f"note: {target} stays as it is, since no run counts now; --html FILE writes the report of today")
        return
    text = written(results, f"archdsl ablate {shlex.quote(str(folder_of(chosen, runs)))}", read_curves(results))
    if html is None:
        with writing(target.parent, "free disk space, or name another file with --html FILE"):
            target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        file.write_text(text, "utf-8")
    if not quiet:
        say(f"report: {target}")


def put_study(table: Table, metric: str, format: str, each: bool = False) -> None:
    """A table; as JSON with its title, its metric and its notes."""
    from archdsl.cli.output import put_json, put_table
    from archdsl.report.text import records

    if format != "json":
        put_table(table, format)
        return
    rows = "runs" if each else "arms"
    put_json({"title": table.title, "metric": metric, "notes": list(table.notes), rows: records(table)})


def planned_notes(results: Results, detect: str | None) -> list[str]:
    """How many seeds a difference of this size takes, as a note; none where it was not asked."""
    from archdsl.study import planning

    return [] if detect is None else [planning.detect(results, planning.amount(detect))]
