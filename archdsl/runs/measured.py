"""Figures of a trained net that were computed after its run had ended, kept beside its result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from archdsl.atomic import as_json, read_object, write_whole
from archdsl.errors import ArchError

MEASURED = "measured.json"
_OF = "weights_sha256"  # the figures are of these weights
_RULE, _NOW = (
    "weights_are",
    "of layers",
)  # by which rule; before there was one, norms, scales and positions counted as weights
_BY_RULE = ("small_weights(", "groups_off(")


def read_measured(folder: Path, result: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures that are kept of the weights of a run; None where a net has no such figure."""
    try:
        known = read_object(folder / MEASURED)
    except (ArchError, OSError, ValueError):
        return {}
    if known.get(_OF) != result.get(_OF):
        return {}
    if known.get(_RULE) != _NOW:
        known = {k: v for k, v in known.items() if not k.startswith(_BY_RULE)}
    return {k: v for k, v in known.items() if v is None or (isinstance(v, int | float) and not isinstance(v, bool))}


def keep_measured(folder: Path, result: Mapping[str, Any], name: str, value: float | None) -> None:
    """Keep a figure; where the folder cannot be written, it is computed again the next time."""
    with suppress(ArchError, OSError):
        known = {**read_measured(folder, result), name: value, _OF: result.get(_OF), _RULE: _NOW}
        write_whole(folder / MEASURED, as_json(known, indent=1))
