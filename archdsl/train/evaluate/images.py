"""Pictures named one by one, in the shape that a net takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.errors import ArchError, EnvError
from archdsl.train.datasets.pictures import Failure, Refusals, square


def listed(places: Iterable[Path]) -> list[Path]:
    """The files, folders replaced by all files below them in the order of their names; hidden ones left out.

    Raises:
        EnvError: a place is not there, a folder is empty or holds a file that Pillow has no reader for.
    """
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += _below(place)
        elif place.is_file():
            files.append(place)
        else:
            raise EnvError(f"there is no picture {place}", help="name files of pictures, or folders of them")
    return files


def _below(folder: Path) -> list[Path]:
    files = sorted(
        p for p in folder.rglob("*")
        if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )  # fmt: skip
    known = Image.registered_extensions()
    strange = [p for p in files if p.suffix.lower() not in known]
    if strange:
        raise EnvError(f"{strange[0]} is not a picture ({len(strange)} such files in {folder})",
                       help="move files that are not pictures out of the folder, or name the pictures")  # fmt: skip
    if not files:
        raise EnvError(f"the folder {folder} is empty", help="name files of pictures, or folders of them")
    return files


def fitted(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A picture as (C, S, S), treated as training treats pictures of one's own: the shorter side scaled to S, then the
    middle cut. Grey where C is 1.

    Raises:
        OSError, ValueError: it does not decode (``Failure`` names all that Pillow raises).
    """
    channels, height, _ = shape
    colour = square(path, height)
    if channels == 3:
        return colour
    return np.asarray(Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0))).convert("L"))[None]


def decoded(files: Sequence[Path], shape: tuple[int, ...], batch: int) -> Iterator[NDArray[np.uint8]]:
    """The pictures in batches (N, C, H, W).

    Raises:
        ArchError: a net that takes no square images, grey or in colours.
        EnvError: pictures that do not decode, all of them counted and the first ones named.
    """
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ArchError(f"the net takes {'x'.join(map(str, shape))}, which no picture becomes",
                        help="pictures become 1xSxS or 3xSxS")  # fmt: skip
    refused = Refusals(Path())
    for first in range(0, len(files), batch):
        images = np.empty((len(files[first : first + batch]), *shape), np.uint8)
        for row, path in enumerate(files[first : first + batch]):
            try:
                images[row] = fitted(path, (shape[0], shape[1], shape[2]))
            except Failure as error:
                refused.add(str(path), error)
        if not refused.count:  # else the rest is read for the sake of the message alone
            yield images
    if refused.count:
        rest = refused.count - len(refused.named)
        raise EnvError(f"{refused.count} of {len(files)} pictures do not decode: {'; '.join(refused.named)}"
                       + (f", and {rest} more" if rest else ""),
                       help="replace or remove them: no picture is left out in silence")  # fmt: skip
