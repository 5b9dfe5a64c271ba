"""The images by which a network is quantised: those that it is calibrated on, and those that it is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from archdsl.data import Arrays
from archdsl.data.normalise import normalise
from archdsl.errors import ArchError
from archdsl.evaluate.load import Part, part_of
from archdsl.export.onnx.quantize import QuantizationData
from archdsl.settings.experiment import DataSettings

if TYPE_CHECKING:
    from archdsl.export.deploy import Form

BLOCK = 64  # images at once: calibration keeps every activation of a block
SEED = 0  # of which training images are taken


def quantization_data(
    data: DataSettings, seed: int, form: Form, *, count: int, drop: float, root: Path | None = None
) -> QuantizationData:
    """Training images to calibrate on, as many as ``count``, and the test images.

    Args:
        data, seed: of the run, which say what its training images were.
        drop: the loss of accuracy that is accepted, as a fraction.

    Raises:
        ArchError: the network does not take images of this data set, or nothing says how they are normalised.
        EnvError: the data is missing.
    """
    if tuple(data.dataset.input) != tuple(form.input):
        shapes = ["x".join(map(str, s)) for s in (data.dataset.input, form.input)]
        raise ArchError(
            f"the images of {data.dataset.name} are {shapes[0]}, the network takes {shapes[1]}",
            help="--quantize calibrates on the data set of the text; --data names another",
        )
    if not form.preprocess and not form.mean:
        raise ArchError(
            f"the normalisation of the images of {data.dataset.name} is not known",
            help="quantise a trained run, which records it",
        )
    train, test = (part_of(data, seed, part, root) for part in ("train", "test"))

    def calibration() -> Iterator[np.ndarray]:
        for images in _some(train, count):
            yield _taken(images, form)

    def tested() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for images, labels in test.blocks(BLOCK):
            yield _taken(images, form), labels.numpy()

    return QuantizationData(calibration, tested, drop)


def _some(part: Part, count: int) -> Iterator[Tensor]:
    """Images drawn without regard to their order, which may be that of the classes."""
    rows = torch.randperm(len(part), generator=torch.Generator().manual_seed(SEED))[:count].sort().values
    held = part.images
    for few in rows.split(BLOCK):
        if isinstance(held, Arrays):
            yield torch.from_numpy(held.images[few.numpy()].copy())
        else:
            yield from (images for images, _ in held.batches([few], torch.device("cpu")))


def _taken(images: Tensor, form: Form) -> np.ndarray:
    """Images as they are in the data set, as the network takes them."""
    if form.preprocess is None:
        normal = normalise(form.mean, form.std, torch.device("cpu"), 255 if len(form.input) == 3 else 1)
        return normal(images).numpy()
    if form.preprocess == "nhwc":
        images = images.permute(0, 2, 3, 1).contiguous()
    return images.numpy()
