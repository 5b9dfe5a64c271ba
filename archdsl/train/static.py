"""The training step on buffers that stay where they are, driven by numbers on the device.

What changes from step to step is written to the device once an epoch: the images of each step, its learning rates and
what its decay multiplies by, how images are mixed, which are mirrored. The step reads its own row of these and counts
itself on, so that one captured graph serves for every step of a run, whatever its schedule. Rates of dropout are on the
device in the layers (``level``). Random generators are seeded before each step, as in an eager run.

On a GPU ``begin`` captures ``body``; elsewhere ``body`` simply runs, and the tests compare it with the eager step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from archdsl.accelerate.graph import capture
from archdsl.data.augment.mixing import Mixture, mixture
from archdsl.data.batches import Resident
from archdsl.device import wide
from archdsl.errors import InternalError
from archdsl.train.inputs import Batch
from archdsl.train.job import Group
from archdsl.train.optim import Update
from archdsl.train.replica import SeedReplica
from archdsl.train.step import train_step

MIXED = len(Mixture().numbers)
BEGIN = {"mu_product": 1.0}  # what optimisers begin with that do not begin with 0: NAdam's product


class Static:
    """The whole steps of a run in one process whose data is on the device; the others run eagerly.

    Args:
        update: keeps its rates on the device (``held``).
        begin_step: called before each step, outside of the capture; seeds the draws of the layers.
    """

    def __init__(self, net: nn.Module, update: Update, replica: SeedReplica, begin_step: Callable[[], object]) -> None:
        self._net, self._update, self._replica, self._begin_step = net, update, replica, begin_step
        self._job, job, inputs = replica.job, replica.job, replica.inputs
        self._device = device = job.normalise.scale.device
        if not isinstance(job.train, Resident):
            raise InternalError("a captured step needs data that is on the device")
        self._data = job.train
        self._words = [w.stream for w in job.augment if w not in inputs.mixing]
        self._rates = len(update.numbers(1.0))
        width = 1 + self._rates + (MIXED if inputs.mixing else 0)
        self._table = torch.zeros(job.per_epoch, width, dtype=wide(device), device=device)
        self._order = torch.zeros(job.per_epoch, job.group, dtype=torch.int64, device=device)
        self._mirrored = self._order.bool() if inputs.alternates else None
        self._at = torch.zeros(1, dtype=torch.int64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def takes(self, group: Group) -> bool:
        """Whether a step has the size of the buffers: the last one of an epoch may not."""
        return group.total == self._job.group and all(len(p) == self._job.settings.batch for p in group.parts)

    def begin(self, epoch: int, groups: list[Group]) -> None:
        """Write what the steps of an epoch need to the device; before the first one, capture the step.

        Raises:
            RuntimeError: it cannot be captured. The run is as it was before.
        """
        inputs = self._replica.inputs
        inputs.rng.release()
        own = [(group.step, torch.cat(group.parts)) for group in groups if self.takes(group)]
        if not own:
            return
        index = torch.stack([images for _, images in own])
        self._order[: len(own)].copy_(index)
        rows = torch.tensor([self._numbers(step) for step, _ in own], dtype=wide(self._device))
        self._table[: len(own)].copy_(rows)
        if self._mirrored is not None:
            self._mirrored[: len(own)].copy_(inputs.mirrored(epoch, index))
        self._at.zero_()
        if self._device.type == "cuda" and self._graph is None:
            self._capture()

    def _numbers(self, step: int) -> list[float]:
        """A row of the table: the step counted from 1, the update's numbers, and how images are mixed."""
        inputs, size = self._replica.inputs, self._job.settings.batch
        numbers = [step + 1.0, *self._update.numbers(self._replica.factor(step))]
        if inputs.mixing:
            shape = (size, *self._data.images.shape[1:])
            numbers += mixture(inputs.mixing, inputs.rng, step, shape).numbers
        return numbers

    def step(self) -> None:
        """The next step of the run, after ``begin_step``."""
        replica = self._replica
        self._seed()
        if self._graph is not None:
            self._graph.replay()
        else:
            self.body()
        replica.inputs.rng.release()
        self._update.factor = replica.factor(replica.state.step)

    def _seed(self) -> list[torch.Generator]:
        """Seed the generators of the augmentations for the present step."""
        return self._replica.inputs.rng.hold(self._words, self._replica.state.step)

    def body(self) -> None:
        """One step, from the images' numbers to the average of the weights; nothing is read on the host."""
        data, job, mixes = self._data, self._job, bool(self._replica.inputs.mixing)
        row, index = (values.index_select(0, self._at)[0] for values in (self._table, self._order))
        batch = Batch(
            data.images[index],
            data.labels[index],
            row[0].long(),
            0,
            job.group,
            0,
            job.settings.batch,
            self._mirrored.index_select(0, self._at)[0] if self._mirrored is not None else None,
            row[1 + self._rates :] if mixes else None,
        )
        self._update.hold(row[1 : 1 + self._rates])
        train_step(self._net, self._update, [self._replica], [[batch]])
        self._at += 1

    def _capture(self) -> None:
        """The step as a graph; the steps that warm it up leave no trace."""
        rng, tensors = self._replica.inputs.rng, self._tensors
        before = {name: value.clone() for name, value in tensors().items()}

        def ready() -> None:
            self._at.zero_()
            self._begin_step()
            self._seed()

        try:
            self._graph = capture(self.body, ready, self._seed())
        except RuntimeError:
            rng.forget()
            raise
        finally:
            rng.release()
            with torch.no_grad():
                for name, value in tensors().items():
                    # What the first step made of an optimiser's state goes back to what it begins with.
                    value.copy_(before[name]) if name in before else value.fill_(
                        BEGIN.get(name.rpartition(":")[2], 0.0)
                    )
            self._at.zero_()
            torch.cuda.synchronize()

    def _tensors(self) -> dict[str, torch.Tensor]:
        """All tensors that a step changes, by name."""
        return self._replica.state.checkpoint(self._update.state())[0]
