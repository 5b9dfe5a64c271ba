"""What cannot train together, refused before the first step in the words of the text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from archdsl.data.batches import Feed
from archdsl.data.normalise import Normalise
from archdsl.emit.causal import LOOKS_AHEAD, looks_ahead
from archdsl.emit.memory import check_memory, is_out_of_memory
from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.settings.checks import Steps
from archdsl.settings.experiment import DataSettings, Experiment
from archdsl.settings.network_checks import ONE_IMAGE, smallest_batch, wrong_classes, wrong_shape
from archdsl.settings.schedule import check as check_schedule
from archdsl.train.job import Job
from archdsl.words.tasks import task_of

__all__ = ["check_fit", "check_parts", "explained", "is_out_of_memory"]


def check_fit(model: nn.Module, normal: Normalise, test: Feed, data: DataSettings) -> None:
    """Refuse a net that does not take these images or does not give an output of their task, before the first step: a
    wrong label would end a GPU's process.
    """
    task, mode, device = task_of(data.dataset), model.training, normal.scale.device
    model.eval()
    images, _ = next(iter(test.batches([torch.arange(min(2, len(test)))], device)))
    with torch.no_grad():
        try:
            given = tuple(model(normal(images)).shape[1:])
        except (RuntimeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            message, help = wrong_shape(data.dataset.name, data.dataset.input)
            raise ArchError(f"{message}: {error}", help=help) from error
        if task.ahead and given == task.output(data.dataset.input, data.dataset.classes):
            ahead = looks_ahead(model, normal(images), data.dataset.classes)
        else:
            ahead = False
    model.train(mode)
    if ahead:
        raise ArchError(LOOKS_AHEAD[0], help=f"take layers that do not: {LOOKS_AHEAD[1]}")
    if given != task.output(data.dataset.input, data.dataset.classes):
        message, help = wrong_classes(given, data)
        raise ArchError(message, help=help)


def check_parts(job: Job) -> None:
    """Every process needs two images of every batch, and a schedule some steps."""
    check_schedule(job.settings.schedule, job.settings.warmup, job.steps, job.per_epoch)
    least = smallest_batch(job.settings, Steps(len(job.train), job.group))
    if job.distributed.size > 1 and least < 2 * job.distributed.size:
        raise ArchError(
            f"the smallest batch of an epoch has {many(least, 'image')}, too few for {job.distributed.size} processes",
            help=f"another batch size than batch({job.settings.batch}), or fewer processes",
        )


@contextmanager
def explained(experiment: Experiment) -> Iterator[None]:
    """Errors of torch that a setting of the text causes, said in the words of the text."""
    batch = experiment.train.batch
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        check_memory(error, "a step", f"less than batch({batch})")
        raise
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ArchError(ONE_IMAGE[0], help=ONE_IMAGE[1]) from error
