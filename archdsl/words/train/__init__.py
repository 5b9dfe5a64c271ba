"""Train words: the optimiser, its schedule, how long, how much at once, and the seed."""

from __future__ import annotations

from archdsl.words.train import optimizers, run, schedules

__all__ = ["optimizers", "run", "schedules"]
