"""How good a trained net is, how well it knows it, and what it says of a picture."""

from __future__ import annotations

from archdsl.evaluate.evaluate import evaluate, predict_batches
from archdsl.evaluate.load import Part, Trained, part_of, restore, trained
from archdsl.evaluate.mc import Prediction, alive, predict
from archdsl.evaluate.metrics import BINS, ClassScore, Report, Tally
from archdsl.evaluate.shifts import KINDS, Shift, parse_shifts, shifted

__all__ = [
    "BINS",
    "KINDS",
    "ClassScore",
    "Part",
    "Prediction",
    "Report",
    "Shift",
    "Tally",
    "Trained",
    "alive",
    "evaluate",
    "parse_shifts",
    "part_of",
    "predict",
    "predict_batches",
    "restore",
    "shifted",
    "trained",
]
