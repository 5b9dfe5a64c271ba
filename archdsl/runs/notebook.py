"""A run in a notebook: its learning curves and its figures."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from archdsl.extras import installed
from archdsl.report import Column, Table
from archdsl.report.chart import Curve
from archdsl.report.figures import curves
from archdsl.report.html import html_parts, html_picture, html_table
from archdsl.runs.index import epochs
from archdsl.runs.store.log import read_events

if TYPE_CHECKING:
    from archdsl.runs.run import Run

SHOWN = ("test_accuracy", "test_loss", "best_valid_accuracy", "train_accuracy", "train_loss", "epochs", "seconds")
PANELS = {"loss": ("loss", "valid_loss"), "accuracy": ("accuracy", "valid_accuracy")}


def html(run: Run) -> str:
    """Curves of loss and accuracy (where matplotlib is installed), above the figures of the result."""
    result = run.result or {}
    columns = [
        Column(
            name.replace("_", " "),
            "percent" if name.endswith("accuracy") else "int" if name == "epochs" else "float",
            key=name,
            digits=None if name == "epochs" else 2 if name.endswith("accuracy") else 4,
        )
        for name in SHOWN
    ]
    row = (str(result.get("status") or "not finished"), *(result.get(name) for name in SHOWN))
    table = Table((Column("status"), *columns), (row,), run.folder.name)
    return html_parts((*_curves(run), html_table(table)))


def _curves(run: Run) -> list[str]:
    records = epochs(read_events(run.folder))
    if not records or not installed("matplotlib"):
        return []
    found = []
    for title, names in PANELS.items():
        lines = []
        for number, name in enumerate(names):
            points = [(float(r["epoch"]), float(r[name])) for r in records if r.get(name) is not None]
            if points:
                xs, ys = zip(*points, strict=True)
                lines.append(Curve(("train", "valid")[number], tuple(xs), tuple(ys), number, bool(number)))
        if lines:
            picture = BytesIO()
            curves(picture, lines, "epoch", title, kind="svg", percent=title == "accuracy")
            found.append(html_picture(picture.getvalue().decode(), f"{title} by epoch"))
    return found
