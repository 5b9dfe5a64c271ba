"""A run's net with its weights, and the images that it is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from archdsl.accelerate.inference import answering
from archdsl.data import Arrays, Splits, load, split, table
from archdsl.data.normalise import Normalise, normalise, standardised
from archdsl.device import wide
from archdsl.emit.inputs import zero_inputs
from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError, InternalError, StoreError
from archdsl.evaluate.names import of_model
from archdsl.registry.shapes import batch_of, dims
from archdsl.runs.run import Run
from archdsl.runs.store.remedy import remedy
from archdsl.runs.weightless import no_weights
from archdsl.settings.experiment import DataSettings
from archdsl.train.tta import Viewed, recorded, viewed
from archdsl.words.data.tables import Table
from archdsl.words.tasks import CLASSIFICATION, IGNORED, Regression, Task

if TYPE_CHECKING:
    from archdsl.data.batches import Feed
    from archdsl.evaluate.match import Match
    from archdsl.words.data.heads import Head

PartName = Literal["test", "valid", "train"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A net in eval mode on its device. It takes images of shape ``input`` as they are in the data set (pictures as
    bytes) through ``normalise``, and tells ``class_names`` apart. Of a table, ``columns`` are those that it takes, in
    their order, and ``target`` is the one of the classes; None where the run did not record them.
    """

    model: nn.Module
    normalise: Normalise
    device: torch.device
    input: tuple[int, ...]
    class_names: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    target: str | None = None
    task: Task = CLASSIFICATION

    @property
    def single(self) -> nn.Module:
        """The net that looks at one view of each image."""
        return self.model.net if isinstance(self.model, Viewed) else self.model

    def answering(self) -> nn.Module:
        """The net as it is now in its fastest form on this device, for passes in eval mode."""
        return answering(self.model, len(self.input) == 3)

    def values(self, output: Tensor) -> Tensor:
        """The output (N, T) of a net of numbers in the units of its targets, float64 where the device has it."""
        if not isinstance(self.task, Regression):
            raise InternalError(f"the task {self.task.name} has no numbers")
        mean, std = (output.new_tensor(v, dtype=wide(self.device)) for v in (self.task.mean, self.task.std))
        return output.to(mean.dtype) * std + mean


@dataclass(frozen=True, eq=False)
class Part:
    """The images and targets of one part of a data set, all at once or read as they are needed; ``notes`` say what was
    found and what was done to pictures. ``labels`` are the net's labels of those of the set, None where they are equal.
    """

    images: Arrays | Feed
    dataset: str
    name: PartName
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    labels: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (n, C, H, W) uint8, or vectors (n, D) float32, and labels (n,) int64 on the host, in order; those of places
        are (n, *places), ``IGNORED`` where one counts nowhere.
        """
        if self.labels is None:
            yield from self._stored(size)
            return
        known = torch.tensor(self.labels)
        for images, labels in self._stored(size):
            yield images, torch.where(labels == IGNORED, IGNORED, known[labels])

    def _stored(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        held = self.images
        if not isinstance(held, Arrays):
            yield from held.batches(list(torch.arange(len(held)).split(size)), torch.device("cpu"))
            return
        for first in range(0, len(held), size):
            rows = slice(first, first + size)
            # Copied: torch wants memory that may be written to, and what is mapped from a file may not.
            yield torch.from_numpy(held.images[rows].copy()), torch.from_numpy(held.labels[rows].copy())


def restore(model: nn.Module, run: Run, part: bool = False, names: Mapping[str, str] | None = None) -> nn.Module:
    """The model with the last weights of a run, in place.

    Args:
        part: the model lacks layers of the net that the run has trained.
        names: what the model calls layers of the run, where its text names them otherwise, see ``names.renamed``.

    Raises:
        StoreError: there are no weights, or they are damaged, or those of another net.
    """
    if not run.weights.is_file():
        why, way_on = no_weights(run.folder)
        raise StoreError(why, help=way_on)
    try:
        state = {of_model(name, names or {}): value for name, value in run.state().items()}
        model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()} if part else state)
    except RuntimeError as error:
        raise StoreError(
            f"the weights of {run.folder} do not fit its spec: {str(error).splitlines()[-1].strip()}",
            help=f"its data may have other classes by now; {remedy(run.folder)}",
        ) from error
    return model.eval()


def trained(
    model: nn.Module, run: Run, device: torch.device, part: bool = False, names: Mapping[str, str] | None = None
) -> Trained:
    """The run's net with its last weights, ready to be asked.

    Args:
        model: the net that the run has trained, with any weights.
        part, names: as those of ``restore``.

    Raises:
        StoreError: the weights or settings are missing, damaged or those of another net.
        ArchError: the net does not take the images of its data set, or does not tell its classes apart.
    """
    restore(model, run, part, names).to(device)
    known = run.facts
    normal = normalise(known.mean, known.std, device, 255 if len(known.input) == 3 else 1)
    views = recorded(run.settings.get("train", {}).get("tta"))
    found = Trained(
        viewed(model, views), normal, device, known.input, known.classes, known.columns, known.target, known.task
    )
    _check(found)
    return found


def _check(net: Trained) -> None:
    shape, classes = dims(net.input), len(net.class_names)
    with torch.no_grad():
        try:
            images = zero_inputs(batch_of(net.input, 2), net.device)
            given = tuple(net.model(net.normalise(images)).shape[1:])
        except (RuntimeError, ValueError) as error:
            check_memory(error, "two images")
            raise ArchError(
                f"the net does not take images of {shape}: {error}",
                help="its spec and its data do not fit; train again",
            ) from error
    if given != net.task.output(net.input, classes):
        raise ArchError(
            f"the net gives {'x'.join(map(str, given))} values, and {net.task.wanted(net.input, classes)}",
            help="its spec and its data do not fit; train again",
        )


def part_of(
    data: DataSettings,
    seed: int,
    name: PartName,
    root: str | Path | None = None,
    net: Trained | None = None,
    found: Match | None = None,
) -> Part:
    """A part of a data set as a run with these settings and this seed had it, before any augmentation.

    Args:
        net: whose labels and class names the part gets, together with ``found``, how the set is matched with it.

    Raises:
        ArchError: no image is set aside for validation.
        EnvError: the data is missing or damaged.
    """
    if name == "valid" and data.valid is None:
        raise ArchError("no image was set aside for validation", help="take --part test")
    # The test part needs no draw, and of another data set it may be all that is there.
    head = found.head if found is not None else None
    splits = _splits(data if name != "test" else replace(data, valid=None, subset=None), seed, root, head)
    arrays = {"test": splits.test, "valid": splits.valid, "train": splits.train}[name]
    if arrays is None:
        raise InternalError(f"the part {name} of {data.dataset.name} is not there")
    if net is None or found is None:
        return Part(_as_given(arrays, net), data.dataset.name, name, data.dataset.class_names, splits.notes)
    notes = (*found.notes, *splits.notes)
    return Part(_as_given(arrays, net), data.dataset.name, name, net.class_names, notes, found.labels)


def _as_given(part: Arrays | Feed, net: Trained | None) -> Arrays | Feed:
    """The examples with their targets as the net gives them."""
    return standardised(net.task, part) if net is not None and isinstance(part, Arrays) else part


def _splits(data: DataSettings, seed: int, root: str | Path | None, head: Head | None) -> Splits:
    dataset = data.dataset
    parts = table.read(dataset, head) if isinstance(dataset, Table) else load(dataset, root)
    return split(parts, data.valid, data.subset, seed)


@contextmanager
def enough_memory(batch: int) -> Iterator[None]:
    """Say an error of the allocator in the words of the command."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        check_memory(error, "a batch", f"less than --batch {batch}")
        raise
