"""Which runs may be trained as one net with other seeds. Knows no torch.

What is not known to be sound is not done: a setting that is not named here, and a value whose class does not say
``fusible``, keep the runs apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass

from archdsl.settings.experiment import TrainSettings
from archdsl.words.data.base import Augmentation

# Settings that act on each number by itself, or on the steps of all runs alike, where the class of their value says so.
FREE = frozenset(
    ["optimizer", "wd", "l2", "l1", "schedule", "warmup", "epochs", "steps", "batch", "evalbatch", "smooth", "bce",
     "seed"]
)  # fmt: skip
_PLAIN = TrainSettings()


def tie(settings: TrainSettings, augment: Iterable[Augmentation] = ()) -> str:
    """Why runs with these settings are trained one by one; empty where seeds can be trained together."""
    names = [f.name for f in fields(settings) if f.name not in FREE
             and getattr(settings, f.name) != getattr(_PLAIN, f.name)]  # fmt: skip
    values = [getattr(settings, name) for name in sorted(FREE)]
    names += [type(v).__name__.lower() for v in values if is_dataclass(v) and getattr(v, "fusible", False) is not True]
    names += [word.name for word in augment if word.fusible is not True]
    # What alternates from epoch to epoch depends on more than the step.
    names += [f"{word.name}(alternate)" for word in augment if word.alternates]
    return f"`{names[0]}` does not allow that seeds are trained as one net" if names else ""
