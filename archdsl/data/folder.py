"""A tree of pictures, one folder a class (the data words ``folder``, ``imagenet`` and ``imagenette``)."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import cache
from archdsl.data.arrays import Arrays, DataParts
from archdsl.data.decode import listening, merged, said
from archdsl.data.memory import resident_limit
from archdsl.data.pictures import Failure, Refusals, squared
from archdsl.data.stream import MOST_WORKERS, Streamed, cores
from archdsl.data.tree import Found, Picture, classes_said, find, find_again
from archdsl.data.walk import walked
from archdsl.report.numbers import many
from archdsl.words.data.spelling import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.data.cache import Decoded
    from archdsl.words.data.folders import Folder

AT_A_TIME = 64  # pictures, at most, that a thread decodes before it asks for more: small ones take less than the asking
NOT_COMPARED = (
    "no picture is read here: whether equal ones are in both parts, or in different classes, is said by a run that reads them "
    "into memory"
)
LOOKED_AT = 256  # pictures of a set that is read while training, decoded beforehand to say what is done to them


def read(folder: Folder) -> DataParts:
    """Both parts, images (N, 3, size, size); labels count the sorted class folders from 0."""
    layout = folder.layout()
    return read_trees(layout.train, layout.test, folder.size, folder.path, layout.notes)


def read_trees(
    train_tree: Path, test_tree: Path | None, size: int, source: str, notes: tuple[str, ...] = ()
) -> DataParts:
    """Both parts of these trees; without a test tree, a fifth of each class of the only one. They are decoded into
    memory, or ``Streamed`` where that would take more than ``resident_limit``. What was found and what was done to the
    pictures is said after ``notes``.
    """
    key = walked(train_tree, test_tree).key
    found = find_again(train_tree, test_tree, key)
    train, test = found.train, found.test
    notes = (classes_said(found), *notes, *found.notes)
    if (len(train) + len(test)) * 3 * size * size > resident_limit():
        return DataParts(
            _streamed(train, size), _streamed(test, size), source, (*notes, *_sampled([*train, *test], size))
        )
    parts = [_decoded(f"folder-{name}", part, size, source, key) for name, part in (("train", train), ("test", test))]
    done = merged(*(part.done for part in parts))
    notes = (*notes, *said(done, len(train) + len(test)), *_repeated(*parts))
    return DataParts(parts[0].arrays, parts[1].arrays, source, notes)


def listed(train_tree: Path, test_tree: Path | None) -> tuple[Sequence[Picture], Sequence[Picture]]:
    """The files of both parts with their labels; no picture is read. Errors as those of ``tree.find``."""
    found = find(train_tree, test_tree)
    return found.train, found.test


def _repeated(train: Decoded, test: Decoded) -> tuple[str, ...]:
    """What is to be said of pictures that are one in the size that a net takes."""
    both = np.isin(test.digests, train.digests, kind="sort").sum()
    digests = np.concatenate([train.digests, test.digests])
    labels = np.concatenate([train.arrays.labels, test.arrays.labels])
    kinds, which = np.unique(digests, return_inverse=True)
    first = np.full(len(kinds), -1, np.int64)
    first[which] = labels  # the label of one of each kind
    mixed = len(set(which[first[which] != labels].tolist()))
    notes = []
    dim = train.done.get("dim") or test.done.get("dim")
    why = "; their range in 16 bits is the cause where it is nearly lost, see above" if dim else ""
    if both:
        notes.append(
            f"warning: {both:,} of {len(test.digests):,} test pictures are among the training pictures too "
            f"(equal pixels in this size{why})"
        )
    if mixed:
        notes.append(
            f"warning: equal pictures are in different classes: {mixed:,} of {len(kinds):,} different ones{why}"
        )
    learned, classes = which[: len(train.digests)], train.arrays.labels
    once = len(np.unique(learned * (int(labels.max(initial=0)) + 1) + classes))
    if repeated := len(learned) - once:
        notes.append(
            f"{many(repeated, 'training picture is', 'training pictures are')} repeated within a class "
            f"(equal pixels in this size{why})"
        )
    return tuple(notes)


def equals_said(parts: Sequence[Decoded], answers: Sequence[NDArray[Any]], what: str) -> tuple[str, ...]:
    """What is to be said of equal pictures of a training and a test part that have no one class each.

    Args:
        answers: of each part (N, ...), what a net is to say of its pictures.
        what: what these are called.
    """
    train, test = (part.digests for part in parts)
    both = int(np.isin(test, train, kind="sort").sum())
    notes = [f"warning: {both:,} of {len(test):,} test pictures are among the training pictures too"] if both else []
    every = np.concatenate([train, test])
    kinds, first, which = np.unique(every, return_index=True, return_inverse=True)
    twice = np.flatnonzero(first[which] != np.arange(len(every))).tolist()

    def answer(row: int) -> NDArray[Any]:
        found: NDArray[Any] = answers[0][row] if row < len(train) else answers[1][row - len(train)]
        return found

    mixed = {int(which[row]) for row in twice if (answer(row) != answer(first[which[row]])).any()}
    if mixed:
        notes.append(f"warning: equal pictures have different {what}: {len(mixed):,} of {len(kinds):,} different ones")
    if again := len(train) - len(np.unique(train)):
        pictures = many(again, "training picture is", "training pictures are")
        notes.append(f"{pictures} repeated (equal pixels in this size)")
    return tuple(notes)


def _streamed(pictures: Sequence[Picture], size: int) -> Streamed:
    return Streamed([path for path, _ in pictures], np.array([label for _, label in pictures], np.int64), size)


def _sampled(pictures: Sequence[Picture], size: int) -> tuple[str, ...]:
    """What is done to the pictures of a set that is not decoded beforehand: of some, at even distances."""
    chosen = [pictures[row] for row in np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).astype(int))]
    done: Counter[str] = Counter()

    def look(picture: Picture) -> frozenset[str]:
        try:
            return squared(picture[0], size)[1]
        except Failure:
            return frozenset()  # refused, by name, when its turn comes

    with listening(), ThreadPoolExecutor(min(MOST_WORKERS, cores())) as pool:
        for names in pool.map(look, chosen):
            done.update(names)
    return said(done, len(chosen), "pictures looked at before training")


def _decoded(name: str, pictures: Sequence[Picture], size: int, source: str, key: str | None) -> Decoded:
    labels = np.array([label for _, label in pictures], dtype=np.int64)

    def decode() -> Decoded:
        images = np.empty((len(pictures), 3, size, size), np.uint8)
        counts = decode_all(images, [path for path, _ in pictures], lambda row: squared(pictures[row][0], size), source)
        return cache.Decoded(Arrays(images, labels), counts, cache.digests_of(images))

    return cache.decoded(name, [p for p, _ in pictures], decode, f"{size} {labels.tolist()}", key)


def decode_all(
    images: NDArray[np.uint8],
    files: Sequence[Path],
    one: Callable[[int], tuple[NDArray[np.uint8], Iterable[str]]],
    source: str,
) -> Counter[str]:
    """Fill ``images`` (N, C, H, W), and count the names of what was done to them.

    Args:
        files: (N,), by which a refusal names what does not decode.
        one: gives the pixels (C, H, W) of a row, and the names of what was done to it.

    Raises:
        EnvError: one does not decode.
    """
    counts: Counter[str] = Counter()

    def fill(first: int) -> tuple[list[tuple[int, Exception]], Counter[str]]:
        bad: list[tuple[int, Exception]] = []
        done: Counter[str] = Counter()
        for row in range(first, min(first + some, len(images))):
            try:
                images[row], names = one(row)
                done.update(names)
            except Failure as error:
                bad.append((row, error))
        return bad, done

    refused, threads = Refusals(source), min(MOST_WORKERS, cores())
    some = max(1, min(AT_A_TIME, len(images) // (4 * threads)))
    with listening(), ThreadPoolExecutor(threads) as pool:  # Pillow lets go of the interpreter as it decodes
        try:
            for bad, done in pool.map(fill, range(0, len(images), some)):
                counts.update(done)
                for row, error in bad:
                    refused.add(str(files[row]), error)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the rest
            raise
    refused.settle()
    return counts


def about(folder: Folder) -> dict[str, Any]:
    """What there is to say about a tree of pictures; none is decoded."""
    layout = folder.layout()
    found = find(layout.train, layout.test)
    return {
        "title": "pictures of one's own",
        "train": len(found.train),
        "test": len(found.test),
        "counts": {name: [train, test] for name, train, test in found.counts()},
        "found": [*layout.notes, *found.notes, NOT_COMPARED, *_empty(found)],
    }


def _empty(found: Found) -> list[str]:
    """Files without a byte, which a run refuses; no picture is decoded here."""
    empty = [str(path) for path, _ in (*found.train, *found.test) if not os.path.getsize(path)]
    return (
        [
            f"warning: a run refuses this set: {many(len(empty), 'picture is', 'pictures are')} empty (0 bytes): {listing(empty)}"
        ]
        if empty
        else []
    )
