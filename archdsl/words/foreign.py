"""Augmentations that other packages bring: they carry their behaviour with them, the method ``apply(images, chance)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from archdsl.errors import ArchError

OWN = "archdsl."
APPLY = "apply"


def is_foreign(value: object) -> bool:
    """Whether a setting's class is of another package."""
    return is_dataclass(value) and not type(value).__module__.startswith(OWN)


def behaviour(value: object, method: str) -> Callable[..., Any]:
    """The method of a foreign value that carries it out.

    Raises:
        ArchError: it has none.
    """
    found = getattr(value, method, None)
    if not callable(found):
        kind = type(value)
        raise ArchError(f"nothing says how `{kind.__name__}` of {kind.__module__} is carried out",
                        help=f"give the class a method `{method}`, as docs/house.md describes")  # fmt: skip
    own: Callable[..., Any] = found
    return own
