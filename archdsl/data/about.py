"""What there is to say about a data set before it is trained on: its shape, its classes, its size, its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from archdsl.data import download, shards, table, tree
from archdsl.data.load import locate
from archdsl.data.roots import download_root
from archdsl.errors import EnvError
from archdsl.words.data.folders import Folder
from archdsl.words.data.spelling import listing
from archdsl.words.data.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.words.data.values import Dataset


def about(dataset: Dataset | Folder | Table, root: str | Path | None = None) -> dict[str, Any]:
    """The facts as plain values. ``place`` is the folder or file, None where the set is not here; ``mean`` and ``std``
    are empty where a run measures them on its own training images. Of data of one's own, ``counts`` are the training and test
    pictures or rows of each class, and ``found`` says how it is read and what is left out.

    Raises:
        EnvError: a folder or table of one's own is missing or damaged. Published sets need not be there.
    """
    own = _own(dataset) if isinstance(dataset, Folder | Table) else _published(dataset, root)
    return {
        "name": dataset.name,
        "title": own["title"],
        "input": list(dataset.input),
        "classes": dataset.classes,
        "train": own["train"],
        "test": own["test"],
        "place": own["place"],
        "get": own["get"],
        "licence": own["licence"],
        "home": own["home"],
        "mean": list(getattr(dataset, "mean", ())),
        "std": list(getattr(dataset, "std", ())),
        "columns": list(dataset.head.features) if isinstance(dataset, Table) else None,
        "class_names": list(dataset.class_names),
        "counts": own.get("counts"),
        "found": own.get("found"),
    }


def _published(dataset: Dataset, root: str | Path | None) -> dict[str, Any]:
    place = locate(dataset, root)
    get, refused = None, []
    for part in ("train", "test"):
        try:
            shards.check(shards.shards(place, part) if place is not None else (), part)
        except EnvError as error:
            refused.append(f"warning: a run refuses this set: {error.message}")
    if place is None:
        try:
            get = f"a run downloads it into {download_root(root) / download.folder_of(download.key(dataset))}"
        except EnvError as error:
            get = f"{error.message}: {error.help}"
    return {
        "title": dataset.title,
        "train": dataset.train,
        "test": dataset.test,
        "licence": dataset.licence,
        "place": str(place) if place is not None else None,
        "get": get,
        "home": dataset.home,
        "found": refused or None,
    }


def _empty(found: tree.Found) -> list[str]:
    """Files without a byte, which a run refuses; no picture is decoded here."""
    empty = [str(path) for path, _ in (*found.train, *found.test) if not os.path.getsize(path)]
    many = f"{len(empty):,} pictures are" if len(empty) > 1 else "1 picture is"
    return [f"warning: a run refuses this set: {many} empty (0 bytes): {listing(empty)}"] if empty else []


def _own(dataset: Folder | Table) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if isinstance(dataset, Folder):
        layout = dataset.layout()
        found = tree.find(layout.train, layout.test)
        title, counts = "pictures of one's own", (len(found.train), len(found.test))
        more = {
            "counts": {name: [train, test] for name, train, test in found.counts()},
            "found": [*layout.notes, *found.notes, *_empty(found)],
        }
    else:
        parts = table.read(dataset)
        title, counts = f"a table of one's own, target `{dataset.head.target}`", (len(parts.train), len(parts.test))
        more = {
            "counts": table.counts(parts, dataset.head),
            "found": list(parts.notes[2:]),
        }  # columns and classes are shown
    return {
        "title": title,
        "train": counts[0],
        "test": counts[1],
        "place": dataset.path,
        "get": None,
        "licence": None,
        "home": None,
        **more,
    }
