"""A run between two steps: all that the next step depends on, to a checkpoint and back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from archdsl.errors import InternalError
from archdsl.runs.events import EpochDone, Finished
from archdsl.train.early_stopping import EarlyStopping, Snapshot
from archdsl.train.job import Job
from archdsl.train.metrics import Figures, Meter
from archdsl.train.optim import Average, Slow
from archdsl.train.scores import weight_figures

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools

UpdateState = tuple[dict[str, Tensor], dict[str, Any]]  # tensors and plain values, as ``Update.state`` gives them


class Spent(NamedTuple):
    """What the steps of an epoch took so far, and the norms of its last gradients by name, where they are recorded; kept by a
    run that is stopped within the epoch or in its evaluation.
    """

    seconds: float = 0.0
    images: int = 0
    norms: Mapping[str, float] = MappingProxyType({})


class TrainState:
    """Weights, averages, sums and counters of one seed.

    ``good`` are the last weights known to be finite, ``best`` those of the best epoch, where a run waits for a better one.
    ``images`` and ``seconds`` count the parts of epochs up to the last look at the clock. ``correct`` says of each test image
    whether the weights that are kept classify it correctly; None before the test.
    """

    def __init__(self, job: Job) -> None:
        settings, self.model = job.settings, job.model
        self.average = Average(job.model, settings.ema) if settings.ema is not None else None
        self.slow = Slow(job.model, settings.lookahead, job.steps) if settings.lookahead is not None else None
        self.early_stopping = EarlyStopping(settings)
        self.good = Snapshot(job.model)
        self.best = Snapshot(job.model) if settings.patience is not None else None
        self.meter = Meter(job.normalise.scale.device, job.task)
        self.step = self.images = 0
        self.seconds = 0.0
        self.last: EpochDone | None = None
        self.spent: Spent | None = None  # of an epoch that has begun
        self.correct: Bools | None = None

    # -- the ends of steps, epochs and runs ---------------------------------------------------------------

    def finish_step(self, images: int) -> None:
        """Count a step on the host, with the images that this process has seen in it; look ahead where it is time."""
        self.step += 1
        self.meter.seen += images
        if self.slow is not None:
            self.slow.update(self.step)

    def finish_epoch(
        self,
        epoch: int,
        figures: Figures,
        valid: tuple[float | None, float | None],
        rate: float,
        seconds: float,
        images: int,
        more: Mapping[str, float] | None = None,
    ) -> EpochDone:
        """Take note of an epoch; ``valid`` are its validation loss and accuracy, ``images`` those seen in ``seconds``, ``more``
        other figures of its weights by name.
        """
        speed = images / max(seconds, 1e-9)
        self.last = EpochDone(
            epoch, self.step, figures.loss, figures.accuracy, *valid, rate, seconds, speed, more or {}
        )
        if self.early_stopping.follow(self.last) and self.best is not None:
            with self.averaged():
                self.best.take(epoch)
        self.meter.reset()
        self.spent = None
        return self.last

    def finished(
        self, valid: tuple[float | None, float | None], tested: tuple[float, float | None], scores: Mapping[str, float]
    ) -> Finished:
        """The end of a run; ``valid`` and ``tested`` are loss and accuracy of the weights that it keeps, ``scores`` its other
        figures on images.
        """
        last, stopping = self.last, self.early_stopping
        if last is None:
            raise InternalError("a run ends without an epoch")
        known = stopping.best_epoch > 0
        return Finished(
            self.step,
            last.loss,
            last.accuracy,
            valid[1],
            stopping.best_accuracy if known and stopping.best_accuracy >= 0 else None,
            stopping.best_epoch if known else None,
            *tested,
            self.seconds,
            self.images / max(self.seconds, 1e-9),
            last.epoch,
            stopping.why,
            valid[0],
            {**scores, **weight_figures(self.model)},
        )

    # -- weights ------------------------------------------------------------------------------------------

    def averaged(self) -> AbstractContextManager[None]:
        """The model with the averaged weights, for the length of a block; with its own where none are kept."""
        kept = self.average or self.slow
        return kept.swapped() if kept is not None else nullcontext()

    def keep_weights(self) -> None:
        """Give the model the weights that the run keeps: those of the best epoch, or the averaged ones."""
        if self.best is not None and self.early_stopping.best_epoch:
            self.best.restore()
        elif self.average is not None or self.slow is not None:
            with self.averaged():
                kept = Snapshot(self.model)
            kept.restore()
        self.average = self.slow = None

    def restore_good(self) -> int:
        """Give the model the last weights known to be finite; gives their epoch."""
        self.average = self.slow = None
        return self.good.restore()

    # -- to a checkpoint and back -------------------------------------------------------------------------

    def checkpoint(self, update: UpdateState) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors by name, and plain values."""
        tensors, plain = update
        parts: dict[str, dict[str, Tensor]] = {"model": self.model.state_dict(), "update": tensors}
        parts["meter"] = self.meter.state()
        if self.meter.seen or self.good.epoch == 0:  # else they are the model's own
            parts["good"] = self.good.copy
        if self.best is not None:
            parts["best"] = self.best.copy
        if self.average is not None:
            parts["ema"] = self.average.state()
        if self.slow is not None:
            parts["slow"] = self.slow.state()
        about = {
            "step": self.step,
            "images": self.images,
            "seconds": self.seconds,
            "good": self.good.epoch,
            "best": self.best.epoch if self.best is not None else 0,
            "watch": self.early_stopping.state(),
            "update": plain,
            "last": {f: getattr(self.last, f) for f in self.last.__dataclass_fields__} if self.last else None,
            **({"spent": [*self.spent[:2], dict(self.spent.norms)]} if self.spent is not None else {}),
        }
        return {f"{part}/{name}": v for part, values in parts.items() for name, v in values.items()}, about

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> UpdateState:
        """Take over a checkpoint; gives the update's part of it."""
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value
        self.model.load_state_dict(parts["model"])
        self.meter.load(parts["meter"])
        self.step, self.images, self.seconds = about["step"], about["images"], about["seconds"]
        self.good.take(about["good"])
        for snapshot, part in ((self.good, "good"), (self.best, "best")):
            if snapshot is not None and part in parts:
                for name, value in parts[part].items():
                    snapshot.copy[name].copy_(value)
                snapshot.epoch = about[part]
        for part, kept in (("ema", self.average), ("slow", self.slow)):
            if kept is not None and part in parts:
                kept.load(parts[part])
        # Without its part the run was stopped in the last evaluation: the model has the averaged weights already.
        self.average, self.slow = (self.average if "ema" in parts else None), (self.slow if "slow" in parts else None)
        self.early_stopping.load(about["watch"])
        self.last = EpochDone(**about["last"]) if about["last"] else None
        self.spent = Spent(*about["spent"]) if about.get("spent") else None
        return parts.get("update", {}), about["update"]
