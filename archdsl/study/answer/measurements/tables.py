"""Tables that a tool has exported as csv or Parquet: recognised by their columns."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

from archdsl.errors import ArchError
from archdsl.study.answer.measurements.mlflow import MLFLOW
from archdsl.study.answer.measurements.optuna import JOURNAL, OPTUNA
from archdsl.study.answer.measurements.sheet import Sheet, Tool, flat, of_records
from archdsl.study.answer.measurements.wandb import WANDB
from archdsl.study.results.run_figures import UNTRAINED

ARCHDSL = Tool(
    "archdsl",
    "status",
    {
        "finished": "finished",
        UNTRAINED: "finished",  # its figures count like any other
        "running": "unfinished",
        "missing": "unfinished",
        "interrupted": "unfinished",
        "foreign": "unfinished",
        "damaged": "unfinished",  # it counts as missing
    },
)
NESTED = 1_000_000  # characters of a cell that holds a mapping


def recognised(sheet: Sheet) -> Sheet:
    """The table with what its tool says of runs; as it is where no tool wrote it.

    Raises:
        ArchError: a journal of Optuna, which is not a table.
    """
    names = set(sheet.names)
    if names >= JOURNAL:
        raise ArchError(
            "this is a journal of Optuna, not a table", help="study.trials_dataframe().to_csv(...) writes the table"
        )
    if {"run_id", "experiment_id", "status"} <= names:
        return _of(sheet, replace(MLFLOW, label="tags.mlflow.runName"), "runs of MLflow")
    if {"number", "state"} <= names and any(name == "value" or name.startswith("values_") for name in names):
        return _of(sheet, OPTUNA, "trials of Optuna")
    if {"Name", "State"} <= names:
        return _of(sheet, replace(WANDB, state="State", label="Name", run="ID"), "runs of Weights & Biases")
    if {"arm", "seed", "status", "run"} <= names:
        return _of(sheet, ARCHDSL, "runs of archdsl")
    if {"config", "summary"} <= names:
        return _nested(sheet)
    if {name.partition(".")[0] for name in names} >= {"config", "summary"}:
        return _of(sheet, WANDB, "runs of Weights & Biases")
    return sheet


def _of(sheet: Sheet, tool: Tool, what: str) -> Sheet:
    return replace(sheet, what=f"{what} ({sheet.what})", tool=tool)


def _nested(sheet: Sheet) -> Sheet:
    """The table that the documentation of Weights & Biases makes from its API: config and summary are mappings."""
    records = []
    for number, row in enumerate(sheet.rows(sheet.names), 1):
        record: dict[str, Any] = {}
        for name, cell in zip(sheet.names, row, strict=True):
            record |= flat(_mapping(cell, number, name), name) if name in ("config", "summary") else [(name, cell)]
        records.append(record)
    return of_records(f"runs of Weights & Biases ({sheet.what}, config and summary as mappings)", records, WANDB)


def _mapping(cell: Any, row: int, column: str) -> Any:
    """The mapping that a cell holds as JSON, or as Python writes it; nothing in it is evaluated."""
    if isinstance(cell, dict):
        return cell
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(str(cell)[:NESTED])
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, dict):
            return value
    raise ArchError(
        f"row {row}, column `{column}`: not a mapping, in a table of Weights & Biases",
        help="write `run.config` and `run.summary._json_dict` as JSON, or a column for each value",
    )
