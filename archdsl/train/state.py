"""A training between two steps as tensors and plain values, for a checkpoint, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from archdsl.runs.events import EpochDone

if TYPE_CHECKING:
    from archdsl.train.loop import Training


def of(run: Training) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that the next step depends on: tensors by name, and plain values."""
    tensors, plain = run.update.state()
    parts: dict[str, dict[str, Tensor]] = {"model": run.model.state_dict(), "update": tensors}
    parts["meter"] = run.meter.state()
    if run.meter.seen or run.good.epoch == 0:  # else they are the model's own
        parts["good"] = run.good.copy
    if run.best is not None:
        parts["best"] = run.best.copy
    if run.average is not None:
        parts["ema"] = run.average.state()
    if run.slow is not None:
        parts["slow"] = run.slow.state()
    about = {
        "step": run.step, "images": run.images, "seconds": run.seconds, "good": run.good.epoch,
        "best": run.best.epoch if run.best is not None else 0, "watch": run.watch.state(), "update": plain,
        "last": {f: getattr(run.last, f) for f in run.last.__dataclass_fields__} if run.last else None,
    }  # fmt: skip
    return {f"{part}/{name}": v for part, values in parts.items() for name, v in values.items()}, about


@torch.no_grad()
def restore(run: Training, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Go on from a state."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    run.model.load_state_dict(parts["model"])
    run.update.load(parts.get("update", {}), about["update"])
    run.meter.load(parts["meter"])
    run.step, run.images, run.seconds = about["step"], about["images"], about["seconds"]
    run.good.take(about["good"])
    for snapshot, part in ((run.good, "good"), (run.best, "best")):
        if snapshot is not None and part in parts:
            for name, value in parts[part].items():
                snapshot.copy[name].copy_(value)
            snapshot.epoch = about[part]
    for part, kept in (("ema", run.average), ("slow", run.slow)):
        if kept is not None and part in parts:
            kept.load(parts[part])
    # Without its part the run was stopped in the last evaluation: the model has the averaged weights already.
    run.average, run.slow = (run.average if "ema" in parts else None), (run.slow if "slow" in parts else None)
    run.watch.load(about["watch"])
    run.last = EpochDone(**about["last"]) if about["last"] else None
