"""How good a trained net is, how well it knows it, and what it says of a picture."""

from __future__ import annotations

from archdsl.evaluate.evaluate import evaluate, predict_batches
from archdsl.evaluate.load import Part, Trained, part_of, restore, trained
from archdsl.evaluate.mc import Prediction, alive, predict
from archdsl.evaluate.metrics import BINS, ClassScore, Report, Tally
from archdsl.evaluate.shifts import kinds, parse_shifts, shifted
from archdsl.words.evaluation.base import Shift

__all__ = [
    "BINS",
    "ClassScore",
    "Part",
    "Prediction",
    "Report",
    "Shift",
    "Tally",
    "Trained",
    "alive",
    "evaluate",
    "kinds",
    "parse_shifts",
    "part_of",
    "predict",
    "predict_batches",
    "restore",
    "shifted",
    "trained",
]
