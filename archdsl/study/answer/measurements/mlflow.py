"""MLflow: the folder of its file store (``mlruns``), its database (``mlflow.db``), and what a run's states mean.

Columns are called as ``mlflow.search_runs()`` calls them: ``params.x``, ``metrics.y``, ``tags.z``, ``run_id``, ``status``; and
``experiment``, the name of the experiment. A metric is the value of the last step, as MLflow shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError
from archdsl.files import read_regular
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.databases import Database, opened
from archdsl.study.answer.measurements.sheet import Sheet, Tool, listed, of_records
from archdsl.study.answer.measurements.sheet import runs as runs_text

MLFLOW = Tool(
    "MLflow",
    "status",
    {"finished": "finished", "running": "unfinished", "scheduled": "unfinished"},
    "run_name",
    "run_id",
)
STATES = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")  # by the number in a file store
_VALUE = "case is_nan when 0 then value else 'nan' end"
_META = re.compile(r"^(\w+): *(.*)$", re.MULTILINE)
Point = tuple[float, float, float]  # step, time, value
History = Callable[[str, str], Iterable[Point]]  # from a run's id and a metric


def folder(path: Path) -> Sheet | None:
    """A file store, or the folder of one of its experiments; None for another folder."""
    experiments = [path] if _is_experiment(path) else sorted(inner for inner in path.iterdir() if _is_experiment(inner))
    if not experiments:
        return None
    folders: dict[str, Path] = {}
    runs: list[dict[str, Any]] = []
    deleted = []
    for experiment in experiments:
        name = _meta(experiment / "meta.yaml").get("name", experiment.name)
        for inner in sorted(experiment.iterdir()):
            if not (inner / "meta.yaml").is_file() or not (inner / "params").is_dir():
                continue
            meta = _meta(inner / "meta.yaml")
            if meta.get("lifecycle_stage") == "deleted":
                deleted.append(meta.get("run_name") or inner.name)
                continue
            folders[inner.name] = inner
            runs.append(_run(inner, meta, name))
    runs.sort(key=lambda run: str(run["start_time"]).zfill(20))

    def history(run: str, metric: str) -> Iterable[Point]:
        file = folders[run] / "metrics" / metric
        return _points(file) if file.is_file() else ()

    return _sheet(f"the file store of MLflow, {many(len(runs), 'run')}", runs, deleted, history)


def database(path: Path) -> Sheet | None:
    """MLflow's database; None for another one."""
    with opened(path) as db:
        if not db.has(
            runs="run_uuid status lifecycle_stage experiment_id",
            latest_metrics="key value run_uuid is_nan",
            params="key value run_uuid",
            experiments="experiment_id name",
            metrics="step value run_uuid",
        ):
            return None
        runs, deleted = _stored(db)

    def history(run: str, metric: str) -> Iterable[Point]:
        with opened(path) as db:
            query = f"select step, timestamp, {_VALUE} from metrics where run_uuid = ? and key = ?"
            return [(s, t, float(v)) for s, t, v in db.rows(query, run, metric)]

    return _sheet(f"the database of MLflow, {many(len(runs), 'run')}", runs, deleted, history)


def _stored(db: Database) -> tuple[list[dict[str, Any]], list[str]]:
    runs: dict[str, dict[str, Any]] = {}
    deleted = []
    query = (
        "select run_uuid, r.name, status, start_time, end_time, r.lifecycle_stage, e.name from runs r "
        "left join experiments e on e.experiment_id = r.experiment_id order by start_time, run_uuid"
    )
    for run, name, status, start, end, stage, experiment in db.rows(query):
        if stage == "deleted":
            deleted.append(name or run)
        else:
            runs[run] = {
                "run_id": run,
                "run_name": name,
                "experiment": experiment,
                "status": status,
                "start_time": start,
                "end_time": end,
            }
    for prefix, table, value in (
        ("params", "params", "value"),
        ("tags", "tags", "value"),
        ("metrics", "latest_metrics", _VALUE),
    ):
        for run, key, cell in db.rows(f"select run_uuid, key, {value} from {table}"):
            if run in runs:
                runs[run][f"{prefix}.{key}"] = cell
    return list(runs.values()), deleted


def _sheet(what: str, runs: list[dict[str, Any]], deleted: list[str], history: History) -> Sheet:
    are = "is" if len(deleted) == 1 else "are"
    notes = (
        (f"{runs_text(len(deleted))} that MLflow has as deleted {are} left out: {listed(deleted)}",) if deleted else ()
    )

    def steps(metric: str) -> Sheet:
        rows = list(_steps(runs, metric, history))
        return of_records(f"{what}, the steps of {metric}", rows, MLFLOW, notes)

    return of_records(what, runs, MLFLOW, notes, steps)


def _steps(runs: Iterable[Mapping[str, Any]], column: str, history: History) -> Iterator[dict[str, Any]]:
    for run in runs:
        start = float(run["start_time"] or 0)
        points = sorted(history(run["run_id"], column.removeprefix("metrics.")))
        if not points:
            yield {**run, "step": None, "seconds": None, column: None}
        for step, time, value in points:
            yield {**run, "step": step, "seconds": (time - start) / 1000, column: value}


def _is_experiment(path: Path) -> bool:
    return (
        (path / "meta.yaml").is_file()
        and "experiment_id" in _meta(path / "meta.yaml")
        and not (path / "params").is_dir()
    )


def _meta(path: Path) -> dict[str, str]:
    """The plain lines of a ``meta.yaml``; MLflow writes no others."""
    return {key: value.strip("'\" ") for key, value in _META.findall(read_regular(path).decode(errors="replace"))}


def _run(path: Path, meta: Mapping[str, str], experiment: str) -> dict[str, Any]:
    status = meta.get("status", "")
    number = int(status) if status.isdigit() else 0
    run: dict[str, Any] = {
        "run_id": path.name,
        "run_name": meta.get("run_name", ""),
        "experiment": experiment,
        "status": STATES[number] if 0 < number < len(STATES) else status,
        "start_time": meta.get("start_time"),
        "end_time": meta.get("end_time"),
    }
    for kind in ("params", "tags"):
        run |= {
            f"{kind}.{name}": read_regular(file).decode(errors="replace").strip() for name, file in _files(path / kind)
        }
    for name, file in _files(path / "metrics"):
        points = list(_points(file))
        if points:
            run[f"metrics.{name}"] = max(points)[2]
    return run


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if file.is_file():
            yield file.relative_to(path).as_posix(), file


def _points(path: Path) -> Iterator[Point]:
    for number, line in enumerate(read_regular(path).decode(errors="replace").splitlines(), 1):
        cells = line.split()
        try:
            yield float(cells[2]) if len(cells) > 2 else 0.0, float(cells[0]), float(cells[1])
        except (ValueError, IndexError) as error:
            raise ArchError(
                f"line {number} of {path} is not a time, a value and a step", help="repair the store"
            ) from error
