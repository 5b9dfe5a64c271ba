"""Train words: the optimiser, its schedule, penalties, tricks, how long, how much at once, and the seed."""

from __future__ import annotations

from archdsl.words.train import optimizers, penalties, recipe, run, schedules

__all__ = ["optimizers", "penalties", "recipe", "run", "schedules"]
