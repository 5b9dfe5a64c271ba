"""Pictures with masks (the data word ``masks``): a class for each pixel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from archdsl.data import cache
from archdsl.data.arrays import Arrays, DataParts
from archdsl.data.decode import merged, opened, orientation, raw_mode, said, upright
from archdsl.data.folder import decode_all, equals_said
from archdsl.data.memory import resident_limit
from archdsl.data.pairs import find
from archdsl.data.pictures import Failure, Undecodable, channels_first, middle
from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data.masks import MOST
from archdsl.words.data.spelling import listing
from archdsl.words.tasks import IGNORED

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.data.cache import Decoded
    from archdsl.data.pairs import Pair
    from archdsl.words.data.masks import Masks

IGNORED_VALUE = 255  # of a pixel in a file
BYTES = 11  # of a pixel in memory: three of colour, eight of its label
SHOWN = 12  # classes whose pixels are counted one by one in a message
FORMATS = ("PNG", "TIFF", "BMP", "GIF")  # whose numbers arrive as they are stored; those of PGM are scaled
SPREAD = {"L;2": 85, "L;4": 17}  # Pillow spreads grey of few bits over 0 to 255
ASKEW = "askew"  # the name under which the pictures are counted whose masks may be turned as they are, or not
FEW = "value "  # begins the name under which the masks with a value are counted
PIXELS = "write the number of the class into each pixel, as 8-bit grey or with a palette (modes L and P of Pillow)"


def read(masks: Masks) -> DataParts:
    """Both parts: images (N, 3, size, size) uint8, labels (N, size, size) int64, ``IGNORED`` where a mask has 255.

    Raises:
        EnvError: the layout is doubtful; a picture or mask is missing or damaged, both differ in size, a mask has colours or
            the number of no class; or they do not fit into memory.
    """
    pairs, names = find(masks), masks.class_names
    pixels = (len(pairs.train) + len(pairs.test)) * masks.size**2
    if pixels * BYTES > resident_limit():
        raise EnvError(
            f"the pictures of {masks.path} with their masks take {pixels * BYTES:,} bytes at {masks.size}x{masks.size}, more "
            f"than the {resident_limit():,} that they may have in memory",
            help=f"a smaller one than size={masks.size}; ARCHDSL_RESIDENT_BYTES sets another limit",
        )
    decoded = [_decoded(name, part, masks, len(names)) for name, part in (("train", pairs.train), ("test", pairs.test))]
    done = merged(*(part.done for part in decoded))
    values = {int(name.removeprefix(FEW)) for name in done if name.startswith(FEW)}
    binary = len(names) == 2 and IGNORED_VALUE in values <= {0, IGNORED_VALUE}
    table = np.arange(256, dtype=np.int64)
    table[IGNORED_VALUE] = 1 if binary else IGNORED
    train, test = (_labelled(part.arrays.images, table) for part in decoded)
    notes = (
        (
            f"{many(len(train), 'picture with its mask', 'pictures with masks')} to train on and {len(test):,} to test, "
            f"{len(names)} classes"
        ),
        *pairs.notes,
        *((f"the masks have the values 0 and 255: 255 is the class {names[1]}",) if binary else ()),
        *(_doubtful(train, test) if len(names) == 2 and not binary else ()),
        *_balance(train, test, names),
        *said(done, len(train) + len(test)),
        *_askew(done.get(ASKEW, 0)),
        *equals_said(decoded, [part.arrays.images[:, 3] for part in decoded], "masks"),
    )
    return DataParts(train, test, masks.path, notes)


def _labelled(images: NDArray[Any], table: NDArray[np.int64]) -> Arrays:
    """Images (N, 4, H, W), whose last channel has the values of masks, with the labels (N, H, W) of these values."""
    return Arrays(np.ascontiguousarray(images[:, :3]), table[images[:, 3]])


def about(masks: Masks) -> dict[str, Any]:
    """What there is to say about pictures with masks."""
    parts = read(masks)
    return {
        "title": "pictures of one's own with a mask each",
        "train": len(parts.train),
        "test": len(parts.test),
        "found": list(parts.notes[1:]),
    }


def _decoded(part: str, pairs: list[Pair], masks: Masks, classes: int) -> Decoded:
    """Images (N, 4, size, size): the colours, and the values of the mask as they are in its file."""

    def one(row: int) -> tuple[NDArray[np.uint8], set[str]]:
        pair = pairs[row]
        colour, done = upright(pair.image)
        try:
            mask, values = numbers(pair.mask, classes)
        except Failure as error:
            raise Undecodable(f"its mask {pair.mask}: {error}") from error
        if mask.size != colour.size:
            sizes = [f"{picture.width}x{picture.height}" for picture in (colour, mask)]
            raise EnvError(
                f"{pair.image} is {sizes[0]}, and its mask {pair.mask} is {sizes[1]}",
                help="a mask has a pixel for each pixel of its picture, turned upright; save it in that size",
            )
        if "turned" in done and _fits_either_way(pair.image, colour):
            done = done | {ASKEW}
        cut = (middle(colour, masks.size), middle(mask, masks.size, Image.Resampling.NEAREST))
        return np.concatenate([channels_first(p) for p in cut]), {*done, *(f"{FEW}{v}" for v in values)}

    def decode() -> Decoded:
        images = np.empty((len(pairs), 4, masks.size, masks.size), np.uint8)
        counts = decode_all(images, [pair.image for pair in pairs], one, masks.path)
        labels = np.zeros(len(pairs), np.int64)  # they are in the images
        return cache.Decoded(Arrays(images, labels), counts, cache.digests_of(images[:, :3]))

    files = [path for pair in pairs for path in (pair.image, pair.mask)]
    return cache.decoded(f"masks-{part}", files, decode, f"{masks.size} {classes}")


def _fits_either_way(path: Path, upright: Image.Image) -> bool:
    """Whether a picture that is turned by its EXIF orientation has the same size before it: its mask may be one of either."""
    with opened(path) as picture:
        return upright.width == upright.height or orientation(picture) in (2, 3, 4)


def _askew(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    pictures = many(count, "picture that is", "pictures that are")
    found = f"warning: {pictures} turned by the EXIF orientation would fit the mask unturned, too"
    return (f"{found}: masks are taken as upright; where they are not, save pictures and masks without EXIF",)


def numbers(path: Path, classes: int) -> tuple[Image.Image, tuple[int, ...]]:
    """A mask of class numbers (mode L), and the values that occur in its file; none of a mask of one bit, whose 1 is the
    class 1.

    Raises:
        OSError, Undecodable: it cannot be read.
        EnvError: it has colours, or the number of no class.
    """
    with opened(path) as picture:
        mode, raw, turned = picture.mode, raw_mode(picture), orientation(picture) != 1
        doubtful = picture.format not in FORMATS or re.search(r";\d?IR?$", raw)  # the latter: white is 0
        picture.load()
        values: NDArray[Any] = np.asarray(picture)
    if mode not in ("1", "L", "P", "I") and not mode.startswith("I;16"):
        what = "colours" if mode.startswith(("RGB", "CMYK", "YCbCr", "LAB", "HSV")) else f"pixels of the mode {mode}"
        raise EnvError(f"the mask {path} has {what}, not class numbers", help=PIXELS)
    if turned or doubtful:
        what = "is turned by its EXIF orientation" if turned else f"is stored as {picture.format} with the pixels {raw}"
        raise EnvError(f"the mask {path} {what}, so its class numbers are not certain", help="save it as PNG")
    values = values.astype(np.int64) // (SPREAD.get(raw, 1) if mode == "L" else 1)
    present = np.unique(values).tolist()
    wrong = next((v for v in reversed(present) if v != IGNORED_VALUE and not 0 <= v < classes), None)
    if wrong is not None:
        more = f", or write classes={wrong + 1}" if 0 < wrong < MOST else ""
        raise EnvError(
            f"the mask {path} has the class number {wrong}, and there are {classes} classes, from 0 to {classes - 1}",
            help=f"number the classes from 0, and mark pixels that do not count by 255{more}",
        )
    return Image.fromarray(values.astype(np.uint8)), tuple(present) if mode != "1" else ()


def _doubtful(train: Arrays, test: Arrays) -> tuple[str, ...]:
    """A warning where 255 may be meant as the class 1 in some masks of two classes: those that have it and no 1."""
    labels = [part.labels.reshape(len(part), -1) for part in (train, test)]
    alone = sum(int(((own == IGNORED).any(1) & ~(own == 1).any(1)).sum()) for own in labels)
    ones = sum(int((own == 1).any(1).sum()) for own in labels)
    if not (alone and ones):
        return ()
    found = f"{alone:,} of the masks have 255 and no 1, and {ones:,} have 1: 255 is ignored in all of them"
    return (f"warning: {found}; where it is meant as the class 1, write 1",)


def _balance(train: Arrays, test: Arrays, names: tuple[str, ...]) -> tuple[str, ...]:
    """How many pixels each class has, and which ones have none."""
    counts = [np.bincount(part.labels.ravel() - IGNORED, minlength=len(names) + 1) for part in (train, test)]
    ignored, known = counts[0][0], counts[0][1:]
    for what, own in zip(("training", "test"), counts, strict=True):
        if not own[1:].any():  # without test pixels a run would report an accuracy and a loss of 0
            raise EnvError(
                f"all pixels of the {what} masks are ignored", help="give pixels the number of a class, from 0"
            )
    parts = known / known.sum()
    order = np.argsort(-parts, kind="stable")
    shown = ", ".join(f"{names[n]} {100 * parts[n]:.1f} %" for n in order[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    notes = [f"training pixels by class: {shown}{more}"]
    if ignored:
        notes.append(f"{100 * ignored / train.labels.size:.1f} % of the training pixels are ignored")
    for what, missing in (
        ("classes without a training pixel", np.flatnonzero(known == 0)),
        (
            "classes without a test pixel, which do not count in the mean IoU unless they are predicted",
            np.flatnonzero(counts[1][1:] == 0),
        ),
    ):
        if len(missing):
            notes.append(f"warning: {what}: {listing([names[n] for n in missing])}")
    return tuple(notes)
