"""Texts (the data words ``text`` and ``sonnets``) as windows of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.arrays import Arrays, DataParts
from archdsl.data.memory import resident_limit
from archdsl.errors import EnvError
from archdsl.report.numbers import many

SONNETS_HOME = "https://www.gutenberg.org/ebooks/1041"

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.words.data.texts import Text


def read(text: Text) -> DataParts:
    """Both parts: ids (N, L) int64, and labels (N, L) int64, the id that follows each.

    Raises:
        EnvError: a file is missing, damaged or too short, or the windows do not fit into memory.
    """
    train, test = text.parts()
    names, (path, beside) = text.class_names, text.files()
    if 16 * (len(train) + len(test)) > resident_limit():
        raise EnvError(
            f"the windows of {path} do not fit into memory: {len(train) + len(test):,} characters take 16 bytes each",
            help="a part of the text",
        )
    known = {name: n for n, name in enumerate(names)}
    parts = [_windows(np.array([known[c] for c in part], np.int64), text.length) for part in (train, test)]
    only = sorted(set(test) - set(train))
    where = f"the test text is {beside}" if beside is not None else "the test part is the last tenth of the text"
    counts = f"{len(train):,} characters to train on and {len(test):,} to test, {len(names)} different ones"
    notes = [f"{counts}, in windows of {text.length}", where]
    if only:
        notes.append(
            f"warning: the training part lacks {many(len(only), 'character')} of the test part: {_shown(only)}"
        )
    return DataParts(parts[0], parts[1], text.path, tuple(notes))


def _windows(ids: np.ndarray[Any, np.dtype[np.int64]], length: int) -> Arrays:
    """Windows one behind the other, each with the ids that follow its own; a rest is left out."""
    count = (len(ids) - 1) // length
    end = count * length
    return Arrays(ids[:end].reshape(count, length), ids[1 : end + 1].reshape(count, length))


def _shown(characters: list[str]) -> str:
    return " ".join(map(repr, characters[:20])) + (" …" if len(characters) > 20 else "")


def files(text: Text) -> list[tuple[str, Path]]:
    """Named by their part."""
    train, test = text.files()
    return [(f"{part}.txt", path) for part, path in (("train", train), ("test", test)) if path]


def about(text: Text) -> dict[str, Any]:
    """What there is to say about a text."""
    parts = read(text)
    return {
        "title": "Sonnets of Shakespeare" if text.word == "sonnets" else "a text of one's own",
        "train": len(parts.train),
        "test": len(parts.test),
        "found": list(parts.notes),
        **({"licence": "public domain", "home": SONNETS_HOME} if text.word == "sonnets" else {}),
    }
