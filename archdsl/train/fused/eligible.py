"""Which runs may be trained as one net with other seeds. Knows no torch.

What is not known to be sound is not done: a number whose field of the settings is not marked as common, and a word whose
class does not say so, keep the runs apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from archdsl.settings.experiment import COMMON, TrainSettings
from archdsl.words.data.base import Augmentation
from archdsl.words.tasks import CLASSIFICATION, Task


def why_not_fusable(settings: TrainSettings, augment: Iterable[Augmentation] = (), task: Task = CLASSIFICATION) -> str:
    """Why runs with these settings are trained one by one; empty where seeds can be trained together."""
    if not task.simple:
        return f"seeds are trained together for classification, and the task is {task.name}"
    words = tuple(settings.words())
    names = [word.word for _, word in words if word.fuses is not True]
    others = (f for f in fields(settings) if f.name not in {slot for slot, _ in words} and f.metadata != COMMON)
    names += [f.name for f in others if getattr(settings, f.name) != f.default]
    names += [word.name for word in augment if word.fusible is not True]
    # What alternates from epoch to epoch depends on more than the step.
    names += [f"{word.name}(alternate)" for word in augment if word.alternates]
    return f"`{names[0]}` does not say that it acts on each number and on each run alike" if names else ""
