"""Pictures of one's own: ``folder("PATH")``, one folder a class. Lists folders; reads no picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from archdsl.registry import data_word
from archdsl.registry.types import Count
from archdsl.words.data.heads import own_path
from archdsl.words.data.layouts import LAYOUT, Asked, Layout, class_folders, layout
from archdsl.words.data.sets import IMAGENET_MEAN, IMAGENET_STD
from archdsl.words.data.values import Kept, Own

__all__ = ["LAYOUT", "Folder", "class_folders", "folder", "imagenet"]


@dataclass(frozen=True, slots=True)
class Folder(Own):
    """A tree of pictures at ``path``; each becomes 3 x size x size. Where ``mean`` and ``std`` (one a channel, in
    [0, 1]) are empty, a run measures them. ``train`` and ``test`` name folders inside ``path`` where its layout does not
    say which is which. ``kept`` is what runs have recorded of it, where it is gone.
    """

    path: str
    size: int
    word: str = "folder"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    train: str | None = None
    test: str | None = None
    kept: Kept | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"{self.word}:{self.path}"

    @property
    def input(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.kept.class_names if self.kept is not None else class_folders(self.trees()[0])

    def trees(self) -> tuple[Path, Path | None]:
        """The training tree and the test tree; None where one tree must serve for both."""
        parts = self.layout()
        return parts.train, parts.test

    def layout(self) -> Layout:
        """The same, with what is to be said about it.

        Raises:
            EnvError: there is no such folder, or it is doubtful which part trains.
        """
        return layout(own_path(self.path), Asked(self.word, self.path), self.train, self.test)


@data_word(
    'folder("photos")',
    'folder("photos", size=64)',
    'folder("photos", train=".")',
    slot="dataset",
    unpublished="a layout of files",
)
def folder(path: str, size: Count = 32, train: str | None = None, test: str | None = None) -> Folder:
    """Pictures of one's own, one folder a class.

    Each becomes 3 x size x size: its shorter side is scaled to `size`, then the middle is cut. The folders
    are `PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`, and their usual spellings), or `PATH/CLASS/*`
    alone: then a fifth of each class, chosen by the hash of the file's name, is the test part. A layout that
    is doubtful is refused; `train` and `test` name the folders inside PATH, and `train="."` is PATH itself.
    A relative path begins at the working folder.
    """
    return Folder(path, size, train=train, test=test)


@data_word(
    'imagenet("ILSVRC2012")', 'imagenet("ILSVRC2012", size=128)', slot="dataset", paper="Russakovsky et al. 2015"
)
def imagenet(path: str, size: Count = 224, train: str | None = None, test: str | None = None) -> Folder:
    """ImageNet, or pictures laid out and normalised like it: `PATH/train/CLASS/*` and `PATH/val/CLASS/*`.

    It is `folder` with another size, and with the mean and standard deviation that published networks are trained
    with.
    """
    return Folder(path, size, "imagenet", IMAGENET_MEAN, IMAGENET_STD, train, test)
