"""Pictures in the sizes that nets take, as arrays of bytes; all are decoded by ``decode.upright``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from archdsl.data.decode import Undecodable, upright
from archdsl.errors import EnvError
from archdsl.limits import Limits
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Failure = (OSError, ValueError)  # what a picture that does not decode raises: ``Undecodable`` is a ValueError
SHOWN = 3


def exact(data: bytes, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """A picture of exactly this shape (C, H, W), colours converted where needed; and what was done to it.

    Raises:
        Undecodable: it is damaged, or of another size.
    """
    channels, height, width = shape
    picture, done = upright(data)
    if picture.size != (width, height):
        raise Undecodable(f"it is {picture.width}x{picture.height}, expected {width}x{height}")
    return channels_first(picture.convert("L") if channels == 1 else picture), done


def square(path: Path, size: int) -> NDArray[np.uint8]:
    """A picture as (3, size, size): its shorter side scaled to ``size`` (bilinear), then the middle cut."""
    return squared(path, size)[0]


def squared(path: Path, size: int) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """The same, with the names of what was done to it (``decode.DONE``).

    Raises:
        OSError: the file cannot be read.
        Undecodable: it is not a picture, damaged, too large, or its pixels have no known meaning.
    """
    colour, done = upright(path)
    return channels_first(middle(colour, size)), done


def middle(picture: Image.Image, size: int, how: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
    """A picture of size x size: its shorter side scaled to ``size``, then the middle cut.

    Raises:
        Undecodable: it is so narrow that the scaled picture would be too large.
    """
    scale = size / min(picture.size)
    wide, high = (max(size, round(side * scale)) for side in picture.size)
    if wide * high > Limits.PIXELS:
        raise Undecodable(
            f"it is {picture.width}x{picture.height}, so narrow that scaled to {size} it would have {wide}x{high} "
            "pixels; crop it"
        )
    if (wide, high) != picture.size:
        picture = picture.resize((wide, high), how)
    if picture.size != (size, size):
        left, top = (wide - size) // 2, (high - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    return picture


def channels_first(picture: Image.Image) -> NDArray[np.uint8]:
    """Its pixels as (C, H, W)."""
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@dataclass
class Refusals:
    """Pictures that did not decode: all are counted, the first few named. One is enough to refuse the set."""

    where: str
    named: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, what: str, error: Exception) -> None:
        """Count one more."""
        self.count += 1
        if len(self.named) < SHOWN:
            self.named.append(f"{what} ({error})")

    def settle(self) -> None:
        """Raise an EnvError if there was any."""
        if self.count:
            more = f", and {self.count - len(self.named)} more" if self.count > len(self.named) else ""
            pictures = many(self.count, "picture")
            raise EnvError(
                f"{pictures} of {self.where} {'does' if self.count == 1 else 'do'} not decode: {'; '.join(self.named)}{more}",
                help="replace or remove them: no picture is skipped silently",
            )
