"""One thing that is wrong with a setting, or a setting without effect. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.errors import Severity
from archdsl.registry.shapes import Ids


@dataclass(frozen=True, slots=True)
class Finding:
    """``about`` is the value that a word gave, or the name of a slot. Errors are what training refuses; warnings are words
    without effect.
    """

    message: str
    help: str
    about: Any
    severity: Severity = "error"


def things(shape: tuple[int, ...]) -> str:
    """What examples of this shape are called: images, or the rows of a table."""
    if isinstance(shape, Ids):
        return "windows"
    return "images" if len(shape) == 3 else "rows"
