"""Sums that stay on the device, and the evaluation of a net."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from archdsl.data.augment import Target
from archdsl.data.batches import Feed, in_order
from archdsl.data.normalise import Normalise
from archdsl.device import wide
from archdsl.train.distributed import Distributed
from archdsl.train.loss import loss as loss_of
from archdsl.words.tasks import CLASSIFICATION, IGNORED, Task

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools

EVALUATION_BATCH = 500  # big enough to keep a device busy, small enough for the memory of a step of training
NEVER = 2**62
ALONE = Distributed()


class Counts(Protocol):
    """What an evaluation counts besides loss and accuracy: ``archdsl.train.scores``, or that of several heads."""

    def reset(self) -> None: ...
    def add(self, logits: Tensor, labels: Tensor, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the items of a meter (images, or their places); the accuracy is None where items have no class.
    ``bad_step`` is the first step whose loss was not finite.
    """

    loss: float
    accuracy: float | None
    bad_step: int | None


class Meter:
    """Adds up loss and hits on the device; reading it is the one transfer."""

    def __init__(self, device: torch.device, task: Task = CLASSIFICATION) -> None:
        self.task = task
        self.loss = torch.zeros((), dtype=wide(device), device=device)
        self.hits = torch.zeros((), dtype=torch.int64, device=device)
        self.bad = torch.full((), NEVER, dtype=torch.int64, device=device)
        # Items that count, where they are not the images themselves.
        self.items = None if task.whole else torch.zeros((), dtype=torch.int64, device=device)
        self.seen = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, step: int) -> None:
        """Count a batch with its mean loss."""
        self.add_on_device(loss, logits, labels, step)
        self.seen += len(labels)

    def add_on_device(self, loss: Tensor, logits: Tensor, labels: Tensor, step: int | Tensor) -> None:
        """As ``add``, less the count that is kept on the host: what a captured step may do. The sums stay where they
        are.
        """
        weight: int | Tensor = len(labels)
        if self.items is not None:
            logits, labels = self.task.items(logits, labels)
            weight = (labels != IGNORED).sum()
            self.items += weight
        self.loss += loss.to(self.loss.dtype) * weight
        if self.task.counted:
            self.hits += (logits.argmax(1) == labels).sum()
        self.bad.copy_(torch.where(torch.isfinite(loss), self.bad, self.bad.clamp(max=step)))

    def reset(self) -> None:
        """Set the sums to 0, in place."""
        self.loss.zero_()
        self.hits.zero_()
        self.bad.fill_(NEVER)
        if self.items is not None:
            self.items.zero_()
        self.seen = 0

    def read(self, distributed: Distributed = ALONE) -> Figures:
        """The means so far, over all processes; waits for the device."""
        loss, counts, bad = (
            self.loss.clone(),
            torch.stack((self.hits, self.hits.new_tensor(self.seen) if self.items is None else self.items)),
            self.bad.clone(),
        )
        distributed.total(loss, counts)
        distributed.least(bad)
        hits, seen = counts.tolist()
        first = int(bad)
        accuracy = hits / max(seen, 1) if self.task.counted else None
        return Figures(float(loss) / max(seen, 1), accuracy, None if first == NEVER else first)

    def state(self, distributed: Distributed = ALONE) -> dict[str, Tensor]:
        """The sums over all processes, for a checkpoint; those of one process are its own tensors."""
        items = {"items": self.items} if self.items is not None else {}
        own = {"loss": self.loss, "hits": self.hits, "bad": self.bad, "seen": torch.tensor(self.seen), **items}
        if distributed.size == 1:
            return own
        sums = {name: value.to(self.loss.device, copy=True) for name, value in own.items()}
        distributed.total(*(value for name, value in sums.items() if name != "bad"))
        distributed.least(sums["bad"])
        return sums

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over the sums of ``state``."""
        self.loss.copy_(state["loss"])
        self.hits.copy_(state["hits"])
        self.bad.copy_(state["bad"])
        if self.items is not None:
            self.items.copy_(state["items"])
        self.seen = int(state["seen"])


class HitMeter(Meter):
    """A meter of an evaluation that also keeps which images were classified correctly, in their order."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._batches: list[Tensor] = []

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, step: int) -> None:
        """Count a batch with its mean loss."""
        super().add(loss, logits, labels, step)
        self._batches.append(logits.argmax(1) == labels)

    def correct(self, count: int, distributed: Distributed = ALONE) -> Bools:
        """Of ``count`` images in all processes, whether each was classified correctly; shape (count,)."""
        start, stop = distributed.part(count)
        found = torch.zeros(count, dtype=torch.uint8, device=self.hits.device)
        if self._batches:  # a process may have none
            found[start:stop] = torch.cat(self._batches)
        distributed.total(found)
        return found.bool().cpu().numpy()


@torch.no_grad()
def evaluate(
    net: nn.Module,
    data: Feed,
    normalise: Normalise,
    stop: Callable[[], bool] = lambda: False,
    *,
    size: int = EVALUATION_BATCH,
    distributed: Distributed = ALONE,
    context: Callable[[], AbstractContextManager[object]] = nullcontext,
    meter: Meter | None = None,
    scores: Counts | None = None,
    task: Task = CLASSIFICATION,
) -> tuple[float, float | None] | None:
    """Mean loss and accuracy in eval mode, without augmentation; None if asked to stop. Leaves the net's
    mode as is. Each process takes its own part of the images, so a pass of the net must be no call to the others. ``meter``, if
    given, is a new one that counts them; ``scores`` counts the same images.
    """
    mode = net.training
    net.eval()
    device = normalise.scale.device
    meter = Meter(device, task) if meter is None else meter
    if scores is not None:
        scores.reset()
    try:
        own = in_order(len(data), size, *distributed.part(len(data)))
        for images, labels in data.batches([part for part in own if len(part)], device):
            if stop() and distributed.size == 1:
                return None
            with context():
                logits = net(normalise(images)).float()
            meter.add(loss_of(logits, Target(labels), task=task), logits, labels, 0)
            if scores is not None:
                scores.add(logits, labels)
    finally:
        net.train(mode)
    figures = meter.read(distributed)
    return figures.loss, figures.accuracy
