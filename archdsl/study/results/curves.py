"""Learning curves of the runs of a study, from their logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from archdsl.study.results.results import Results
from archdsl.study.results.run_figures import epochs_of, logged


@dataclass(frozen=True, slots=True)
class Point:
    """After an epoch, numbered from 1; losses per image, accuracies in [0, 1]. What was not measured is None."""

    epoch: int
    step: int
    loss: float | None = None
    accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    train_eval_loss: float | None = None
    train_eval_accuracy: float | None = None


FIGURES = tuple(f.name for f in fields(Point))[2:]
Curves = Mapping[str, Mapping[int, tuple[Point, ...]]]


def read_curves(results: Results) -> Curves:
    """The points of every run that has a folder and an epoch behind it, by arm and seed."""
    found: dict[str, dict[int, tuple[Point, ...]]] = {}
    for arm in results.arms:
        for seed in sorted(arm.folders):
            points = tuple(map(_point, epochs_of(logged(arm.folders[seed]))))
            if points:
                found.setdefault(arm.name, {})[seed] = points
    return found


def _point(event: Mapping[str, Any]) -> Point:
    return Point(
        int(event["epoch"]), int(event["step"]), *(None if event.get(k) is None else float(event[k]) for k in FIGURES)
    )
