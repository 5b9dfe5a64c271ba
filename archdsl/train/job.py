"""All that the training loop needs, gathered by ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from torch import Tensor, nn

from archdsl.data.batches import Feed, shuffled, steps_per_epoch
from archdsl.data.normalise import Normalise
from archdsl.seeds import stream
from archdsl.settings.experiment import TrainSettings
from archdsl.train.distributed import World
from archdsl.train.freezing import Frozen
from archdsl.train.optim import precise_bn
from archdsl.words.data.base import Augmentation


@dataclass(frozen=True, eq=False)
class Job:
    """``model`` holds the weights; ``net`` is what runs, on the same weights: the model itself, or a faster
    or wrapped form of it. ``every`` is the least time between two Progress events, in seconds; None for no
    such event. ``stop`` is asked before each step; ``limit`` ends the run after so many seconds of training.
    ``native``: batches are made by our own kernel where it knows the words. ``graph``: whole steps run on buffers that
    stay, on a GPU as one captured CUDA graph.
    ``frozen`` holds what is not trained, ``scales`` are factors of the learning rate by the path of a layer.
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
    world: World = World()
    context: Callable[[], AbstractContextManager[object]] = nullcontext
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    frozen: Frozen = field(default_factory=Frozen)
    scales: Mapping[str, float] = field(default_factory=dict)

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


# A step: its images in all, this process's part of each of its batches, the place of each part's first image in it.
Group = tuple[int, list[Tensor], list[int]]


def steps_left(job: Job, epoch: int, step: int) -> list[Group]:
    """The steps that are left of an epoch, counted from 1, after ``step`` steps of the run."""
    done = step - (epoch - 1) * job.per_epoch
    order = shuffled(len(job.train), job.group, stream(job.settings.seed, "order", epoch))
    groups = []
    for index in order[done : done + job.steps - step]:
        parts, starts, place = [], [], 0
        for batch in index.split(job.settings.batch) if job.settings.accumulate > 1 else (index,):
            low, high = job.world.part(len(batch))
            parts.append(batch[low:high])
            starts.append(place + low)
            place += len(batch)
        groups.append((len(index), parts, starts))
    return groups


def exact_statistics(job: Job, images: int, epoch: int) -> None:
    """Give batch norm the plain mean over so many training images (0: all of them), not augmented."""
    count = len(job.train) if images == 0 else min(images, len(job.train))
    order = shuffled(len(job.train), job.settings.batch, stream(job.settings.seed, "order", "precise"))
    order = order[: -(-count // job.settings.batch)]
    batches = (job.normalise(x) for x, _ in job.train.batches(order, job.normalise.scale.device))
    precise_bn(job.model, batches, lambda: job.frozen.hold(epoch))
