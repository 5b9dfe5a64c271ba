"""Which runs may be trained as one net with other seeds. Knows no torch."""

from __future__ import annotations

from archdsl.train.experiment import TrainSettings
from archdsl.words.train.values import Muon

# Settings that tie copies of a net together (a norm over all gradients), or end each at a time of its own.
TIES = ("grouplasso", "spred", "clip", "ema", "precise_bn", "patience", "converged", "timelimit", "syncbn")


def tie(settings: TrainSettings) -> str:
    """Why runs with these settings are trained one by one; empty where seeds can be trained together."""
    plain = TrainSettings()
    names = [n for n in TIES if getattr(settings, n) != getattr(plain, n)]
    names += ["muon"] if isinstance(settings.optimizer, Muon) else []
    names += ["accumulate"] if settings.accumulate > 1 else []
    return f"`{names[0]}` is of each run by itself" if names else ""
