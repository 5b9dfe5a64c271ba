"""Pictures of one's own: ``folder("PATH")``, one folder a class. Lists folders; reads no picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.registry import data_word
from archdsl.registry.types import Count
from archdsl.words.data.heads import own_path
from archdsl.words.data.sets import IMAGENET_MEAN, IMAGENET_STD

TEST_NAMES = ("test", "val")
LAYOUT = "put pictures into PATH/train/CLASS/ and PATH/test/CLASS/, or into PATH/CLASS/ alone"


@dataclass(frozen=True, slots=True)
class Folder:
    """A tree of pictures at ``path``; each becomes 3 x size x size. Where ``mean`` and ``std`` (one a channel, in
    [0, 1]) are empty, a run measures them.
    """

    path: str
    size: int
    word: str = "folder"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.word}:{self.path}"

    @property
    def input(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    @property
    def class_names(self) -> tuple[str, ...]:
        return class_folders(self.trees()[0])

    @property
    def classes(self) -> int:
        return len(self.class_names)

    def trees(self) -> tuple[Path, Path | None]:
        """The training tree and the test tree; None where one tree must serve for both."""
        root = own_path(self.path)
        if not root.is_dir():
            raise EnvError(f"there is no folder {root}", help=f"{LAYOUT}; a relative PATH begins here")
        if not (root / "train").is_dir():
            return root, None
        test = next((root / n for n in TEST_NAMES if (root / n).is_dir()), None)
        if test is None:
            raise EnvError(f"{root} has a train folder, but neither test nor val", help=LAYOUT)
        return root / "train", test


def class_folders(tree: Path) -> tuple[str, ...]:
    """The names of the classes: the sub-folders of ``tree``, sorted, hidden ones left out; at least two."""
    found = tuple(sorted(p.name for p in tree.iterdir() if p.is_dir() and not p.name.startswith(".")))
    if len(found) < 2:
        raise EnvError(f"{tree} has {len(found)} sub-folders, at least two are needed", help=LAYOUT)
    return found


@data_word('folder("photos")', 'folder("photos", size=64)', slot="dataset")
def folder(path: str, size: Count = 32) -> Folder:
    """Pictures of one's own, one folder a class.

    Each becomes 3 x size x size: its shorter side is scaled to `size`, then the middle is cut. The folders
    are `PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`), or `PATH/CLASS/*` alone: then a fifth of
    each class, chosen by the hash of the file's name, is the test part. A relative path begins at the
    working folder.
    """
    return Folder(path, size)


@data_word('imagenet("ILSVRC2012")', 'imagenet("ILSVRC2012", size=128)', slot="dataset",
           paper="Russakovsky et al. 2015")  # fmt: skip
def imagenet(path: str, size: Count = 224) -> Folder:
    """ImageNet, or pictures laid out and normalised like it: `PATH/train/CLASS/*` and `PATH/val/CLASS/*`.

    It is `folder` with another size, and with the mean and deviation that published networks are trained with.
    """
    return Folder(path, size, "imagenet", IMAGENET_MEAN, IMAGENET_STD)
