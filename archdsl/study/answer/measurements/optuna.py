"""Optuna: its database, and what the states of a trial mean.

Columns are called as ``study.trials_dataframe()`` calls them: ``params_x``, ``user_attrs_y``, ``value`` (``values_0`` where there
are several), ``number``, ``state``; and ``study``, the name of the study.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from archdsl.study.answer.measurements.databases import Database, opened
from archdsl.study.answer.measurements.sheet import Sheet, Tool, of_records

OPTUNA = Tool(
    "Optuna", "state", {"complete": "finished", "running": "unfinished", "waiting": "unfinished"}, "number", "number"
)
JOURNAL = frozenset({"op_code", "worker_id"})
_TABLES = {
    "studies": "study_id study_name",
    "trials": "trial_id number study_id state",
    "trial_values": "trial_id objective value",
    "trial_params": "trial_id param_name param_value distribution_json",
}
_VALUES = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}


def database(path: Path) -> Sheet | None:
    """Optuna's database; None for another one."""
    with opened(path) as db:
        if not db.has(**_TABLES):
            return None
        trials, minimised = _trials(db), _minimised(db)

    def steps(metric: str) -> Sheet:
        with opened(path) as db:
            return of_records("the steps of Optuna's trials", list(_steps(db, trials, metric)), OPTUNA)

    found = of_records(f"the database of Optuna, {len(trials)} trials", list(trials.values()), OPTUNA, steps=steps)
    return replace(found, minimised=minimised)


def _trials(db: Database) -> dict[int, dict[str, Any]]:
    trials: dict[int, dict[str, Any]] = {}
    query = (
        "select trial_id, number, study_name, state, datetime_start, datetime_complete from trials "
        "join studies using (study_id) order by study_id, number"
    )
    for trial, number, study, state, start, end in db.rows(query):
        trials[trial] = {
            "number": number,
            "study": study,
            "state": state,
            "datetime_start": start,
            "datetime_complete": end,
        }
    several = any(row[0] for row in db.rows("select objective from trial_values where objective > 0 limit 1"))
    kind = "value_type" if "value_type" in db.tables["trial_values"] else "'FINITE'"
    for trial, objective, value, finite in db.rows(f"select trial_id, objective, value, {kind} from trial_values"):
        if trial in trials:
            trials[trial][f"values_{objective}" if several else "value"] = _VALUES.get(finite, value)
    for trial, name, value, distribution in db.rows(
        "select trial_id, param_name, param_value, distribution_json from trial_params"
    ):
        if trial in trials:
            trials[trial][f"params_{name}"] = _external(value, distribution)
    if db.has(trial_user_attributes="trial_id key value_json"):
        for trial, key, text in db.rows("select trial_id, key, value_json from trial_user_attributes"):
            if trial in trials:
                trials[trial][f"user_attrs_{key}"] = json.loads(text)
    return trials


def _minimised(db: Database) -> bool:
    """Whether a study minimises its value."""
    return db.has(study_directions="direction study_id") and any(
        db.rows("select 1 from study_directions where direction = 'MINIMIZE'")
    )


def _external(value: float, distribution: str) -> Any:
    """A parameter as the trial saw it: a category for its place, a whole number for a float."""
    about = json.loads(distribution)
    if about["name"] == "CategoricalDistribution":
        return about["attributes"]["choices"][int(value)]
    return int(value) if about["name"].startswith("Int") else value


def _steps(db: Database, trials: dict[int, dict[str, Any]], metric: str) -> Iterator[dict[str, Any]]:
    if not db.has(trial_intermediate_values="trial_id step intermediate_value"):
        return
    query = "select trial_id, step, intermediate_value from trial_intermediate_values order by trial_id, step"
    points = [row for row in db.rows(query) if row[0] in trials]
    for trial in trials.keys() - {row[0] for row in points}:
        yield {**trials[trial], "step": None, metric: None}
    for trial, step, value in points:
        yield {**trials[trial], "step": step, metric: value}
