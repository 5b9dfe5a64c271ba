"""From gradients to new weights: penalties, clipping, decay, the optimiser's step, and averages of the weights."""

from __future__ import annotations

from archdsl.train.optim.average import Average, Slow, precise_bn
from archdsl.train.optim.spred import count, merged_state, reparametrise
from archdsl.train.optim.update import Update

__all__ = ["Average", "Slow", "Update", "count", "merged_state", "precise_bn", "reparametrise"]
