"""The step of the loop on buffers that stay where they are, driven by numbers on the device.

What changes from step to step is written to the device once an epoch: the images of each step, its learning rates and
what its decay multiplies by, how images are mixed, which are mirrored. The step reads its own row of these and counts
itself on, so that one captured graph serves for every step of a run, whatever its schedule. Rates of dropout lie on the
device in the layers (``level``). Chance comes from generators that are seeded before each step, as in the plain loop.

On a GPU ``begin`` captures ``body``; elsewhere ``body`` simply runs, and the tests hold it to the plain loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from archdsl.accelerate.graph import capture
from archdsl.data.augment import augment
from archdsl.data.augment.mixing import Mixture, mix_by, mixing, mixture
from archdsl.data.batches import Resident
from archdsl.device import wide
from archdsl.errors import InternalError
from archdsl.seeds import seed_dropout

if TYPE_CHECKING:
    from archdsl.train.loop import Group, Training

MIXED = len(Mixture().numbers)
BEGIN = {"mu_product": 1.0}  # what optimisers begin with that do not begin with 0: NAdam's product


class Static:
    """The whole steps of a run in one process whose data lies on the device; ``Training`` does the others itself."""

    def __init__(self, training: Training) -> None:
        self._run, job, device = training, training.job, training.device
        if not isinstance(job.train, Resident):
            raise InternalError("a captured step needs data that is on the device")
        self._data = job.train
        self._mixing = mixing(training.pipeline)
        self._words = [w.name for w in job.augment if w not in self._mixing]
        self._rates = len(training.update.numbers(1.0))
        width = 1 + self._rates + (MIXED if self._mixing else 0)
        self._table = torch.zeros(job.per_epoch, width, dtype=wide(device), device=device)
        self._order = torch.zeros(job.per_epoch, job.group, dtype=torch.int64, device=device)
        self._mirrored = self._order.bool() if training.alternation is not None else None
        self._at = torch.zeros(1, dtype=torch.int64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def takes(self, group: Group) -> bool:
        """Whether a step has the size of the buffers: the last one of an epoch may not."""
        total, parts, _ = group
        return total == self._run.job.group and all(len(p) == self._run.job.settings.batch for p in parts)

    def begin(self, epoch: int, groups: list[Group]) -> None:
        """Write what the steps of an epoch need to the device; before the first one, capture the step.

        Raises:
            RuntimeError: it cannot be captured. The run is as it was before.
        """
        run = self._run
        run.chances.release()
        own = [(run.step + i, torch.cat(group[1])) for i, group in enumerate(groups) if self.takes(group)]
        if not own:
            return
        index = torch.stack([images for _, images in own])
        self._order[: len(own)].copy_(index)
        self._table[: len(own)].copy_(torch.tensor([self._numbers(step) for step, _ in own], dtype=wide(run.device)))
        if self._mirrored is not None:
            self._mirrored[: len(own)].copy_(run.mirrored(epoch, index))
        self._at.zero_()
        if run.device.type == "cuda" and self._graph is None:
            self._capture()

    def _numbers(self, step: int) -> list[float]:
        """A row of the table: the step counted from 1, the update's numbers, and how images are mixed."""
        run, size = self._run, self._run.job.settings.batch
        found = [step + 1.0, *run.update.numbers(run.factor(step))]
        if self._mixing:
            shape = (size, *self._data.images.shape[1:])
            found += mixture(self._mixing, run.chances, step, shape).numbers
        return found

    def step(self) -> None:
        """The next step of the run."""
        run = self._run
        self._ready()
        if self._graph is not None:
            self._graph.replay()
        else:
            self.body()
        run.chances.release()
        run.update.factor = run.factor(run.step)
        run.meter.seen += run.job.group
        run.finish_step()

    def _ready(self) -> list[torch.Generator]:
        """All that a step draws comes from generators that are seeded here, for the step."""
        run, job = self._run, self._run.job
        for tell in run.phased:
            tell(run.step / job.steps)
        seed_dropout(job.settings.seed, run.step, job.world.rank, run.device)
        return run.chances.hold(self._words, run.step)

    def body(self) -> None:
        """One step, from the images' numbers to the average of the weights; nothing is read on the host."""
        run, job, data = self._run, self._run.job, self._data
        row, index = (values.index_select(0, self._at)[0] for values in (self._table, self._order))
        if self._mirrored is not None:
            run.chances.mirrored = self._mirrored.index_select(0, self._at)[0]
        run.update.hold(row[1 : 1 + self._rates])
        run.update.zero()
        labels = data.labels[index]
        images = job.normalise(augment(data.images[index], run.pipeline, run.chances, 0, job.group))
        if run.layer is not None:
            run.layer.total, run.layer.start = job.group, 0
            images = run.layer(images)
        size, share = job.settings.batch, job.settings.batch / job.group
        for some, theirs in zip(images.split(size), labels.split(size), strict=True):
            mixed, target = mix_by(some, theirs, self._mixing, row[1 + self._rates :])
            if job.channels_last and mixed.ndim == 4:
                mixed = mixed.contiguous(memory_format=torch.channels_last)
            with job.context():
                logits = run.net(mixed).float()
                value = run.loss(logits, target)
            torch.autograd.backward(value if share == 1 else value * share)
            run.meter.add_on_device(value.detach(), logits.detach(), theirs, row[0].long())
        run.update.apply()
        if run.average is not None:
            run.average.update()
        self._at += 1

    def _capture(self) -> None:
        """The step as a graph; the steps that warm it up leave no trace."""
        run = self._run
        before = {name: value.clone() for name, value in run.state()[0].items()}

        def ready() -> None:
            self._at.zero_()
            self._ready()

        try:
            self._graph = capture(self.body, ready, run.chances.hold(self._words, run.step))
        except RuntimeError:
            run.chances.forget()
            raise
        finally:
            run.chances.release()
            with torch.no_grad():
                for name, value in run.state()[0].items():
                    # What the first step made of an optimiser's state goes back to what it begins with.
                    value.copy_(before[name]) if name in before else value.fill_(
                        BEGIN.get(name.rpartition(":")[2], 0.0)
                    )
            self._at.zero_()
            torch.cuda.synchronize()
