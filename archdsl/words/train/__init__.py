"""Train words: the optimiser, its schedule, penalties, tricks, how long, how much at once, and the seed."""

from __future__ import annotations

from archdsl.words.train import losses, optimizers, penalties, recipe, run, schedules, tuning

__all__ = ["losses", "optimizers", "penalties", "recipe", "run", "schedules", "tuning"]
