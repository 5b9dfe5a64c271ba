"""Data of one's own: how each kind is read, which files it consists of, and what is said about it. The one place to add one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.data import folder, labelled, masks, pairs, table, texts
from archdsl.data.arrays import DataParts
from archdsl.errors import InternalError
from archdsl.words.data.folders import Folder
from archdsl.words.data.masks import Masks
from archdsl.words.data.pictures import Pictures
from archdsl.words.data.tables import Table
from archdsl.words.data.texts import Text
from archdsl.words.data.values import Own

Files = list[tuple[str, Path]]
Trees = tuple[Path, Path | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of data is handled.

    read: both parts, in memory or streamed.
    about: what there is to say before it is read: ``title``, ``train``, ``test``, ``counts`` by class and ``found``.
    files: those that it is read from, each by a name that says what it is for and not where it is.
    trees: those of pictures instead, of the training and the test part.
    counts: how many training and test examples there are, found without reading them; None where only reading tells.
    """

    read: Callable[[Any], DataParts]
    about: Callable[[Any], Mapping[str, Any]]
    files: Callable[[Any], Files] | None = None
    trees: Callable[[Any], Trees] | None = None
    counts: Callable[[Any], tuple[int, int]] | None = None


KINDS: dict[type[Own], Kind] = {
    Folder: Kind(folder.read, folder.about, trees=Folder.trees),
    Masks: Kind(masks.read, masks.about, pairs.files, counts=pairs.counts),
    Pictures: Kind(labelled.read, labelled.about, labelled.files, counts=labelled.counts),
    Table: Kind(table.read, table.about, table.files),
    Text: Kind(texts.read, texts.about, texts.files),
}


def kind_of(dataset: Own) -> Kind:
    """How a data set is handled."""
    try:
        return KINDS[type(dataset)]
    except KeyError:
        raise InternalError(f"nothing reads {type(dataset).__name__}") from None
