"""Which runs may be trained as one net with other seeds. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from archdsl.train.experiment import TrainSettings
from archdsl.words.data.changes import Augmentation
from archdsl.words.train.values import Lamb, Muon, Plateau

# Settings that act on each number by itself, or on the steps of all runs alike. Every other one may tie copies of a net
# together (a norm over all gradients) or end each at a time of its own.
FREE = frozenset(
    ["optimizer", "wd", "l2", "l1", "schedule", "warmup", "epochs", "steps", "batch", "evalbatch", "smooth", "bce",
     "seed"]
)  # fmt: skip
_PLAIN = TrainSettings()


def tie(settings: TrainSettings, augment: Iterable[Augmentation] = ()) -> str:
    """Why runs with these settings are trained one by one; empty where seeds can be trained together."""
    names = [f.name for f in fields(settings) if f.name not in FREE
             and getattr(settings, f.name) != getattr(_PLAIN, f.name)]  # fmt: skip
    # Steps as long as the weight itself, or made orthogonal; a rate that follows the losses of one run.
    names += [type(settings.optimizer).__name__.lower()] if isinstance(settings.optimizer, Muon | Lamb) else []
    names += ["plateau"] if isinstance(settings.schedule, Plateau) else []
    # What alternates from epoch to epoch depends on more than the step.
    names += [f"{word.name}(alternate)" for word in augment if getattr(word, "alternate", False)]
    return f"`{names[0]}` is of each run by itself" if names else ""
