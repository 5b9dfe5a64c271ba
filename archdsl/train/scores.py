"""The metrics that a run computes at its end, from its predictions and from the weights that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from archdsl.data.batches import Feed, in_order
from archdsl.data.normalise import Normalise
from archdsl.device import wide
from archdsl.emit.layers.nested import Ode
from archdsl.expand.metrics import parts
from archdsl.registry import entries
from archdsl.registry.guard import fault
from archdsl.train.distributed import Distributed
from archdsl.train.optim import merged_state
from archdsl.words.metrics.base import OfWeights, Score
from archdsl.words.tasks import CLASSIFICATION, IGNORED, Task

ALONE = Distributed()


class Scores:
    """The sums of every score of one part of the images, on the device; reading them is the one transfer.

    Raises:
        WordFault: a metric does not work.
    """

    def __init__(self, part: str, device: torch.device, task: Task = CLASSIFICATION) -> None:
        found = (e for e in entries("metric") if issubclass(e.make, Score) and part in parts(e))  # type: ignore[arg-type]
        made: list[Score] = [entry.make(part=part) for entry in found]
        self.metrics = [metric for metric in made if task.name in metric.tasks]
        self.device, self.task = device, task
        # Before the first step: a metric that fails after the last one would cost the run.
        for metric in self.metrics:
            _tried(metric, task, wide(device))
        self.reset()

    def reset(self) -> None:
        """Begin again: an evaluation that was stopped is repeated as a whole."""
        self.sums: list[Tensor | None] = [None] * len(self.metrics)
        self.images = 0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: the net's output and the targets, see ``Task.items``. Items that are ignored do not count."""
        logits, labels = self.task.items(logits.to(wide(self.device)), labels)
        if not self.task.whole:
            known = labels != IGNORED
            logits, labels = logits[known], labels[known]
        self.add_items(logits.log_softmax(1) if self.task.counted else logits, labels)

    def add_items(self, log_probs: Tensor, labels: Tensor) -> None:
        """Count items: logarithms of the probabilities (M, classes) and labels (M,), or numbers (M, T) both."""
        for n, metric in enumerate(self.metrics):
            more = metric.sums(torch, log_probs, labels)
            before = self.sums[n]
            self.sums[n] = more if before is None else before + more
        self.images += len(labels)

    def read(self, distributed: Distributed = ALONE) -> dict[str, float]:
        """The figures by name, over the images of all processes; those that are not defined are left out."""
        images = torch.tensor(self.images, device=self.device)
        least = images.clone()
        distributed.least(least)
        if not least:  # no images, or a process without any
            return {}
        sums = [s for s in self.sums if s is not None]
        distributed.total(*sums, images)
        read = ((m, m.figure(s.tolist(), int(images))) for m, s in zip(self.metrics, sums, strict=True))
        return {m.name: float(value) * self.task.unit**m.units for m, value in read if value is not None}


def _tried(metric: Score, task: Task, dtype: torch.dtype) -> None:
    """Compute a figure of even predictions.

    Raises:
        WordFault: the sums are not sums: their number depends on that of the images.
    """
    shapes = []
    for images in (2, 3):
        predicted, wanted = torch.full((images, 2), 0.5, dtype=dtype).log(), torch.zeros(images, dtype=torch.int64)
        if not task.counted:
            predicted, wanted = torch.zeros((images, 1), dtype=dtype), torch.ones((images, 1), dtype=dtype)
        sums = metric.sums(torch, predicted, wanted)
        shapes.append(tuple(sums.shape))
        metric.figure(sums.tolist(), images)
    if shapes[0] != shapes[1]:
        raise fault(metric, "`sums` gives a number for each image", "it gives sums over them, as of `.sum()[None]`")


def weight_figures(model: nn.Module) -> dict[str, float]:
    """The figures of the weights of a model, by name.

    Raises:
        WordFault: a metric does not work.
    """
    state = merged_state(model)
    kept = [v.detach().cpu() for v in state.values() if v.ndim > 1 and v.is_floating_point()]
    metrics: Sequence[OfWeights] = [e.make() for e in entries("metric") if issubclass(e.make, OfWeights)]  # type: ignore[arg-type]
    return {m.name: float(m.measure(torch, kept)) for m in metrics}


class Evaluations:
    """Counts how often the networks of a model's ODEs are evaluated, while it is entered: ``mean`` is per forward pass of the
    model, over all its ODEs; None without an ODE or a pass.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self.odes = model, [m for m in model.modules() if isinstance(m, Ode)]
        self._calls = self._passes = 0

    def __enter__(self) -> Evaluations:
        bodies = [ode.f.register_forward_hook(self._evaluated) for ode in self.odes]
        self._hooks = [*bodies, self._model.register_forward_hook(self._passed)] if bodies else []
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    @property
    def mean(self) -> float | None:
        return self._calls / self._passes if self._passes else None

    def _evaluated(self, *_: object) -> None:
        self._calls += 1

    def _passed(self, *_: object) -> None:
        self._passes += 1


@torch.no_grad()
def evaluations(
    model: nn.Module, data: Feed, normalise: Normalise, size: int, context: Callable[[], AbstractContextManager[object]]
) -> dict[str, float]:
    """The figure `evaluations` of a model with ODEs: of a forward pass over the first ``size`` images. It is the model's own
    pass, since a compiled net calls no hooks.
    """
    mode = model.training
    with Evaluations(model) as count, context():
        if count.odes:
            images, _ = next(iter(data.batches(in_order(len(data), size)[:1], normalise.scale.device)))
            model.eval()(normalise(images))
            model.train(mode)
    return {"evaluations": count.mean} if count.mean is not None else {}
