"""From a model and an experiment to a trained model in a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from archdsl.errors import ArchError, EnvError
from archdsl.train.datasets import Splits, load, split
from archdsl.train.device import choose_device, measured, normalise, resident
from archdsl.train.events import Diverged, EpochDone, Event, Finished, Started, Stopped
from archdsl.train.experiment import DataSettings, Experiment
from archdsl.train.init import initialise
from archdsl.train.loop import Job, steps_per_epoch, train
from archdsl.train.runs import Run, RunFolder, check_writable, load_run
from archdsl.train.signals import Interrupted, StopOnSignal
from archdsl.words.data.folders import Folder

SAVE_EVERY = 30.0  # seconds of training that a killed process may lose, at whole epochs
Listener = Callable[[Event], object]


def fit(
    model: nn.Module,
    experiment: Experiment,
    *,
    out: str | Path = "runs",
    data_root: str | Path | None = None,
    device: str = "auto",
    fresh: bool = True,
    every: float | None = None,
    channels_last: bool = False,
    listen: Listener = lambda event: None,
) -> Run:
    """Train ``model`` in place as the experiment says, and write a run folder.

    Args:
        model: takes (N, C, H, W) float32 images of the data set, gives (N, classes) logits.
        experiment: data and training settings, and the canonical text to record.
        out: the folder that gets the run folder.
        data_root: searched for the data before the other data roots.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        fresh: draw the initial weights from the experiment's seed; False trains on from the model's own.
        every: seconds between two Progress events; None for none.
        channels_last: keep weights and batches in the memory order N, H, W, C. Results differ by rounding.
        listen: called with every event.

    Raises:
        ArchError: model and data do not fit.
        EnvError: no such device, no data, no room on the disk or in memory.
        Interrupted: SIGINT or SIGTERM came; the folder has the last weights, and no result.
    """
    with StopOnSignal() as signals:
        target, note = choose_device(device)
        check_writable(Path(out))
        splits = _splits(experiment, data_root)
        job = _job(model, experiment, splits, target, fresh, channels_last, every, signals.wanted)
        with _explained(experiment):
            _check_fit(job, experiment.data)
            folder = RunFolder.create(Path(out), experiment, str(target), splits.source)
            signals.patient = True
            _tell(folder, listen, _started(job, splits, target, note))
            last = _follow(job, folder, listen)
    if isinstance(last, Stopped):
        raise Interrupted(signals.received or 2, folder.path)
    return load_run(folder.path)


def _splits(experiment: Experiment, data_root: str | Path | None) -> Splits:
    data = experiment.data
    return split(load(data.dataset, data_root), data.valid, data.subset, experiment.train.seed)


def _job(
    model: nn.Module, experiment: Experiment, splits: Splits, device: torch.device, fresh: bool,
    channels_last: bool, every: float | None, stop: Callable[[], bool],
) -> Job:  # fmt: skip
    if fresh:
        initialise(model, experiment.train.seed)
    model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = experiment.data
    own = isinstance(data.dataset, Folder)  # pictures of one's own publish no statistics
    mean, std = measured(splits.train) if own else (data.dataset.mean, data.dataset.std)  # type: ignore[union-attr]
    return Job(
        model, resident(splits.train, device),
        resident(splits.valid, device) if splits.valid is not None else None,
        resident(splits.test, device), normalise(mean, std, device),
        data.augment, experiment.train, every, stop, channels_last,
    )  # fmt: skip


def _check_fit(job: Job, data: DataSettings) -> None:
    """Refuse a net that does not take these images or does not give these classes, before the first step: a
    wrong label would end a GPU's process.
    """
    classes, mode = data.dataset.classes, job.model.training
    job.model.eval()
    with torch.no_grad():
        try:
            given = tuple(job.model(job.normalise(job.test.images[:2])).shape[1:])
        except (RuntimeError, ValueError) as error:
            shape = "x".join(map(str, data.dataset.input))
            raise ArchError(f"the net does not take the images of {data.dataset.name} ({shape}): {error}",
                            help=f"give it `input {shape}`") from error  # fmt: skip
    job.model.train(mode)
    if given != (classes,):
        raise ArchError(f"the net gives {'x'.join(map(str, given))} values an image, and {data.dataset.name} has "
                        f"{classes} classes", help=f"end the net in linear({classes})")  # fmt: skip


@contextmanager
def _explained(experiment: Experiment) -> Iterator[None]:
    """Errors of torch that a setting of the text causes, said in the words of the text."""
    batch = experiment.train.batch
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EnvError("the device has not enough memory for a step", help=f"less than batch({batch})") from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise EnvError("not enough memory for a step", help=f"less than batch({batch})") from error
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ArchError("batch norm cannot train on a batch of one image",
                        help="a larger batch than batch(1), or ln or gn instead of bn") from error  # fmt: skip


def _started(job: Job, splits: Splits, device: torch.device, note: str) -> Started:
    settings = job.settings
    steps = settings.epochs * steps_per_epoch(len(job.train), settings.batch)
    return Started(
        str(device), splits.source, len(job.train), len(job.valid) if job.valid else 0, len(job.test),
        sum(p.numel() for p in job.model.parameters()), settings.epochs, steps, (note,),
    )  # fmt: skip


def _follow(job: Job, folder: RunFolder, listen: Listener) -> Event:
    """Run the loop to its end; write the log, the weights and the result."""
    saved = time.monotonic()
    event: Event | None = None
    for event in train(job):
        _tell(folder, listen, event)
        if isinstance(event, EpochDone) and time.monotonic() - saved > SAVE_EVERY:
            folder.weights(job.model)
            saved = time.monotonic()
    assert event is not None, "the loop ends with an event"
    folder.weights(job.model)
    if isinstance(event, Finished | Diverged):
        folder.result({"status": type(event).__name__.lower(), **asdict(event)})
    return event


def _tell(folder: RunFolder, listen: Listener, event: Event) -> None:
    folder.event(event)
    listen(event)
