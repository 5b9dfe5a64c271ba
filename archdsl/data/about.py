"""What there is to say about a data set before it is trained on: its shape, its classes, its size, its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.data import download, shards
from archdsl.data.load import locate
from archdsl.data.own import kind_of
from archdsl.data.roots import download_root
from archdsl.errors import EnvError
from archdsl.registry.shapes import Ids
from archdsl.words.data.tables import Table
from archdsl.words.data.values import Own
from archdsl.words.tasks import task_of

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.words.data.values import Dataset


def about(dataset: Dataset | Own, root: str | Path | None = None) -> dict[str, Any]:
    """The facts as plain values. ``place`` is the folder or file, None where the set is not here; ``mean`` and ``std``
    are empty where a run measures them on its own training images. Of data of one's own, ``counts`` are the training and test
    pictures or rows of each class, and ``found`` says how it is read and what is left out.

    Raises:
        EnvError: a folder or table of one's own is missing or damaged. Published sets need not be there.
    """
    own = _own(dataset) if isinstance(dataset, Own) else _published(dataset, root)
    return {
        "name": dataset.name,
        "title": own["title"],
        "task": task_of(dataset).name,
        "input": list(dataset.input),
        **({"vocabulary": dataset.input.vocabulary} if isinstance(dataset.input, Ids) else {}),
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


def _own(dataset: Own) -> dict[str, Any]:
    return {"place": dataset.path, "get": None, "licence": None, "home": None, **kind_of(dataset).about(dataset)}
