"""All that the training loop needs, gathered by ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from archdsl.data.batches import Feed, shuffled, steps_per_epoch
from archdsl.data.normalise import Normalise
from archdsl.seeds import stream
from archdsl.settings.experiment import TrainSettings
from archdsl.train.distributed import Distributed
from archdsl.train.freezing import Frozen
from archdsl.train.optim import precise_bn
from archdsl.words.data.base import Augmentation
from archdsl.words.tasks import CLASSIFICATION, Task


@dataclass(frozen=True, eq=False)
class Job:
    """``model`` holds the weights; ``net`` is what runs, on the same weights: the model itself, or a faster
    or wrapped form of it. ``every`` is the least time between two Progress events, in seconds; None for no
    such event. ``stop`` is asked before each step; ``limit`` ends this call after so many seconds of training.
    ``native``: batches are made by our own kernel where it knows the words. ``graph``: whole steps run on buffers that
    stay, on a GPU as one captured CUDA graph.
    ``frozen`` holds what is not trained, ``scales`` are factors of the learning rate by the path of a layer. ``task`` says
    how outputs are compared with targets.
    """

    model: nn.Module
    train: Feed
    valid: Feed | None
    test: Feed
    normalise: Normalise
    augment: tuple[Augmentation, ...]
    settings: TrainSettings
    every: float | None = None
    stop: Callable[[], bool] = lambda: False
    limit: float | None = None
    channels_last: bool = False
    native: bool = False
    graph: bool = False
    net: nn.Module | None = None
    distributed: Distributed = Distributed()
    context: Callable[[], AbstractContextManager[object]] = nullcontext
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    frozen: Frozen = field(default_factory=Frozen)
    scales: Mapping[str, float] = field(default_factory=dict)
    task: Task = CLASSIFICATION

    @property
    def closure(self) -> bool:
        """Whether the optimiser asks for gradients at other weights within a step, as SAM does."""
        return bool(getattr(self.settings.optimizer, "closure", False))

    @property
    def group(self) -> int:
        """Images of one step: a batch, or as many batches as a step accumulates."""
        return self.settings.batch * self.settings.accumulate

    @property
    def per_epoch(self) -> int:
        """Steps of a whole epoch."""
        return steps_per_epoch(len(self.train), self.group)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        whole = self.per_epoch * self.settings.epochs
        return whole if self.settings.steps is None else min(whole, self.settings.steps)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; the last one may be cut short by a limit on the steps."""
        return -(-self.steps // self.per_epoch)


class Group(NamedTuple):
    """The images of one step. ``step`` counts those before it, ``total`` its images in all processes; ``parts`` are this
    process's indices (int64) of each batch, ``starts`` the place of each part's first image in the step.
    """

    step: int
    total: int
    parts: list[Tensor]
    starts: list[int]

    @property
    def images(self) -> int:
        """How many of them this process takes."""
        return sum(len(part) for part in self.parts)


def steps_left(job: Job, epoch: int, step: int) -> list[Group]:
    """The steps that are left of an epoch, counted from 1, after ``step`` steps of the run."""
    done = step - (epoch - 1) * job.per_epoch
    order = shuffled(len(job.train), job.group, stream(job.settings.seed, "order", epoch))
    groups = []
    for number, index in enumerate(order[done : done + job.steps - step], step):
        parts, starts, place = [], [], 0
        for batch in index.split(job.settings.batch) if job.settings.accumulate > 1 else (index,):
            low, high = job.distributed.part(len(batch))
            parts.append(batch[low:high])
            starts.append(place + low)
            place += len(batch)
        groups.append(Group(number, len(index), parts, starts))
    return groups


def exact_statistics(job: Job, images: int, epoch: int) -> None:
    """Give batch norm the mean over so many training images (0: all of them), not augmented."""
    order = shuffled(len(job.train), job.settings.batch, stream(job.settings.seed, "order", "precise"), images)
    batches = (job.normalise(x) for x, _ in job.train.batches(order, job.normalise.scale.device))
    precise_bn(job.model, batches, lambda: job.frozen.hold(epoch))
