"""The files of a tree of pictures, one folder a class. No picture is read, and nothing is left out in silence."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from archdsl.data.links import Links, check_link
from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data.layouts import LAYOUT, broken, class_folders, sub_folders, unreadable
from archdsl.words.data.spelling import is_picture, listing, skipped, twins

Picture = tuple[Path, int]  # a file and its label
ONE_IN = 5  # of a single tree, one picture in five is for the test
LISTED = 10  # classes whose pictures are counted one by one in a message


@dataclass
class Walk:
    """A walk through folders. ``skipped`` counts the hidden files and those that systems leave behind, by name; ``deeper``
    the pictures in folders below that of their class; ``links`` are those to folders, ``once`` says which count twice.
    """

    skipped: Counter[str] = field(default_factory=Counter)
    deeper: int = 0
    links: list[str] = field(default_factory=list)
    once: Links = field(default_factory=Links)

    def files(self, folder: str, root: str, followed: tuple[str, ...] = ()) -> Iterator[str]:
        """All files in a folder and below it, in no order; links followed.

        A set has so many files that a Path and a question to the system for each would take longer than to map what
        was decoded before.

        Raises:
            EnvError: a link to nothing, or to a folder of the same tree ``root`` or one that was followed to get
                here; a pipe or device.
        """
        with os.scandir(folder) as entries:
            for entry in entries:
                if skipped(entry.name):
                    self.skip(entry.name)
                elif entry.is_symlink():
                    yield from self._link(entry, root, followed)
                elif entry.is_dir(follow_symlinks=False):
                    yield from self.files(entry.path, root, followed)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path
                else:
                    raise EnvError(
                        f"{entry.path} is neither a file nor a folder", help="move it out of the class folders"
                    )

    def _link(self, entry: os.DirEntry[str], root: str, followed: tuple[str, ...]) -> Iterator[str]:
        if not os.path.exists(entry.path):
            raise broken(entry.path)
        if entry.is_dir():
            place = check_link(entry.path, root, followed)
            self.links.append(entry.path)
            self.once.add_folder(entry.path, place)
            yield from self.files(entry.path, root, (*followed, place))
        elif entry.is_file():
            self.once.files.append(entry.path)
            yield entry.path
        else:
            raise EnvError(f"the link {entry.path} points to neither a file nor a folder", help="remove it")

    def skip(self, name: str) -> None:
        """Count a file or folder that is left out."""
        known = name in (".DS_Store", ".ipynb_checkpoints") or not name.startswith(".")
        self.skipped["._* of macOS" if name.startswith("._") else name if known else "other hidden ones"] += 1

    def notes(self) -> tuple[str, ...]:
        """What was left out, and what is deeper than usual."""
        below = (
            (
                f"{many(self.deeper, 'picture is', 'pictures are')} in folders below that of their class, and count for it",
            )
            if self.deeper
            else ()
        )
        if self.links:
            followed = many(len(self.links), "link to a folder is", "links to folders are")
            places = listing([f"{path} → {os.path.realpath(path)}" for path in self.links])
            below = (*below, f"{followed} followed: {places}")
        if not self.skipped:
            return below
        return (
            *below,
            "left out: " + ", ".join(f"{name} ({count:,})" for name, count in sorted(self.skipped.items())),
        )


@dataclass(frozen=True)
class Found:
    """The pictures of both parts by class and then by name, the names of the classes, and what is to be said."""

    train: Sequence[Picture]
    test: Sequence[Picture]
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def counts(self) -> list[tuple[str, int, int]]:
        """Each class with its training and test pictures."""
        parts = [Counter(label for _, label in part) for part in (self.train, self.test)]
        return [(name, parts[0][label], parts[1][label]) for label, name in enumerate(self.names)]


def find(train_tree: Path, test_tree: Path | None) -> Found:
    """The files of both parts with their labels, which count the sorted class folders from 0.

    Raises:
        EnvError: the trees hold different classes, a class is empty, a file in it is not a picture, a link leads nowhere
            or to a file that is in the set already, a folder cannot be read.
    """
    names, walk = class_folders(train_tree), Walk()
    train = _listed(train_tree, names, walk)
    if test_tree is None:
        train, test = divided(train_tree, train)
        notes: tuple[str, ...] = (
            "one picture in five of each class, chosen by the hash of its name, is the test part",
        )
    else:
        _check_same(train_tree, names, test_tree, sub_folders(test_tree))
        test, notes = _listed(test_tree, names, walk), ()
    walk.once.check()
    loose = [note for tree in filter(None, (train_tree, test_tree)) for note in _beside(tree, walk)]
    alike = [f"warning: the classes {a} and {b} differ only in case" for a, b in twins(names, str.casefold)]
    return Found(tuple(train), tuple(test), names, (*notes, *loose, *walk.notes(), *alike))


def find_again(train_tree: Path, test_tree: Path | None, key: str | None) -> Found:
    """The same, once in this process for each ``key`` of a walk (see ``walk``): a worker asks before each of its runs."""
    return find(train_tree, test_tree) if key is None else _found(train_tree, test_tree, key)


@lru_cache(maxsize=1)
def _found(train_tree: Path, test_tree: Path | None, key: str) -> Found:
    return find(train_tree, test_tree)


def classes_said(found: Found) -> str:
    """The classes with their counts, in a line."""
    counts = found.counts()
    shown = ", ".join(f"{name} {train:,} + {test:,}" for name, train, test in counts[:LISTED])
    text = f"{len(counts):,} classes (training + test pictures): {shown}"
    if len(counts) > LISTED:
        least, most = min(counts, key=lambda c: c[1]), max(counts, key=lambda c: c[1])
        ends = f"the smallest is {least[0]} with {many(least[1], 'training picture')}, the largest {most[0]} with {most[1]:,}"
        text += f" and {len(counts) - LISTED:,} more; {ends}"
    return text


def _check_same(train_tree: Path, ours: Sequence[str], test_tree: Path, theirs: Sequence[str]) -> None:
    if tuple(ours) == tuple(theirs):
        return
    parts = [(train_tree, sorted({*ours} - {*theirs})), (test_tree, sorted({*theirs} - {*ours}))]
    lists = "; ".join(f"only {tree.name} has {listing(map(_shown, names))}" for tree, names in parts if names)
    raise EnvError(
        f"{test_tree} and {train_tree} do not hold the same classes: {lists}",
        help="the folders of both must have the same names, letter for letter",
    )


def _shown(name: str) -> str:
    """A name; with its hidden differences where it has blanks at an end or letters of other forms."""
    return name if name.isascii() and name == name.strip() else ascii(name)


def _beside(tree: Path, walk: Walk) -> list[str]:
    """Files in a tree that are beside its class folders, and so have no class."""
    with os.scandir(tree) as entries:
        every = [(entry.name, os.path.isdir(entry.path)) for entry in entries]
    for name, _ in every:
        if skipped(name):
            walk.skip(name)
    files = sorted(name for name, is_folder in every if not is_folder and not skipped(name))
    pictures = sum(map(is_picture, files))
    if not files:
        return []
    some = f", {pictures:,} of them pictures without a class" if pictures else ""
    return [f"not used: {many(len(files), 'file')} beside the class folders of {tree}{some} ({listing(files)})"]


def _listed(tree: Path, names: Sequence[str], walk: Walk) -> list[Picture]:
    """Every picture, by class and then by name. A file of another kind is an error, not skipped."""
    pictures: list[Picture] = []
    real = os.path.realpath(tree)
    for label, name in enumerate(names):
        place = str(tree / name)
        try:
            followed = (check_link(place, str(tree)),) if os.path.islink(place) else ()
            walk.links += [place] if followed else []
            walk.once.add_folder(place, followed[0] if followed else os.path.join(real, name))
            files = sorted(walk.files(place, str(tree), followed), key=lambda p: p.split(os.sep))
        except OSError as error:
            raise unreadable(error) from error
        strange = [p for p in files if not is_picture(p)]
        if strange:
            raise EnvError(
                f"{strange[0]} is not a picture ({many(len(strange), 'such file')} in {tree / name})",
                help="move other files out of the class folders, and convert pictures of other formats to PNG or JPEG",
            )
        if not files:
            raise EnvError(f"the class folder {tree / name} is empty", help=LAYOUT)
        walk.deeper += sum(os.sep in p[len(place) + 1 :] for p in files)
        pictures += [(Path(p), label) for p in files]
    return pictures


def divided(tree: Path, pictures: list[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Training and test pictures of one tree. The hash of the name decides, the same on every machine and
    for every seed, so that runs with several seeds are tested on the same pictures.
    """

    def rank(picture: Picture) -> bytes:
        return hashlib.sha256(picture[0].relative_to(tree).as_posix().encode("utf-8", "surrogateescape")).digest()

    chosen: set[Path] = set()
    for label in {label for _, label in pictures}:
        mine = sorted((p for p in pictures if p[1] == label), key=rank)
        if len(mine) < 2:
            raise EnvError(
                f"the class folder {mine[0][0].parent} has one picture, too few to train and test",
                help="add pictures, or make train/ and test/ folders",
            )
        chosen |= {path for path, _ in mine[: max(1, len(mine) // ONE_IN)]}
    return [p for p in pictures if p[0] not in chosen], [p for p in pictures if p[0] in chosen]
