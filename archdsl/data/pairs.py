"""The files of pictures with masks (the data word ``masks``), paired by name. No picture is read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.data.links import Links
from archdsl.data.tree import ONE_IN, Walk
from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data.layouts import unreadable
from archdsl.words.data.masks import NAMES
from archdsl.words.data.spelling import is_picture, listing

if TYPE_CHECKING:
    from archdsl.words.data.masks import Masks, Pairing

LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif")  # the values of a mask do not survive these


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its mask; ``name`` is their common path below their folders, without an ending."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Pairs:
    """Those of both parts, sorted by name, and what is said about the choice."""

    train: list[Pair]
    test: list[Pair]
    notes: tuple[str, ...]


def find(masks: Masks) -> Pairs:
    """The pairs of both parts; of one tree, one in five is for the test, chosen by the hash of its name.

    Raises:
        EnvError: a picture has no mask or a mask no picture, a folder is empty, the layout is doubtful, or a link leads to
            a picture that is in the set already.
    """
    train_tree, test_tree, notes = masks.parts()
    walk = Walk()
    train = _paired(train_tree, walk)
    test = _paired(test_tree, walk) if test_tree is not None else None
    walk.once.check()
    if test is not None:
        return Pairs(train, test, (*notes, *walk.notes()))
    if len(train) < 2:
        raise EnvError(
            f"{train_tree.images} has one picture, too few to train and test",
            help="add pictures with masks, or make train/ and test/ folders",
        )
    ranked = sorted(train, key=lambda p: hashlib.sha256(p.name.encode("utf-8", "surrogateescape")).digest())
    chosen = {pair.name for pair in ranked[: max(1, len(train) // ONE_IN)]}
    said = "one picture in five, chosen by the hash of its name, is the test part"
    learned, tested = ([p for p in train if (p.name in chosen) == part] for part in (False, True))
    return Pairs(learned, tested, (*notes, said, *walk.notes()))


def counts(masks: Masks) -> tuple[int, int]:
    """The training and the test pictures."""
    found = find(masks)
    return len(found.train), len(found.test)


def files(masks: Masks) -> list[tuple[str, Path]]:
    """All files that the set is read from, named by their part and their place in it."""
    pairs = find(masks)
    found = []
    for part, members in (("train", pairs.train), ("test", pairs.test)):
        for pair in members:
            found += [(f"{part}/images/{pair.name}{pair.image.suffix}", pair.image)]
            found += [(f"{part}/masks/{pair.name}{pair.mask.suffix}", pair.mask)]
    names = masks.names_file()
    return found + ([(NAMES, names)] if names is not None else [])


def _paired(tree: Pairing, walk: Walk) -> list[Pair]:
    walk.once.add_folder(str(tree.images), os.path.realpath(tree.images))
    images = _named(tree.images, walk)
    masks = _named(tree.masks, replace(walk, once=Links()))  # several pictures may have one mask
    lossy = [path for path in masks.values() if path.suffix.lower() in LOSSY]
    if lossy:
        raise EnvError(
            f"the mask {lossy[0]} is in a format that may change its values ({len(lossy):,} such in {tree.masks})",
            help="save masks as PNG, from the original numbers",
        )
    for ours, theirs, what, other in ((images, masks, "picture", "mask"), (masks, images, "mask", "picture")):
        alone = sorted(ours.keys() - theirs.keys())
        if alone:
            lacking = many(len(alone), f"{what} has", f"{what}s have")
            place = tree.masks if other == "mask" else tree.images
            raise EnvError(
                f"{lacking} no {other}: {listing([str(ours[name]) for name in alone])}",
                help=f"a {other} has the name of its {what}, but for the ending: {place / alone[0]}.png; or remove the {what}",
            )
    return [Pair(name, images[name], masks[name]) for name in sorted(images)]


def _named(folder: Path, walk: Walk) -> dict[str, Path]:
    """The pictures of a folder and those below it, by their path without an ending."""
    found: dict[str, Path] = {}
    try:
        files = sorted(walk.files(str(folder), str(folder)))
    except OSError as error:
        raise unreadable(error) from error
    if not files:
        raise EnvError(f"{folder} is empty", help="put pictures into it, and their masks beside it")
    for file in files:
        if not is_picture(file):
            raise EnvError(
                f"{file} is not a picture",
                help=f"move other files out of {folder}; masks and pictures are files of pixels",
            )
        name = os.path.splitext(os.path.relpath(file, folder))[0].replace(os.sep, "/")
        if name in found:
            raise EnvError(
                f"{found[name]} and {file} differ only in their ending, so it is not known which mask is whose",
                help="rename or remove one",
            )
        found[name] = Path(file)
    return found
