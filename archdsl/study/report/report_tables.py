"""The tables of a report: of arms, of runs, of effects, of the epochs of each run, of claims, of fits, of tuning runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archdsl.report import Table
from archdsl.study.report import claim_table, curve_table, effect_table, fit_table, tables, tuning_table
from archdsl.study.results.results import Results

Rows = Literal["arms", "runs", "effects", "epochs", "claims", "fits", "tuning"]  # what a row of a report is of


def table_of(results: Results, rows: Rows, people: bool = True, columns: Sequence[str] = ()) -> Table:
    """The table of arms, of runs, of effects, of the epochs of each run, of claims, of fits, or of tuning runs.

    Args:
        people: counts and levels are words; else those that are numbers are numbers.

    Raises:
        ArchError: the design has no effects, or the study no claims, fits or tuning.
    """
    match rows:
        case "runs":
            return tables.each(results, people)
        case "effects":
            return effect_table.table(results)
        case "epochs":
            return curve_table.table(results, people)
        case "claims":
            return claim_table.table(results, people)
        case "fits":
            return fit_table.table(results)
        case "tuning":
            return tuning_table.every(results, people)
        case "arms":
            return tables.table(results, people, columns)
