"""``archdsl verdict``: which arms of a table of results are better, worse or the same as a reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import HOLDS, REFUTED, UNDECIDED, Format

if TYPE_CHECKING:
    from archdsl.study.answer.measurements import Failed, Measurements, Sheet
    from archdsl.study.answer.rows import Answer
    from archdsl.study.answer.target import Target

# Names of figures of which less is better.
FALLS = re.compile(
    r"(^|[^a-z])(loss|nll|error|err|ece|brier|perplexity|ppl|r?mse|mae|seconds|time|latency)([^a-z]|$)", re.IGNORECASE
)


def command(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="A csv, tsv, jsonl or Parquet file with a row for each run, `-` for standard "
            "input, or what MLflow, Optuna, Trackio or Weights & Biases store.",
        ),
    ],
    arm: Annotated[str, typer.Option("--arm", metavar="COLUMN", help="The column that names what is compared.")],
    pair: Annotated[
        str | None,
        typer.Option(
            "--pair",
            metavar="COLUMN",
            help="The column that pairs runs: a seed, a fold, a task. Without it runs have no partners.",
        ),
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="COLUMN", help="The column of the results.")] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="ARM", help="What every other arm is compared with.")
    ] = None,
    lower: Annotated[
        bool | None,
        typer.Option("--lower/--higher", help="A lower value is better: a loss, an error, a time; or a higher one."),
    ] = None,
    same: Annotated[
        str | None,
        typer.Option("--same", metavar="SIZE", help="The largest difference that does not matter: 0.005, or 0.5%."),
    ] = None,
    alpha: Annotated[
        str, typer.Option("--alpha", metavar="RATE", help="The probability of any wrong decision in the table.")
    ] = "5%",
    claim: Annotated[
        str | None,
        typer.Option(
            "--claim",
            metavar="TEXT",
            help="'new better than base', 'new worse than base' or 'new same as "
            "base': the exit code is 0 if it holds, 3 if it is open, 6 if it is refuted.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TEXT", help="'acc >= 94%': compare the cost to get there, instead of a metric."
        ),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option("--cost", metavar="COLUMN", help="The cost of --target: a step, seconds. Otherwise `step`."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="COLUMN", help="What tells runs apart for --target, where --pair does not."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="COLUMN=TEXT", help="Use the rows with this cell alone; repeatable."),
    ] = None,
    failed: Annotated[
        str,
        typer.Option(
            "--failed",
            metavar="HOW",
            help="What runs count as that failed or were pruned: a value, such as the "
            "accuracy of chance; drop; or refuse.",
        ),
    ] = "refuse",
    missing: Annotated[
        Literal["refuse", "drop"],
        typer.Option("--missing", help="What to do with pairs that miss one side in between."),
    ] = "refuse",
    as_written: Annotated[
        bool,
        typer.Option(
            "--as-written", help="Take values as they are, also where some seem to be fractions and others percentages."
        ),
    ] = False,
    kind: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet"] | None,
        typer.Option("--from", help="The format of TABLE, where its content does not say it."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with the figures, too.")
    ] = None,
    format: Format = "table",
) -> None:
    """Say which arms of a table of results are better, worse or the same as a reference.

    The numbers stay valid however often you look, and whenever you stop adding runs (docs/verdict.md).
    """
    from dataclasses import replace

    from archdsl.cli.output import put_json, put_table
    from archdsl.cli.support.study_report import check_html
    from archdsl.cli.support.verdict_table import record, table_of
    from archdsl.report import FORMATS
    from archdsl.study.answer.answer import answer
    from archdsl.study.answer.measurements import Columns, measure, open_sheet
    from archdsl.study.answer.rows import Question
    from archdsl.study.answer.target import parse_target, reached
    from archdsl.study.plan.claims import parse_claim, spelled
    from archdsl.study.results.claims import result_of

    check_html(html, table)
    claimed = parse_claim(claim) if claim is not None else None
    base = _reference(reference, claimed.reference if claimed else None)
    level = _rate(alpha, "--alpha")
    goal = parse_target(target) if target is not None else None
    _check(goal, metric, cost, run, lower, failed)
    columns = Columns(arm, pair, goal.metric if goal else metric or "", _only(only or ()))
    sheet = open_sheet(table, kind)
    costs = reached(sheet, columns, goal, cost, run) if goal is not None else None
    found = costs.measurements if costs is not None else measure(sheet, columns, _failed(failed), as_written)
    base, claimed = spelled(base, list(found.arms)), claimed and claimed.of(found.arms)
    less = goal is not None or _less(lower, sheet, found.columns.metric)
    margin = None if same is None else _margin(same, found)
    _check_unit("--failed", failed, found)
    points = goal is None and (found.percent or (same or "").strip().endswith("%"))
    what = found.columns.metric if goal is not None else columns.metric
    given = answer(
        found,
        Question(base, what, less, margin, level, missing == "drop", points),
        costs,
        str(goal or ""),
    )
    holds = None if claimed is None else result_of(claimed, given.verdicts, margin)
    if claimed is not None:
        given = replace(given, claim=claimed.text, holds=holds)
    if html is not None:
        _write(html, given, table, sheet.sha256, found)
    if format == "json":
        put_json(record(given, sheet.sha256))
    else:
        put_table(table_of(given, people=FORMATS[format].people), format)
    if claimed is not None:
        raise typer.Exit({True: HOLDS, None: UNDECIDED, False: REFUTED}[holds])


def _write(target: Path, given: Answer, table: str, sha256: str, found: Measurements) -> None:
    from archdsl.cli.output import say, typed_command
    from archdsl.export.target import replacing
    from archdsl.study.answer.verdict_page import Provenance, page_of

    text = page_of(given, Provenance(table, sha256, found.rows, found.columns, typed_command()))
    with replacing(target) as file:
        file.write_text(text, "utf-8")
    say(f"page: {target}")


def _check(
    goal: Target | None, metric: str | None, cost: str | None, run: str | None, lower: bool | None, failed: str
) -> None:
    from archdsl.errors import ArchError

    if goal is None:
        if metric is None:
            raise ArchError(
                "nothing is measured", help="--metric COLUMN, or --target 'acc >= 94%' for the cost to get there"
            )
        for option, value in (("--cost", cost), ("--run", run)):
            if value is not None:
                raise ArchError(f"{option} has a meaning with --target only", help="--target 'acc >= 94%'")
        return
    if metric not in (None, goal.metric):
        raise ArchError(f"--metric says `{metric}`, the target is about `{goal.metric}`", help="leave --metric out")
    if lower is not None or failed != "refuse":
        raise ArchError(
            f"{'--lower' if lower else '--higher' if lower is False else '--failed'} has no meaning with --target",
            help="a lower cost is better, and a run that failed never reaches the target",
        )


def _less(lower: bool | None, sheet: Sheet, metric: str) -> bool:
    """Whether a lower value is better.

    Raises:
        ArchError: it is not said, and the name of the metric does not suggest that a higher one is.
    """
    from archdsl.errors import ArchError

    minimised = sheet.minimised and metric.startswith("value")
    if lower is None and (minimised or FALLS.search(metric)):
        why = "the study minimises it" if minimised else "its name is that of a loss, an error or a time"
        raise ArchError(f"is a lower or a higher `{metric}` better? {why}", help="say --lower, or --higher")
    return bool(lower)


def _only(texts: list[str] | tuple[()]) -> tuple[tuple[str, str], ...]:
    from archdsl.errors import ArchError

    for text in texts:
        if "=" not in text:
            raise ArchError(f"--only {text[:40]} has no `=`", help="--only dataset=cifar10")
    return tuple((text.partition("=")[0].strip(), text.partition("=")[2].strip()) for text in texts)


def _failed(text: str) -> Failed:
    from archdsl.errors import ArchError
    from archdsl.study.answer.measurements import Failed

    if text in ("refuse", "drop"):
        return Failed(drop=text == "drop")
    if (value := _number(text)) is None:
        raise ArchError(f"--failed {text[:40]} is neither a value nor `drop` nor `refuse`", help="--failed 10%")
    return Failed(value=value)


def _reference(given: str | None, claimed: str | None) -> str:
    from archdsl.errors import ArchError
    from archdsl.study.plan.claims import plain

    if given is None and claimed is None:
        raise ArchError("no reference is given", help="--reference ARM says what the other arms are compared with")
    if given is not None and claimed is not None and plain(given) != plain(claimed):
        raise ArchError(f"--reference says `{given}`, the claim compares with `{claimed}`", help="name one of them")
    return given if given is not None else claimed or ""


def _rate(text: str, option: str) -> float:
    from archdsl.errors import ArchError

    number = _number(text)
    if number is None or not 0 < number < 1:
        raise ArchError(f"{option} {text[:40]} is not a rate between 0 and 1", help=f"{option} 5% or {option} 0.05")
    return number


def _margin(text: str, found: Measurements) -> float:
    from archdsl.errors import ArchError

    number = _number(text)
    if number is None or number <= 0:
        raise ArchError(f"--same {text[:40]} is not a size above 0", help="--same 0.005, in the metric's unit")
    _check_unit("--same", text, found)
    return number


def _check_unit(option: str, text: str, found: Measurements) -> None:
    """Refuse a percentage where the metric is not a fraction, and a bare number where the metric has percent signs.

    Raises:
        ArchError: it names the option and how it is written.
    """
    from archdsl.errors import ArchError
    from archdsl.study.answer.measurements import LARGEST_FRACTION

    if not text.strip().endswith("%"):
        if found.percent and _number(text) is not None:
            raise ArchError(
                f"{option} {text} has no percent sign, and column `{found.columns.metric}` has",
                help=f"{option} {text.strip()}% is {text.strip()} points; {option} {100 * (_number(text) or 0):g}% is a "
                "fraction of 1 that is written in percent",
            )
        return
    largest = max((v for values in found.arms.values() for v in values.values()), key=abs)
    if abs(largest) > LARGEST_FRACTION:
        raise ArchError(
            f"{option} {text} means {_number(text):g}, and the metric has values such as {largest:g}",
            help=f"give it in the metric's unit: {option} {text.strip().rstrip('% ')}",
        )


def _number(text: str) -> float | None:
    from archdsl.report.numbers import of_percent
    from archdsl.words.data.cells import is_number

    bare = text.strip().removesuffix("%").rstrip()
    if not is_number(bare) or not abs(number := float(bare)) < float("inf"):
        return None
    return of_percent(bare) if bare != text.strip() else number
