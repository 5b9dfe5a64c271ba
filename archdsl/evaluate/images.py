"""Pictures named one by one, in the shape that a net takes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.decode import listening
from archdsl.data.pictures import Failure, Refusals, squared
from archdsl.data.tree import Walk
from archdsl.errors import ArchError, EnvError
from archdsl.report.numbers import many
from archdsl.words.data.layouts import broken, unreadable
from archdsl.words.data.spelling import is_picture


def listed(places: Iterable[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """The files, folders replaced by all pictures below them in the order of their names, links followed; and what is to
    be said of files that were left out, which are hidden or left behind by a system.

    Raises:
        EnvError: a place is not there, a folder is empty or holds a file that is not a picture, a link leads nowhere.
    """
    files: list[Path] = []
    walk = Walk()
    for place in places:
        if place.is_dir():
            files += _below(place, walk)
        elif place.is_file():
            files.append(place)
        elif place.is_symlink():
            raise broken(str(place))
        else:
            raise EnvError(f"there is no picture {place}", help="name files of pictures, or folders of them")
    return files, walk.notes()


def _below(folder: Path, walk: Walk) -> list[Path]:
    try:
        files = sorted(walk.files(str(folder), str(folder)), key=lambda p: p.split(os.sep))
    except OSError as error:
        raise unreadable(error) from error
    strange = [p for p in files if not is_picture(p)]
    if strange:
        raise EnvError(
            f"{strange[0]} is not a picture ({many(len(strange), 'such file')} in {folder})",
            help="move files that are not pictures out of the folder, or name the pictures",
        )
    if not files:
        raise EnvError(f"the folder {folder} is empty", help="name files of pictures, or folders of them")
    return [Path(p) for p in files]


def fitted(path: Path, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """A picture as (C, S, S), treated as training treats pictures of one's own: the shorter side scaled to S, then the
    middle cut. Grey where C is 1. And the names of what was done to it (``decode.DONE``).

    Raises:
        OSError, ValueError: it does not decode (``Failure``).
    """
    channels, height, _ = shape
    colour, done = squared(path, height)
    if channels == 3:
        return colour, done
    return np.asarray(Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0))).convert("L"))[None], done


def decoded(
    files: Sequence[Path], shape: tuple[int, ...], batch: int, done: Counter[str] | None = None
) -> Iterator[NDArray[np.uint8]]:
    """The pictures in batches (N, C, H, W). ``done`` counts what was done to them.

    Raises:
        ArchError: a net that takes no square images, grey or in colours.
        EnvError: pictures that do not decode, all of them counted and the first ones named.
    """
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ArchError(
            f"the net takes {'x'.join(map(str, shape))}, which no picture becomes",
            help="pictures become 1xSxS or 3xSxS",
        )
    refused = Refusals("those that are given")
    for first in range(0, len(files), batch):
        images = np.empty((len(files[first : first + batch]), *shape), np.uint8)
        with listening():
            for row, path in enumerate(files[first : first + batch]):
                try:
                    images[row], names = fitted(path, (shape[0], shape[1], shape[2]))
                except Failure as error:
                    refused.add(str(path), error)
                else:
                    if done is not None:
                        done.update(names)
        if not refused.count:  # else the rest is read for the sake of the message alone
            yield images
    if refused.count:
        rest = refused.count - len(refused.named)
        raise EnvError(
            f"{refused.count} of {len(files)} pictures do not decode: {'; '.join(refused.named)}"
            + (f", and {rest} more" if rest else ""),
            help="replace or remove them: no picture is skipped silently",
        )
