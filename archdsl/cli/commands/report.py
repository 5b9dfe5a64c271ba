"""``archdsl report``: what a study has found so far, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from archdsl.cli.options import HOLDS, REFUTED, UNDECIDED, Data, DataRoot, Set
from archdsl.cli.support.study_options import (
    Alpha,
    Baseline,
    Columns,
    Design,
    Detect,
    Failures,
    Html,
    In,
    Match,
    MaxSeeds,
    Metric,
    Out,
    Port,
    Preset,
    Same,
    Seeds,
    Study,
    StudyFormat,
    StudyRuns,
    Until,
    Watch,
    Where,
    With,
    Without,
)
from archdsl.runs.conditions import ConditionOptions

if TYPE_CHECKING:
    from archdsl.study.report.report_tables import Rows


def command(
    study: Study,
    preset: Preset = None,
    without: Without = None,
    into: With = None,
    out: Out = None,
    old_into: In = None,
    design: Design = None,
    seeds: Seeds = None,
    until: Until = None,
    max_seeds: MaxSeeds = None,
    same: Same = None,
    alpha: Alpha = None,
    failures: Failures = None,
    data: Data = None,
    set: Set = None,
    where: Where = None,
    match: Match = None,
    baseline: Baseline = None,
    metric: Metric = None,
    runs: StudyRuns = None,
    data_root: DataRoot = None,
    each: Annotated[
        bool, typer.Option("--each", help="A row for each run instead of each arm, with all its figures.")
    ] = False,
    effects: Annotated[
        bool, typer.Option("--effects", help="Main effects and interactions of the factors, with intervals.")
    ] = False,
    curves: Annotated[
        bool, typer.Option("--curves", help="A row for each epoch of each run: the learning curves as data.")
    ] = False,
    claims: Annotated[
        bool,
        typer.Option(
            "--claims",
            help="The claims of the study: the exit code is 0 if all hold, 3 if one is open, 6 if one does not hold.",
        ),
    ] = False,
    fits: Annotated[
        bool, typer.Option("--fits", help="The fits of the study: coefficients and predictions, with intervals.")
    ] = False,
    tuning: Annotated[
        bool,
        typer.Option(
            "--tuning", help="Every setting that was tried for each arm, with its score and the tuning curve."
        ),
    ] = False,
    detect: Detect = None,
    format: StudyFormat = "table",
    columns: Columns = None,
    html: Html = None,
    watch: Watch = False,
    port: Port = None,
) -> None:
    """Print the table of a study, done or half done, and write its HTML report."""
    given = locals()
    from archdsl.cli.output import say
    from archdsl.cli.support.study_report import check_html, report, selected
    from archdsl.cli.support.watch import check_watch, follow
    from archdsl.study.execute.among import runs_of
    from archdsl.study.execute.execution import results_of
    from archdsl.study.execute.stages import prepared
    from archdsl.study.plan.plan import away, gone

    check_html(html, study)
    rows = _rows(
        {
            "--each": each,
            "--effects": effects,
            "--curves": curves,
            "--claims": claims,
            "--fits": fits,
            "--tuning": tuning,
        },
        columns,
    )
    watch = check_watch(watch, port)
    chosen, runner = prepared(selected(given), runs_of(study, runs), data_root)
    for name in away(runner.every, data_root):
        say(f"note: the data set {name} is not on this machine; its description is read from its runs")
    for text in gone(runner.every):
        say(f"note: {text}")
    wanted = ConditionOptions(chosen.precision).of_options
    results = results_of(chosen, runner, wanted)
    report(
        results,
        chosen,
        runner.runs,
        format,
        html,
        False,
        detect,
        rows,
        columns,
    )
    if watch:
        follow(chosen, runner, wanted, port)
    if claims:
        answers = [claim.holds for claim in results.claims]
        raise typer.Exit(REFUTED if False in answers else UNDECIDED if None in answers else HOLDS)


def _rows(given: dict[str, bool], columns: str | None) -> Rows:
    """What the rows are of.

    Raises:
        ArchError: two tables are asked for, or columns of one that has its own.
    """
    from archdsl.errors import ArchError

    asked = [option for option, wanted in given.items() if wanted]
    if len(asked) > 1:
        raise ArchError(f"{' and '.join(asked)} are two tables", help="ask for one at a time")
    if asked and columns is not None:
        raise ArchError(f"--columns has no effect on {asked[0]}", help="leave it out: it is of the table of arms")
    names: dict[str, Rows] = {
        "--each": "runs",
        "--effects": "effects",
        "--curves": "epochs",
        "--claims": "claims",
        "--fits": "fits",
        "--tuning": "tuning",
    }
    return names[asked[0]] if asked else "arms"
