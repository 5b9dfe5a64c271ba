"""The learning curves of a study as a table: one row an epoch of each run."""

from __future__ import annotations

from archdsl.report import Cell, Column, Table
from archdsl.study.report.columns import level_column
from archdsl.study.report.tables import level
from archdsl.study.results.results import Results
from archdsl.study.results.run_figures import epochs_of, logged

FIGURES = {  # of a record of the log
    "loss": Column("train loss", "float", key="train_loss", digits=4),
    "accuracy": Column("train accuracy", "percent", key="train_accuracy", digits=2),
    "valid_loss": Column("valid loss", "float", key="valid_loss", digits=4),
    "valid_accuracy": Column("valid accuracy", "percent", key="valid_accuracy", digits=2),
    "test_loss": Column("test loss", "float", key="test_loss", digits=4),
    "test_accuracy": Column("test accuracy", "percent", key="test_accuracy", digits=2),
    "train_eval_loss": Column("train loss without augmentation", "float", key="train_eval_loss", digits=4),
    "train_eval_accuracy": Column(
        "train accuracy without augmentation", "percent", key="train_eval_accuracy", digits=2
    ),
    "grad_norm": Column("gradient norm", "float", key="grad_norm", digits=4),
    "lr": Column("lr"),
    "seconds": Column("seconds", "float", digits=2),
    "images_per_second": Column("images a second", "float", key="images_per_second", digits=0),
}


def table(results: Results, people: bool = True) -> Table:
    """Arm, levels of the factors, seed, epoch (from 1) and step with the figures after it; what was not measured is empty.

    Args:
        people: levels are texts; else those that are numbers are numbers.
    """
    names = [f.name for f in results.factors]
    columns = (
        Column("arm"),
        *map(level_column, results.factors),
        Column("seed", "int"),
        Column("epoch", "int"),
        Column("step", "int"),
        *FIGURES.values(),
    )
    rows: list[tuple[Cell, ...]] = []
    for arm in results.arms:
        levels = [level(arm.arm.choice.get(n, ""), people) for n in names]
        for seed in sorted(arm.folders):
            for event in epochs_of(logged(arm.folders[seed])):
                figures = (event.get(name) for name in FIGURES)
                rows.append((arm.name, *levels, seed, int(event["epoch"]), int(event["step"]), *figures))
    return Table(columns, tuple(rows), results.title)
