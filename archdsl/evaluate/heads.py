"""The evaluation of a net with several heads: each by the scores of its own task, and the sum of their losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from archdsl.errors import InternalError
from archdsl.evaluate.mc import Prediction
from archdsl.evaluate.metrics import Report, Tally
from archdsl.evaluate.numbers import NumberReport, numbers, report_of
from archdsl.evaluate.shifts import BLOCK
from archdsl.words.tasks import HeadTask, Several

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.evaluate.load import Part, Trained


@dataclass(frozen=True, slots=True)
class HeadReport:
    """The scores of a head, and the weight of its loss."""

    head: HeadTask
    weight: float
    found: Report | NumberReport

    @property
    def loss(self) -> float:
        """The mean loss: the cross-entropy, or the squared error in standard deviations."""
        return self.found.nll if isinstance(self.found, Report) else self.found.loss


@dataclass(frozen=True, slots=True)
class HeadsReport:
    """The scores of all heads over ``rows`` examples."""

    rows: int
    heads: tuple[HeadReport, ...]

    @property
    def loss(self) -> float:
        """The sum of the losses, each times its weight."""
        return sum(h.weight * h.loss for h in self.heads)


def several(net: Trained) -> Several:
    """The task of a net with several heads."""
    if not isinstance(net.task, Several):
        raise InternalError(f"the task {net.task.name} has no heads")
    return net.task


def of_head(net: Trained, head: HeadTask) -> Trained:
    """The net as one that has this head alone, for the names and the units of its output."""
    return replace(net, task=head.task, class_names=head.classes)


def evaluate_heads(
    net: Trained, part: Part, batch: int = BLOCK, listen: Callable[[int], object] = lambda rows: None
) -> HeadsReport:
    """Score the net on a part of a data set.

    Args:
        listen: hears how many examples are done.

    Raises:
        EnvError: the device has not enough memory.
    """
    task, done = several(net), 0
    tallies = [Tally(len(h.classes), net.device) if h.task.counted else None for h in task.heads]
    kept: list[list[tuple[Tensor, Tensor]]] = [[] for _ in task.heads]
    for output, targets in numbers(net, part, batch):
        for number, (_, own, wanted) in enumerate(task.each(output, targets)):
            if (tally := tallies[number]) is not None:
                tally.add(Prediction(own.log_softmax(1)), wanted)
            else:
                kept[number].append((own, wanted))
        listen(done := done + len(targets))
    found = []
    for number, (head, tally) in enumerate(zip(task.heads, tallies, strict=True)):
        own = tally.read() if tally is not None else _of_numbers(of_head(net, head), kept[number])
        found.append(HeadReport(head, task.weight(number), own))
    return HeadsReport(done, tuple(found))


def _of_numbers(net: Trained, kept: list[tuple[Tensor, Tensor]]) -> NumberReport:
    outputs, targets = zip(*kept, strict=True)
    return report_of(net, torch.cat(outputs), torch.cat(targets))
