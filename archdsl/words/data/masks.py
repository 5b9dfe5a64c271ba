"""Pictures with masks of one's own: ``masks("PATH")``, a class for each pixel. Lists folders; reads no picture."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from archdsl.errors import ArchError, EnvError
from archdsl.registry import data_word
from archdsl.registry.types import Count
from archdsl.report.numbers import many
from archdsl.words.data.heads import own_path
from archdsl.words.data.layouts import Asked, sub_folders
from archdsl.words.data.spelling import listing, role
from archdsl.words.data.values import Kept, Own
from archdsl.words.tasks import TASKS, Task

LAYOUT = (
    "put pictures into PATH/train/images and PATH/train/masks, and likewise under PATH/test, or into PATH/images and "
    "PATH/masks alone"
)
NAMES = "classes.txt"
MOST = 255  # classes: the numbers 0 to 254; 255 marks a pixel that is ignored
SPELLINGS = {
    "images": ("images", "image", "imgs", "img", "pictures", "jpegimages"),
    "masks": ("masks", "mask", "labels", "label", "annotations", "segmentation", "segmentationclass"),
}


@dataclass(frozen=True, slots=True)
class Pairing:
    """The folders of one part: names agree, but for the ending."""

    images: Path
    masks: Path


@dataclass(frozen=True, slots=True)
class Masks(Own):
    """Pictures at ``path`` with a mask each, whose pixels are the numbers of classes; both become ``size`` x ``size``.

    ``stated`` is the number of classes, where the text has it. ``kept`` is what runs have recorded of the data, where it is
    gone.
    """

    path: str
    size: int = 64
    stated: int | None = None
    kept: Kept | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"masks:{self.path}"

    @property
    def task(self) -> Task:
        """A class for each pixel."""
        return TASKS["segmentation"]

    @property
    def input(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of ``classes.txt``, else numbers.

        Raises:
            EnvError: the folder does not exist, the number of classes is not stated, or the file is damaged.
        """
        if self.kept is not None:
            return self.kept.class_names
        names = self._listed(self._root() / NAMES)
        if names is None and self.stated is None:
            raise EnvError(
                f"{self._root()} has no {NAMES}, so the number of classes is not known",
                help=f'write it into the text, masks("{self.path}", classes=2), or a name a line into {NAMES}, in the '
                "order of the numbers in the masks",
            )
        if names is not None and self.stated not in (None, len(names)):
            raise EnvError(
                f"{self._root() / NAMES} names {many(len(names), 'class', 'classes')}, and the text says classes={self.stated}",
                help="leave `classes` out, or complete the file",
            )
        return names or tuple(map(str, range(self.stated or 0)))

    def names_file(self) -> Path | None:
        """``classes.txt``, where there is one."""
        path = self._root() / NAMES
        return path if path.is_file() else None

    def parts(self) -> tuple[Pairing, Pairing | None, tuple[str, ...]]:
        """The training and the test part (None where one must serve for both), and what is said about the choice.

        Raises:
            EnvError: there is no such folder, or the layout is doubtful.
        """
        root = self._root()
        roles = {name: part for name in sub_folders(root) if (part := role(name))}
        if not roles:
            return self._pairing(root), None, ()
        if any(self._of_kind(root, kind) for kind in SPELLINGS):
            raise EnvError(
                f"{root} has pictures or masks beside the parts of a set ({listing(roles)})", help=self._remedy()
            )
        by = {part: [name for name in roles if roles[name] == part] for part in ("train", "test", "valid")}
        for kind, several in by.items():
            if len(several) > 1:
                raise EnvError(
                    f"{root} has {len(several)} folders that may be the {kind} part: {listing(several)}",
                    help="rename or move those that are not used",
                )
        tests = by["test"] + by["valid"]
        if not by["train"]:
            raise EnvError(f"{root} has {listing(roles)}, but no folder to train on", help=self._remedy())
        (train,) = by["train"]
        if not tests:
            alone = Asked("masks", self.path)(train)
            raise EnvError(
                f"{root} has a train folder, but neither test nor val",
                help=f"a fifth of its pictures is the test part with {alone}",
            )
        unused = [f"{name} is not used" for name in tests[1:]]
        notes = (f"{train} trains, {tests[0]} tests", *unused)
        return self._pairing(root / train), self._pairing(root / tests[0]), notes

    def _root(self) -> Path:
        root = own_path(self.path)
        if not root.is_dir():
            raise EnvError(
                f"there is no folder {root}", help=f"{LAYOUT}; a relative PATH starts from the current folder"
            )
        return root

    def _remedy(self) -> str:
        return f"{LAYOUT}, where PATH is {self.path}"

    def _pairing(self, tree: Path) -> Pairing:
        found = []
        for kind in SPELLINGS:
            names = self._of_kind(tree, kind)
            if len(names) != 1:
                several = f"several folders of {kind}: {listing(names)}" if names else f"no folder `{kind}`"
                raise EnvError(f"{tree} has {several}", help=self._remedy())
            inner = [name for name in sub_folders(tree / names[0]) if role(name)]
            if inner:
                raise EnvError(
                    f"{tree / names[0]} holds parts of a set, not pictures: {listing(inner)}", help=self._remedy()
                )
            found.append(tree / names[0])
        return Pairing(*found)

    def _of_kind(self, tree: Path, kind: str) -> list[str]:
        return [name for name in sub_folders(tree) if re.sub(r"[\W_]+", "", name.casefold()) in SPELLINGS[kind]]

    def _listed(self, path: Path) -> tuple[str, ...] | None:
        try:
            text = path.read_text("utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise EnvError(f"{path} cannot be read: {error}", help="a text in UTF-8, a name a line") from error
        names = tuple(line.strip() for line in text.rstrip().splitlines())
        if not 2 <= len(names) <= MOST or not all(names):
            what = (
                "an empty line" if not all(names) and len(names) > 1 else f"{many(len(names), 'name')}, not 2 to {MOST}"
            )
            raise EnvError(f"{path} has {what}", help="write a name a line, in the order of the numbers in the masks")
        for name in (name for place, name in enumerate(names) if name in names[:place]):
            raise EnvError(f"{path} names the class {name} twice", help="the names of classes must differ")
        return names


@data_word('masks("roads")', 'masks("roads", size=128, classes=3)', slot="dataset", unpublished="a layout of files")
def masks(path: str, size: Count = 64, classes: Count | None = None) -> Masks:
    """Pictures of one's own with a mask each, for segmentation: the net gives a class for each pixel.

    A mask is a picture whose pixels are the numbers of classes, from 0; 255 is ignored. The folders are
    `PATH/train/images` and `PATH/train/masks`, and the same under `test` (or `val`), or `PATH/images` and
    `PATH/masks` alone: then a fifth, chosen by the hash of the file's name, is the test part. Both become
    size x size: the shorter side is scaled, then the middle is cut. `PATH/classes.txt` names the classes, a name a
    line; without it `classes` is their number.
    """
    if classes is not None and not 2 <= classes <= MOST:
        raise ArchError(f"masks have 2 to {MOST} classes, not {classes}", help="255 marks pixels that are ignored")
    return Masks(path, size, classes)
