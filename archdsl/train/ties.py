"""Which runs may be trained as one net with other seeds. Knows no torch."""

from __future__ import annotations

from archdsl.train.experiment import TrainSettings
from archdsl.words.train.values import Lamb, Muon, Plateau

# Settings that act on each number, or on each run alike, so that copies of a net in one do not feel each other. All others
# tie copies together (a norm over all gradients), or end each at a time of its own.
FREE = (
    "optimizer", "l1", "l2", "wd", "epochs", "steps", "batch", "evalbatch", "schedule", "warmup", "smooth", "bce", "seed",
)  # fmt: skip


def tie(settings: TrainSettings) -> str:
    """Why runs with these settings are trained one by one; empty where seeds can be trained together."""
    names = [n for n in settings.shown() if n not in FREE and getattr(settings, n) != getattr(TrainSettings(), n)]
    names += [type(settings.optimizer).__name__.lower()] if isinstance(settings.optimizer, Muon | Lamb) else []
    names += ["plateau"] if isinstance(settings.schedule, Plateau) else []
    return f"`{names[0]}` is of each run by itself" if names else ""
