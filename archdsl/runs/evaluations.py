"""The evaluations of a finished run, in its folder: ``evaluations/KEY.json``, a file for each statement and seed.

A file holds the figures, what was asked, and the hash of the weights that were evaluated: of a run that was trained again, they
are not there. Two processes that evaluate the same at once write the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.atomic import as_json, read_object, write_together, writing
from archdsl.runs.correct import packed

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools
    from archdsl.runs.run import Run

FOLDER = "evaluations"
# Figures of the net as it was trained, which an evaluation measures again or drops.
OF_THE_RUN = ("valid_", "best_valid_", "evaluations")


def place(folder: Path, key: str) -> Path:
    """The file of an evaluation in a run's folder."""
    return folder / FOLDER / f"{key}.json"


def stored(run: Run, key: str) -> Mapping[str, Any] | None:
    """What is known of an evaluation; None where it is not there, damaged, or of other weights.

    Raises:
        EnvError: the system does not let it be read.
    """
    try:
        record = read_object(place(run.folder, key))
    except (OSError, ValueError):
        return None
    weights = (run.result or {}).get("weights_sha256")
    return record if record.get("weights") == weights and isinstance(record.get("figures"), dict) else None


def keep(run: Run, key: str, record: Mapping[str, Any], correct: Bools | None) -> None:
    """Write an evaluation, as a whole or not at all.

    Args:
        record: ``figures`` by name, ``test_images`` among them, and whatever else is to be known.
        correct: whether each test image was classified correctly, shape (images,); None where they have no class.

    Raises:
        EnvError: it cannot be written.
    """
    file = place(run.folder, key)
    with writing(file):
        file.parent.mkdir(exist_ok=True)
    whole = {**record, "weights": (run.result or {}).get("weights_sha256")}
    bits = [(bits_of(run.folder, key), packed(correct))] if correct is not None else []
    write_together([*bits, (file, as_json(whole, indent=2))])


def bits_of(folder: Path, key: str) -> Path:
    """Where an evaluation says which test images were classified correctly."""
    return folder / FOLDER / f"{key}.bits"


def overlaid(result: Mapping[str, Any], record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The figures of a run with those of an evaluation in their place; ``evaluation`` is the key."""
    kept = {k: v for k, v in result.items() if not k.startswith(OF_THE_RUN)}
    return {**kept, **record["figures"], "evaluation": key}
