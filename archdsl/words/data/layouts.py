"""How pictures lie in folders: which folder trains, which tests, and which names are classes. No picture is read.

The names of parts are those of torchvision's and Hugging Face's layouts, in any case and with the usual endings. What is
doubtful is refused with the choices, and the arguments ``train`` and ``test`` of the data word settle it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data.cells import spelled
from archdsl.words.data.spelling import Role, is_picture, like_a_part, listing, role, skipped, twins

LAYOUT = "put pictures into PATH/train/CLASS/ and PATH/test/CLASS/, or into PATH/CLASS/ alone"


@dataclass(frozen=True, slots=True)
class Layout:
    """The training tree and the test tree (None where one must serve for both), and what is said about the choice."""

    train: Path
    test: Path | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The data word with its path, as remedies print it."""

    word: str
    path: str

    def __call__(self, *below: str, train: str = "", test: str = "") -> str:
        path = "/".join((self.path.rstrip("/") or self.path, *below))
        given = [f'{name}="{value}"' for name, value in (("train", train), ("test", test)) if value]
        return f"{self.word}({', '.join([chr(34) + path + chr(34), *given])})"


def sub_folders(tree: Path) -> tuple[str, ...]:
    """The names of the folders in ``tree``, sorted; hidden ones and those of systems left out, links to folders followed.

    Raises:
        EnvError: it cannot be read, or holds a link that points nowhere.
    """
    folders = []
    try:
        with os.scandir(tree) as entries:
            for entry in entries:
                if skipped(entry.name):
                    continue
                if entry.is_symlink() and not os.path.exists(entry.path):
                    raise broken(entry.path)
                if _is_folder(entry):
                    folders.append(entry.name)
    except OSError as error:
        raise unreadable(error) from error
    return tuple(sorted(folders))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; unlike ``entry.is_dir``, false for a link to itself."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def class_folders(tree: Path) -> tuple[str, ...]:
    """The names of the classes: the sub-folders of ``tree``, sorted; at least two.

    Raises:
        EnvError: there are less, two of them differ only in spaces or in the form of their Unicode, or a name is not UTF-8.
    """
    classes = sub_folders(tree)
    if len(classes) < 2:
        raise EnvError(f"{tree} has {many(len(classes), 'sub-folder')}, at least two are needed", help=LAYOUT)
    for name in classes:
        if not name.isascii() and any(
            "\ud800" <= letter <= "\udfff" for letter in name
        ):  # bytes that the system has kept
            raise EnvError(
                f"the class folder {name!a} of {tree} has a name that is not UTF-8, and no run can record it",
                help="rename it",
            )
    for first, second in twins(classes, spelled):
        raise EnvError(
            f"the class folders {first!a} and {second!a} of {tree} differ only in spaces, in "
            "characters of zero width or in the form of their Unicode",
            help="merge them, or rename one",
        )
    return classes


def layout(root: Path, asked: Asked, train: str | None = None, test: str | None = None) -> Layout:
    """Which folder trains and which tests.

    Raises:
        EnvError: there is no such folder, or the layout is doubtful; the help lists the choices.
    """
    if not root.is_dir():
        raise EnvError(f"there is no folder {root}", help=f"{LAYOUT}; a relative PATH begins here")
    if train is not None:
        return _stated(root, asked, train, test)
    if test is not None:
        raise EnvError("`test` names the test part, and `train` is missing", help=f"{asked(train='NAME', test=test)}")
    names = sub_folders(root)
    roles = {name: part for name in names if (part := role(name))}
    parts = _parts(root, asked, names, roles) if roles else _one_tree(root, asked, names)
    for tree in filter(None, (parts.train, parts.test)):
        _check_flat(tree, asked, root, tree.stat().st_mtime_ns)
    return parts


def _stated(root: Path, asked: Asked, train: str, test: str | None) -> Layout:
    trees = [root / name for name in (train, test) if name is not None]
    for tree in trees:
        if not tree.is_dir():
            raise EnvError(
                f"there is no folder {tree}",
                help='`train` and `test` are folders inside PATH; train="." is PATH itself',
            )
    if test is None:
        return Layout(trees[0], None, () if train == "." else (f"{train} trains and tests",))
    first, second = (os.path.realpath(tree) + os.sep for tree in trees)
    if first.startswith(second) or second.startswith(first):
        raise EnvError(
            f"the folders {train} and {test} of {root} hold the same pictures",
            help=f"leave `test` out, and a fifth of each class is the test part: {asked(train=train)}",
        )
    return Layout(trees[0], trees[1], (f"{train} trains, {test} tests",))


def _one_tree(root: Path, asked: Asked, names: tuple[str, ...]) -> Layout:
    if len(names) == 1 and holds(root / names[0]) == "folders":
        below = [names[0]]
        while len(inner := sub_folders(root.joinpath(*below))) == 1:
            below.append(inner[0])
        raise EnvError(
            f"{root} holds the folder {names[0]} alone, which holds folders",
            help=f"if that is the set, name it: {asked(*below)}",
        )
    if len(names) > 1 and all(map(like_a_part, names)):
        raise EnvError(
            f"the folders of {root} are named like parts of a set, not like classes: {listing(names)}",
            help=_choices(asked, names),
        )
    return Layout(root, None)


def _parts(root: Path, asked: Asked, names: tuple[str, ...], roles: dict[str, Role]) -> Layout:
    """The layout of a folder some of whose folders are named like parts of a set."""
    by = {part: [n for n in names if roles.get(n) == part] for part in ("train", "test", "valid")}
    others = [name for name in names if name not in roles]
    mixed = [name for name in others if holds(root / name) == "pictures"]
    if mixed or (not by["train"] and others):
        trees = tuple(name for name in names if name in roles or name not in mixed)
        raise EnvError(
            f"the folders of {root} are partly named like parts of a set ({listing(roles)}), partly like classes "
            f"({listing(mixed or others)})",
            help=f"{asked(train='.')} takes all of them for classes; else {_choices(asked, trees)}",
        )
    for part, several in by.items():
        if len(several) > 1:
            raise EnvError(
                f"{root} has {len(several)} folders that may be the {part} part: {listing(several)}",
                help=_choices(asked, tuple(roles)),
            )
    if not by["train"]:
        raise EnvError(
            f"{root} has {' and '.join(roles)}, but no folder to train on", help=_choices(asked, tuple(roles))
        )
    train = by["train"][0]
    if holds(root / train) != "folders":
        raise EnvError(
            f"{root / train} holds no class folders",
            help=f"{LAYOUT}; {asked(train='.')} takes the folders of PATH for classes",
        )
    tests = [*by["test"], *by["valid"]]
    labelled = [name for name in tests if holds(root / name) == "folders"]
    if not tests:
        raise EnvError(
            f"{root} has a train folder, but neither test nor val",
            help=f"a fifth of each class of it is the test part with {asked(train=train)}",
        )
    if not labelled:
        raise EnvError(
            f"{listing([str(root / n) for n in tests])}: no class folders, so no labels to test by",
            help=f"a fifth of each class that trains is the test part with {asked(train=train)}",
        )
    test = labelled[0]
    if os.path.realpath(root / train) == os.path.realpath(root / test):
        raise EnvError(f"{root / test} is the same folder as {train}", help="the test part must be other pictures")
    notes = [f"{train} trains, {test} tests"]
    for name in (*tests, *others):
        if name in labelled and name != test:
            notes.append(f"{name} is not used; {asked(train=train, test=name)} tests on it")
        elif name != test:
            notes.append(f"{name} is not used" + ("" if name in others else ": it holds no class folders"))
    return Layout(root / train, root / test, tuple(notes))


@lru_cache(maxsize=64)  # a command asks several times for the classes of a set, and there may be thousands of them
def _check_flat(tree: Path, asked: Asked, root: Path, changed: int) -> None:
    """Refuse class folders that hold folders alone: which level is the class is anybody's guess."""
    nested = [name for name in sub_folders(tree) if holds(tree / name) == "folders"]
    if not nested:
        return
    inner = sub_folders(tree / nested[0])
    at = "." if tree == root else tree.name
    parts = tuple(filter(like_a_part, nested)) if tree == root else ()
    parts = (*parts, *(name for name in nested if parts and name not in parts))
    if all(role(name) for name in inner):
        place = asked(*tree.relative_to(root).parts, nested[0])
        raise EnvError(
            f"{tree / nested[0]} holds parts of a set, not pictures: {listing(inner)}",
            help=f"if it is the set, name it: {place}; if it is a class, {LAYOUT}",
        )
    first = f"{_choices(asked, parts)}; or " if parts else ""
    raise EnvError(
        f"{listing([str(tree / n) for n in nested])}: no pictures, but folders ({listing(inner)})",
        help=f"{first}if {nested[0]} is a class and its pictures are at any depth below, write {asked(train=at)}; "
        f"if it is the set, name it: {asked(*tree.relative_to(root).parts, nested[0])}",
    )


def holds(folder: Path) -> Literal["pictures", "folders", "nothing"]:
    """What is directly in a folder: any picture, else folders, else nothing of a set."""
    content: Literal["folders", "nothing"] = "nothing"
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if skipped(entry.name):
                    continue
                if is_picture(entry.name) and not _is_folder(entry):
                    return "pictures"
                if content == "nothing" and _is_folder(entry):
                    content = "folders"
    except OSError as error:
        raise unreadable(error) from error
    return content


def _choices(asked: Asked, names: tuple[str, ...]) -> str:
    """The words that settle which folder trains: every pair where there are few."""

    def rank(name: str) -> int:
        return {"train": 0, "valid": 1, "test": 2}.get(str(role(name) or _inside(name)), 1)

    ordered = sorted(names, key=rank)
    pairs = [(a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 :]][:3]
    return "say which: " + ", ".join(asked(train=a, test=b) for a, b in pairs or [(ordered[0], "")])


def _inside(name: str) -> Role | None:
    return next((part for word in re.split(r"[\W_\d]+", name) if (part := role(word))), None)


def broken(path: str) -> EnvError:
    """A link that points nowhere, or to itself."""
    return EnvError(
        f"the link {path} points to nothing that can be read",
        help="repair or remove it: no picture is skipped silently",
    )


def unreadable(error: OSError) -> EnvError:
    """A folder that the system does not let us read."""
    return EnvError(
        f"{error.filename} cannot be read: {error.strerror}",
        help="let this user read it, or move it out of the class folders",
    )
