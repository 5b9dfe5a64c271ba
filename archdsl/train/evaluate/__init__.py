"""How good a trained net is, how well it knows it, and what it says of a picture."""

from __future__ import annotations

from archdsl.train.evaluate.judge import ask, judge
from archdsl.train.evaluate.load import Part, Trained, part_of, restore, trained
from archdsl.train.evaluate.mc import Prediction, alive, predict
from archdsl.train.evaluate.metrics import BINS, ClassScore, Report, Tally
from archdsl.train.evaluate.shifts import KINDS, Shift, parse_shifts, shifted

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
    "ask",
    "judge",
    "parse_shifts",
    "part_of",
    "predict",
    "restore",
    "shifted",
    "trained",
]
