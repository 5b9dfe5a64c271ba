"""A run's net with its weights, and the images that it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError, InternalError, StoreError
from archdsl.train.datasets import Arrays, Splits, load, split
from archdsl.train.device import Normalise, normalise
from archdsl.train.experiment import DataSettings
from archdsl.train.runs import Run
from archdsl.train.views import recorded, viewed

if TYPE_CHECKING:
    from archdsl.train.feed import Feed

PartName = Literal["test", "valid", "train"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A net in eval mode on its device. It takes images of shape ``input`` as they lie in the data set (pictures as
    bytes) through ``normalise``, and tells ``class_names`` apart.
    """

    model: nn.Module
    normalise: Normalise
    device: torch.device
    input: tuple[int, ...]
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """The images and labels of one part of a data set, all at once or read as they are needed; ``notes`` say what was
    found and what was done to pictures.
    """

    images: Arrays | Feed
    dataset: str
    name: PartName
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (n, C, H, W) uint8, or vectors (n, D) float32, and labels (n,) int64 on the host, in order."""
        held = self.images
        if not isinstance(held, Arrays):
            yield from held.batches(list(torch.arange(len(held)).split(size)), torch.device("cpu"))
            return
        for first in range(0, len(held), size):
            rows = slice(first, first + size)
            # Copied: torch wants memory that may be written to, and what is mapped from a file may not.
            yield torch.from_numpy(held.images[rows].copy()), torch.from_numpy(held.labels[rows].copy())


def restore(model: nn.Module, run: Run) -> nn.Module:
    """The model with the last weights of a run, in place.

    Raises:
        StoreError: there are no weights, or they are damaged, or those of another net.
    """
    if not run.weights.is_file():
        raise StoreError(f"the run {run.folder} has no weights", help="it is at work, or was stopped before its end; "
                         "the same train command goes on with it")  # fmt: skip
    try:
        model.load_state_dict(run.state())
    except RuntimeError as error:
        raise StoreError(f"the weights of {run.folder} do not fit its spec: {str(error).splitlines()[-1].strip()}",
                         help="its data may have other classes by now; else train again") from error  # fmt: skip
    return model.eval()


def trained(model: nn.Module, run: Run, device: torch.device) -> Trained:
    """The run's net with its last weights, ready to be asked.

    Args:
        model: the net that the run has trained, with any weights.

    Raises:
        StoreError: the weights or settings are missing, damaged or those of another net.
        ArchError: the net does not take the images of its data set, or does not tell its classes apart.
    """
    restore(model, run).to(device)
    known = run.facts
    normal = normalise(known.mean, known.std, device, 255 if len(known.input) == 3 else 1)
    views = recorded(run.settings.get("train", {}).get("tta"))
    found = Trained(viewed(model, views), normal, device, known.input, known.classes)
    _check(found)
    return found


def _check(net: Trained) -> None:
    shape, classes = "x".join(map(str, net.input)), len(net.class_names)
    with torch.no_grad():
        try:
            images = torch.zeros(2, *net.input, device=net.device)
            given = tuple(net.model(net.normalise(images)).shape[1:])
        except (RuntimeError, ValueError) as error:
            check_memory(error, "two images")
            raise ArchError(f"the net does not take images of {shape}: {error}",
                            help="its spec and its data do not fit; train again") from error  # fmt: skip
    if given != (classes,):
        raise ArchError(f"the net gives {'x'.join(map(str, given))} values an image, and its data has {classes} classes",
                        help="its spec and its data do not fit; train again")  # fmt: skip


def part_of(data: DataSettings, seed: int, name: PartName, root: str | Path | None = None) -> Part:
    """A part of a data set as a run with these settings and this seed had it, before any augmentation.

    Raises:
        ArchError: no image is set aside for validation.
        EnvError: the data is missing or damaged.
    """
    if name == "valid" and data.valid is None:
        raise ArchError("no image was set aside for validation", help="take --part test")
    # The test part needs no draw, and of another data set it may be all that is there.
    splits = _splits(data if name != "test" else replace(data, valid=None, subset=None), seed, root)
    arrays = {"test": splits.test, "valid": splits.valid, "train": splits.train}[name]
    if arrays is None:
        raise InternalError(f"the part {name} of {data.dataset.name} is not there")
    return Part(arrays, data.dataset.name, name, data.dataset.class_names, splits.notes)


def _splits(data: DataSettings, seed: int, root: str | Path | None) -> Splits:
    return split(load(data.dataset, root), data.valid, data.subset, seed)


def check_other(net: Trained, other: Any) -> None:
    """Refuse a data set that the net cannot be asked about.

    Raises:
        ArchError: its images have another shape, or it has another number of classes.
    """
    if other.input != net.input:
        shapes = ["x".join(map(str, s)) for s in (other.input, net.input)]
        raise ArchError(f"the images of {other.name} are {shapes[0]}, the net takes {shapes[1]}",
                        help="choose a data set with images of that shape")  # fmt: skip
    if other.classes != len(net.class_names):
        raise ArchError(f"{other.name} has {other.classes} classes, the net tells {len(net.class_names)} apart",
                        help="choose a data set with as many classes")  # fmt: skip


@contextmanager
def enough_memory(batch: int) -> Iterator[None]:
    """Say an error of the allocator in the words of the command."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        check_memory(error, "a batch", f"less than --batch {batch}")
        raise
