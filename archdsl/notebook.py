"""Training and studies from Python and from notebooks: ``archdsl.train``, ``archdsl.ablate``, ``archdsl.report``.

Each does what the command of its name does, and prints nothing. Results are plain values: ``rows`` are dicts, and pandas is used
where it is installed, and only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import EnvError
from archdsl.extras import installed
from archdsl.report.html import html_parts, html_picture, html_table
from archdsl.report.table import Table
from archdsl.report.text import plain_text, records

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.errors import Source
    from archdsl.runs.run import Run
    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.plan.file import StudyFile
    from archdsl.study.report.report_tables import Rows
    from archdsl.study.results.results import Results


def train(
    spec: str | Path | Source | Spec, *, input: int | Sequence[int] | str | None = None, classes: int | str | None = None,
    data: str | None = None, set: Sequence[str] = (), runs: str | Path | None = None, data_root: str | Path | None = None,
    device: object = "auto", precision: str = "auto", again: bool = False, listen: Callable[[Any], object] = lambda event: None,
) -> Run:  # fmt: skip
    """Train a spec, or find its run: the same experiment is never trained twice.

    Args:
        spec: as for ``archdsl.load``, or what it gave; the arguments up to ``set`` are those of ``load``.
        runs: the folder of runs, ``runs`` by default; where ``spec`` is the folder of a run, its parent folder.
        data_root: searched for the data before the other data roots.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, or a ``torch.device``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``plain``.
        again: train again where a run is there.
        listen: called with every event (``archdsl.runs.events``), such as ``EpochDone``.

    Raises:
        ArchError: the spec or its data does not fit; a run that is there was trained under other conditions.
        EnvError: no such device, no data, no room on the disk.
        Interrupted: the run was interrupted; the same call resumes it.
    """
    from archdsl.accelerate.threads import yield_cores

    yield_cores()  # before torch is imported
    from archdsl.api import experiment_of, load
    from archdsl.emit.build import build
    from archdsl.runs.conditions import known_precision
    from archdsl.runs.identify import check_found
    from archdsl.runs.recorded import runs_beside
    from archdsl.study.execute.arguments import known_device
    from archdsl.train.fit import fit

    known = load(spec, input=input, classes=classes, data=data, set=set)
    experiment, given = experiment_of(known), str(spec) if isinstance(spec, str | Path) else spec.name
    out = Path(runs) if runs is not None else runs_beside(given)
    check_found(given, out, experiment, data_root)
    return fit(
        build(known.trace),
        experiment,
        listen=listen,
        out=out,
        data_root=data_root,
        device=known_device(device),
        speed=known_precision(str(precision)),
        again=again,
    )


def ablate(
    study: str | Path,
    *,
    runs: str | Path | None = None,
    data_root: str | Path | None = None,
    device: object = "auto",
    jobs: int | None = None,
    **options: Any,
) -> Report:
    """Carry out a study on this machine: train what is missing, and report.

    Args:
        study: a study file, the folder of a study, or a spec (with holes, or ``without``, ``add``).
        runs: the folder of runs, ``runs`` by default; where ``study`` is the folder of a study, the one that it is in.
        jobs: workers; by default one a core, or as many as fit on a GPU.
        options: as for ``report``.

    Raises:
        ArchError: no such study, options that contradict it, arms that cannot be trained.
        EnvError: no such device, no data, no room on the disk.
    """
    from archdsl.runs.conditions import ConditionOptions
    from archdsl.runs.run import check_writable
    from archdsl.study.execute.arguments import on_this_machine
    from archdsl.study.execute.execution import executions
    from archdsl.study.execute.stages import prepared
    from archdsl.study.plan.plan import away, check_there

    how = on_this_machine(device, data_root, jobs)
    chosen, runner = _chosen(study, runs, data_root, options)
    for stage in runner.stages:
        check_there(stage.arms, stage.missing)
    if runner.missing and away(runner.every, how.data_root):
        _, runner = prepared(chosen, runner.runs, how.data_root, fetch=True)
    for stage in runner.stages:
        stage.check(ConditionOptions(chosen.precision, how.device))
    check_writable(runner.runs)
    for execution in executions(chosen, runner, how):
        if execution.needed:
            execution.run()
        runner, sequential = execution.runner, execution.sequential
    return _reported(chosen, runner, sequential.stopped if sequential is not None else "")


def report(
    study: str | Path, *, runs: str | Path | None = None, data_root: str | Path | None = None, **options: Any
) -> Report:
    """What a study has found so far, without running anything.

    Args:
        study, runs, data_root: as for ``ablate``.
        options: as on the command line: ``metric`` (a name or several), ``seeds`` (a number, a list, or ``auto``), ``until``,
            ``max_seeds``, ``same``, ``alpha``, ``budget``, ``failures``, ``without``, ``add``, ``set``,
            ``where`` and ``baseline`` (a text or several), ``preset``, ``design``, ``data``, ``match``, ``precision``,
            ``time_limit``.

    Raises:
        ArchError: no such study, or options that contradict it.
    """
    return _reported(*_chosen(study, runs, data_root, options))


@dataclass(frozen=True, repr=False)
class TableView:
    """A table in a notebook. ``str`` is the table as text."""

    table: Table
    machine: Table

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each row, by the names of the columns; fractions, not per cent."""
        return records(self.machine)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column.id for column in self.machine.columns]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the table."""
        return self.table.notes

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``.

        Raises:
            EnvError: pandas is not installed.
        """
        if not installed("pandas"):
            raise EnvError(
                "a data frame needs pandas, which is not installed", help="pip install pandas, or take `rows`"
            )
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)

    def __len__(self) -> int:
        return len(self.table.rows)

    def __repr__(self) -> str:
        return plain_text(self.table)

    def _repr_html_(self) -> str:
        return html_table(self.table)


@dataclass(frozen=True, repr=False)
class Report(TableView):
    """A study: its table of arms, and the others. ``results`` has every value and comparison."""

    results: Results

    @property
    def runs(self) -> TableView:
        """A row for each run, with all its figures."""
        return _view(self.results, "runs")

    @property
    def effects(self) -> TableView:
        """A row for each main effect and interaction.

        Raises:
            ArchError: the design has none.
        """
        return _view(self.results, "effects")

    @property
    def curves(self) -> TableView:
        """A row for each epoch of each run."""
        return _view(self.results, "epochs")

    @property
    def claims(self) -> TableView:
        """A row for each claim of the study, with its answer.

        Raises:
            ArchError: the study has no claims.
        """
        return _view(self.results, "claims")

    @property
    def fits(self) -> TableView:
        """A row for each coefficient and prediction of the fits of the study.

        Raises:
            ArchError: the study has no fits.
        """
        return _view(self.results, "fits")

    @property
    def tuning(self) -> TableView:
        """A row for each setting that was tried for an arm, with its score and the tuning curve."""
        return _view(self.results, "tuning")

    def _repr_html_(self) -> str:
        compares = self.results.compares
        return html_parts((html_table(self.table, 0 if compares else None), *_pictures(self.results)))


def _pictures(results: Results) -> list[str]:
    """The differences from the reference, or the metric along an axis; nothing without matplotlib."""
    if not installed("matplotlib"):
        return []
    from archdsl.study.report import figures
    from archdsl.study.report.sections.answers import forests

    drawn = [("differences from the reference", svg) for svg in forests(results)]
    drawn += [("the metric along an axis", svg) for svg in [figures.axis(results)] if svg is not None]
    return [html_picture(svg, title) for title, svg in drawn]


def _view(results: Results, rows: Rows) -> TableView:
    from archdsl.study.report.report_tables import table_of

    return TableView(table_of(results, rows), table_of(results, rows, people=False))


def _reported(chosen: StudyFile, runner: StudyRunner, stopped: str = "") -> Report:
    from archdsl.runs.conditions import ConditionOptions
    from archdsl.study.execute.execution import results_of
    from archdsl.study.report.report_tables import table_of

    found = results_of(chosen, runner, ConditionOptions(chosen.precision).of_options, stopped=stopped)
    return Report(table_of(found, "arms"), table_of(found, "arms", people=False), found)


def _chosen(
    study: str | Path, runs: str | Path | None, root: str | Path | None, options: dict[str, Any]
) -> tuple[StudyFile, StudyRunner]:
    from archdsl.study.execute.among import runs_of
    from archdsl.study.execute.arguments import selection
    from archdsl.study.execute.select import select
    from archdsl.study.execute.stages import prepared

    chosen = select(str(study), selection(options))
    place = runs_of(str(study), None if runs is None else Path(runs))
    place = place.absolute()  # tables may be asked for after the working directory has changed
    return prepared(chosen, place, None if root is None else Path(root))
