"""What the names of files and folders of a picture set mean: parts of the set, pictures, or what systems leave behind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Literal

Role = Literal["train", "test", "valid"]

PARTS: dict[str, Role] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "eval": "test",
    "evaluation": "test",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "validate": "valid",
    "dev": "valid",
    "holdout": "valid",
}
_ENDINGS = (
    "dataset",
    "folder",
    "images",
    "pictures",
    "samples",
    "image",
    "split",
    "data",
    "imgs",
    "part",
    "set",
    "img",
)
SYSTEM_FOLDERS = frozenset({"@eadir", "__macosx", "#recycle", "$recycle.bin", "system volume information"})
SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
# The endings of the formats that are decoded: data/decode.py names the formats.
PICTURES = frozenset(
    {
        ".apng",
        ".avif",
        ".avifs",
        ".bmp",
        ".bw",
        ".gif",
        ".ico",
        ".j2c",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpc",
        ".jpe",
        ".jpeg",
        ".jpf",
        ".jpg",
        ".jpx",
        ".mpo",
        ".pbm",
        ".pcx",
        ".pfm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".qoi",
        ".rgb",
        ".rgba",
        ".sgi",
        ".tif",
        ".tiff",
        ".webp",
    }
)
NAMED = 4  # names that a message lists


def skipped(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a system or a viewer leaves behind."""
    return name.startswith(".") or name.casefold() in SYSTEM_FOLDERS or name.casefold() in SYSTEM_FILES


def is_picture(name: str) -> bool:
    """Whether a file is called like a picture."""
    return os.path.splitext(name)[1].lower() in PICTURES


def role(name: str) -> Role | None:
    """The part of a set that a folder's name means: ``Training``, ``train_set``, ``TEST-images``; else None."""
    text = re.sub(r"[\W_]+", "", name.casefold())
    for ending in _ENDINGS:
        if text.endswith(ending) and text.removesuffix(ending) in PARTS:
            text = text.removesuffix(ending)
    return PARTS.get(text)


def like_a_part(name: str) -> bool:
    """Whether a name contains that of a part as a word of its own, in any spelling: ``seg_train``, ``myTest2017``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return any(role(word) for word in re.split(r"[\W_\d]+", apart) if word)


def twins(names: Iterable[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Pairs of names that are one under ``key``."""
    seen: dict[str, str] = {}
    return [(seen[key(name)], name) for name in names if seen.setdefault(key(name), name) != name]


def listing(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")
