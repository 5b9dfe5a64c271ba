"""What an exported file says of its network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, StoreError
from archdsl.files import read_regular
from archdsl.ir.fans import heads_of
from archdsl.registry.shapes import Ids
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.runs.run import Run

MOST_LABELS = 1 << 24  # bytes of a file with the names of classes


def metadata(spec: Spec, run: Run | None = None, labels: str | None = None) -> dict[str, str]:
    """What a file says of its network besides its form: the text, its hash, the names of the classes, and how images are
    normalised: (x / 255 - mean) / std for each channel, as JSON.
    """
    found = {"archdsl.spec": spec.canonical, "archdsl.hash": spec.hash}
    known = facts(spec, run)
    several = bool(heads_of(spec.trace))
    if several and labels is not None:
        raise ArchError(
            "--labels names the classes of one output, and the network has several heads", help="leave it out"
        )
    names = named(labels, spec.classes) if labels is not None else () if several else known.get("class_names", ())
    if run is None and len(names) != spec.classes:
        names = ()  # of the data set, and `classes` is another number
    if "data" in known:
        found["archdsl.data"] = known["data"]
    values = {"class_names": names}
    if not isinstance(spec.input, Ids):  # which are not normalised
        values |= {"mean": known.get("mean", ()), "std": known.get("std", ())}
    return found | {f"archdsl.{k}": json.dumps(v) for k, v in values.items() if v}


def facts(spec: Spec, run: Run | None) -> dict[str, Any]:
    """``data``, ``class_names``, ``mean`` and ``std``, as far as they are known. A run says what it was trained with; a
    spec, what is published of its data set, which is nothing for a folder of one's own.
    """
    from archdsl.words.data.values import Dataset

    found: dict[str, Any] = {}
    for setting in spec.graph.data:
        data = setting.value
        if isinstance(data, Dataset) and data.input[0] == spec.input[0]:  # another size is normalised alike
            found = {"data": data.name, "class_names": data.class_names, "mean": data.mean, "std": data.std}
    if run is not None:
        try:
            known = run.facts
        except StoreError:
            if found:
                raise
            return found
        if known.input[0] == spec.input[0]:
            found |= {"class_names": known.classes, "mean": known.mean, "std": known.std}
    return found


def named(labels: str, classes: int) -> tuple[str, ...]:
    """The names of the classes from a list or from a file with a line for each.

    Raises:
        ArchError: there are more or fewer than classes.
    """
    file = Path(labels)
    if "," not in labels and os.path.lexists(file) and not file.is_dir():
        try:
            text = read_regular(file, MOST_LABELS).decode("utf-8-sig")
            names = tuple(line.strip() for line in text.splitlines() if line.strip())
        except OSError as error:
            raise ArchError(f"{file} cannot be read: {error.strerror}", help="one name per line") from error
        except UnicodeDecodeError as error:
            raise ArchError(f"{file} is not UTF-8 text", help="one name per line") from error
    else:
        names = tuple(name.strip() for name in labels.split(","))
    if len(names) != classes:
        raise ArchError(
            f"--labels names {many(len(names), 'class', 'classes')}, and the network has {classes}",
            help="separate them by commas, or name a file with one a line",
        )
    return names
