"""One seed's part of a training: an ordinary run has one, seeds that are trained as one net have several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from archdsl.data.augment import Target
from archdsl.seeds import seed_dropout
from archdsl.settings.schedule import factor
from archdsl.train.inputs import Inputs
from archdsl.train.job import Job
from archdsl.train.loss import loss
from archdsl.train.state import TrainState


class SeedReplica:
    """A seed's job, its images and draws (``inputs``), and all that changes while it trains (``state``)."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.inputs = Inputs(job)
        self.state = TrainState(job)

    def factor(self, step: int) -> float:
        """What the schedule multiplies the learning rates by in a step, counted from 0."""
        job, settings = self.job, self.job.settings
        scheduled = factor(settings.schedule, settings.warmup, step, job.steps, job.per_epoch)
        return scheduled * self.state.early_stopping.factor

    def loss(self, logits: Tensor, target: Target) -> Tensor:
        """The mean loss (0-dim) of the output of the net."""
        settings = self.job.settings
        return loss(logits, target, settings.smooth, settings.stated_loss, self.job.task)

    def seed_dropout(self, rank: int | None = None) -> None:
        """Seed torch's global generators, from which layers draw, for the present step; as of process ``rank``, this one by
        default.
        """
        job = self.job
        own = job.distributed.rank if rank is None else rank
        seed_dropout(job.settings.seed, self.state.step, own, job.normalise.scale.device)


def progress_listeners(net: nn.Module) -> list[Callable[[float], None]]:
    """Layers whose rate depends on the fraction of the training that is done, such as `drop(0.3, late)`."""
    methods: list[Any] = [getattr(m, "set_progress", None) for m in net.modules()]
    return [method for method in methods if callable(method)]
