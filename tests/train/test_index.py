"""A row of the list of runs says what the result of the run says."""

from __future__ import annotations

from pathlib import Path

from archdsl.runs.index import row
from tests.cli.folders import finished, made


def test_a_best_accuracy_of_nothing_is_a_figure(tmp_path: Path) -> None:
    """The epoch of the lowest validation loss is kept, and it need not be that of the highest accuracy."""
    result = finished(best_valid_accuracy=0.0, valid_accuracy=0.0, best_epoch=1)
    figures = row(made(tmp_path, "best of the loss", result=result)).figures
    assert figures["best_valid_accuracy"] == 0
    assert row(made(tmp_path, "cut")).figures["best_valid_accuracy"] == 0.6
