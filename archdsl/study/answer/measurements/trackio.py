"""Trackio: its database (one a project), and the Parquet files that it makes of one.

The settings of a run are ``config.x``; a metric is the last value that the run logged. Trackio keeps no state of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.databases import opened
from archdsl.study.answer.measurements.parquets import parquet
from archdsl.study.answer.measurements.sheet import Sheet, Tool, flat, listed, of_records

TRACKIO = Tool("Trackio", label="run_name", run="run_id")
_OWN = frozenset({"id", "run_id", "timestamp", "run_name", "step", "log_id", "space_id", "created_at"})
Row = tuple[str, str, Any, Mapping[str, Any]]  # run, time, step, metrics


def folder(path: Path) -> Sheet | None:
    """Trackio's folder, if there is one project in it; None for another folder."""
    projects = [file for file in sorted(path.glob("*.db")) if file.with_suffix(".lock").exists()]
    if len(projects) > 1:
        raise ArchError(
            f"{path} holds {len(projects)} projects of Trackio: {listed([file.stem for file in projects])}",
            help=f"name one: {projects[0]}",
        )
    return database(projects[0]) if projects else None


def database(path: Path) -> Sheet | None:
    """Trackio's database; None for another one."""
    with opened(path) as db:
        if not db.has(metrics="run_name timestamp step metrics", configs="run_name config"):
            return None
        run_in = {
            table: "coalesce(run_id, run_name)" if "run_id" in db.tables[table] else "run_name"
            for table in ("metrics", "configs")
        }
        configs = {
            run: {"run_name": name, **_settings(json.loads(text))}
            for run, name, text in db.rows(f"select {run_in['configs']}, run_name, config from configs order by id")
        }
        rows: list[Row] = []
        for run, name, time, step, text in db.rows(
            f"select {run_in['metrics']}, run_name, timestamp, step, metrics from metrics order by id"
        ):
            configs.setdefault(run, {"run_name": name})
            rows.append((run, time, step, dict(flat(json.loads(text)))))
    return _sheet("the database of Trackio", configs, rows)


def table(sheet: Sheet, path: Path) -> Sheet | None:
    """The metrics that Trackio has written as Parquet, with the settings in the file beside it; None for another table."""
    names = sheet.names
    if not {"run_name", "timestamp", "step"} <= set(names):
        return None
    beside = (path.with_name(f"{path.stem}_configs.parquet"), path.parent / "aux" / "configs.parquet")
    file = next((file for file in beside if file.is_file()), None)
    if file is None:
        return None
    key = "run_id" if "run_id" in names else "run_name"
    stored = parquet(str(file))
    configs: dict[str, dict[str, Any]] = {}
    for row in stored.rows(stored.names):
        about = dict(zip(stored.names, row, strict=True))
        configs[str(about.get(key))] = {
            "run_name": about["run_name"],
            **_settings({k: v for k, v in about.items() if k not in _OWN}),
        }
    rows: list[Row] = []
    for row in sheet.rows(names):
        cells = dict(zip(names, row, strict=True))
        configs.setdefault(cells[key], {"run_name": cells["run_name"]})
        logged = {k: v for k, v in cells.items() if k not in _OWN and v is not None}
        rows.append((cells[key], cells["timestamp"], cells["step"], logged))
    return _sheet(f"Trackio's Parquet, with {file.name}", configs, rows)


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {f"config.{key}": value for key, value in flat(dict(config))}


def _sheet(what: str, configs: Mapping[str, dict[str, Any]], rows: Iterable[Row]) -> Sheet:
    runs = {run: {"run_id": run, **about} for run, about in configs.items()}
    known = list(rows)
    for run, _, _, metrics in known:
        runs[run] |= metrics
    note = "Trackio keeps no state of a run: a metric is the last value that the run logged, whether it finished or not"

    def steps(metric: str) -> Sheet:
        begin: dict[str, float] = {}
        records = []
        for run, time, step, metrics in known:
            now = datetime.fromisoformat(str(time)).timestamp()
            seconds = now - begin.setdefault(run, now)
            if metrics.get(metric) is not None:
                records.append({**runs[run], "step": step, "seconds": seconds, metric: metrics[metric]})
        there = {record["run_id"] for record in records}
        records += [{**about, "step": None, metric: None} for run, about in runs.items() if run not in there]
        return of_records(f"{what}, the steps of {metric}", records, TRACKIO)

    return of_records(f"{what}, {many(len(runs), 'run')}", list(runs.values()), TRACKIO, (note,), steps)
