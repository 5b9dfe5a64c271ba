"""The figures of each of several heads, by the names ``test_HEAD_METRIC``."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.train.distributed import Distributed
from archdsl.train.loss import Plain, loss
from archdsl.train.metrics import ALONE, Meter
from archdsl.train.scores import Scores
from archdsl.words.tasks import Several, Task


class HeadScores:
    """The sums of one part of the images for each head, on the device: its loss, its accuracy where it has classes, and its
    scores.
    """

    def __init__(self, part: str, device: torch.device, task: Several) -> None:
        self.part, self.device, self.task = part, device, task
        self.scores = [Scores(part, device, head.task) for head in task.heads]
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.meters = [Meter(self.device, head.task) for head in self.task.heads]
        for scores in self.scores:
            scores.reset()

    def add(self, output: Tensor, targets: Tensor) -> None:
        """Count a batch: the output of the net (N, classes) and the targets (N, heads)."""
        for number, (head, own, wanted) in enumerate(self.task.each(output, targets)):
            self.meters[number].add(loss(own, Plain(wanted), task=head.task), own, wanted, 0)
            self.scores[number].add(own, wanted)

    def read(self, distributed: Distributed = ALONE) -> dict[str, float]:
        """The figures by name, over the images of all processes; those that are not defined are left out."""
        found: dict[str, float] = {}
        for head, meter, scores in zip(self.task.heads, self.meters, self.scores, strict=True):
            own = scores.read(distributed)
            if not own:  # no images, or a process without any
                continue
            figures = meter.read(distributed)
            own[f"{self.part}_loss"] = figures.loss
            if figures.accuracy is not None:
                own[f"{self.part}_accuracy"] = figures.accuracy
            found |= {name.replace(f"{self.part}_", f"{self.part}_{head.name}_", 1): v for name, v in own.items()}
        return found


def scores_of(part: str, device: torch.device, task: Task) -> Scores | HeadScores:
    """The sums of every score of a task."""
    return HeadScores(part, device, task) if isinstance(task, Several) else Scores(part, device, task)
