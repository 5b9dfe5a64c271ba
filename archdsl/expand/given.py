"""What a Python program gives beside a text (an input, a number of classes, settings), checked and in one spelling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError, Source
from archdsl.registry.shapes import Ids, dims

INPUT = "give a shape such as (3, 32, 32), '3x32x32', 64 for a vector, or Ids(128, 256) or '128 ids(256)' for ids"


def input_text(value: Any) -> str | None:
    """An input as the language writes it.

    Args:
        value: None, a text such as ``"3x32x32"``, one whole number for a vector, or one to three of them; whole numbers
            of NumPy and torch will do.

    Raises:
        ArchError: it is anything else.
    """
    if value is None or isinstance(value, str):
        return value
    if (shape := input_shape(value)) is None:
        return None
    return dims(shape)


def input_shape(value: Any) -> tuple[int, ...] | None:
    """An input (c, h, w), (n, d) or (d,) as plain integers; ``Ids`` as they are.

    Raises:
        ArchError: it is none.
    """
    if value is None or isinstance(value, Ids):
        return value
    one = _whole(value)
    if one is None and (isinstance(value, str | bytes | dict) or not isinstance(value, Iterable)):
        raise ArchError(f"input={_shown(value)} is not a shape", help=INPUT)
    shape = (one,) if one is not None else tuple(map(_whole, value))
    if not 1 <= len(shape) <= 3 or any(n is None or n < 1 for n in shape):
        raise ArchError(f"input={_shown(value)} is not a shape of positive whole numbers", help=INPUT)
    return tuple(n for n in shape if n is not None)


def classes_text(value: Any) -> str | None:
    """A number of classes as text.

    Raises:
        ArchError: it is not a positive whole number, nor a text.
    """
    if value is None or isinstance(value, str):
        return value
    number = classes_number(value)
    return None if number is None else str(number)


def classes_number(value: Any) -> int | None:
    """A number of classes.

    Raises:
        ArchError: it is not a positive whole number.
    """
    if value is None:
        return None
    number = _whole(value)
    if number is None or number < 1:
        raise ArchError(f"classes={_shown(value)} is not a positive whole number", help="for example classes=10")
    return number


def texts(name: str, value: Any, example: str = "train.epochs=1") -> tuple[str, ...]:
    """What the command line takes several of; one alone may be a text. ``example`` is one of them, for the message.

    Raises:
        ArchError: there is something that is not a text.
    """
    given = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (None,)
    if isinstance(value, bytes | dict) or not all(isinstance(v, str) for v in given):
        raise ArchError(f"{name}={_shown(value)} is not a list of texts", help=f'for example {name}=["{example}"]')
    return given


def text(name: str, value: Any) -> str | None:
    """A setting that is a text, or None.

    Raises:
        ArchError: it is anything else.
    """
    if value is not None and not isinstance(value, str):
        raise ArchError(f"{name}={_shown(value)} is not a text", help=f'for example {name}="cifar10"')
    return value


def amount(name: str, value: Any) -> str | None:
    """An amount such as ``"5%"``; a number as its decimal digits.

    Raises:
        ArchError: it is neither a text nor a finite number.
    """
    if value is None or isinstance(value, str):
        return value
    number = _real(value)
    if number is None or not math.isfinite(number):
        raise ArchError(f"{name}={_shown(value)} is not an amount", help=f'for example {name}=0.05, or {name}="5%"')
    return f"{number:.15f}".rstrip("0").rstrip(".")


def number(name: str, value: Any, whole: bool = False) -> Any:
    """A positive number, or None.

    Raises:
        ArchError: it is anything else.
    """
    if value is None:
        return None
    found = _whole(value) if whole else _real(value)
    if found is None or not 0 < found < math.inf:
        raise ArchError(
            f"{name}={_shown(value)} is not a positive {'whole ' if whole else ''}number", help=f"for example {name}=20"
        )
    return found


def seeds(value: Any) -> str | int | tuple[int, ...] | None:
    """Seeds: a text, how many, or a list of them.

    Raises:
        ArchError: it is none of these.
    """
    if value is None or isinstance(value, str) or (many := _whole(value)) is not None:
        return value if value is None or isinstance(value, str) else many
    listed = () if isinstance(value, bytes | dict) or not isinstance(value, Iterable) else tuple(map(_whole, value))
    found = tuple(n for n in listed if n is not None and n >= 0)
    if not found or len(found) < len(listed) or len(set(found)) < len(found):
        raise ArchError(
            f"seeds={_shown(value)} is not a number of seeds, nor a list of different ones",
            help='for example seeds=5, seeds=[0, 1, 2] or seeds="auto"',
        )
    return found


def spec(value: Any) -> Source | str:
    """What stands for a spec.

    Raises:
        ArchError: it is not a text, path or source.
    """
    if isinstance(value, Source):
        return value
    if not isinstance(value, str | Path):
        raise ArchError(f"{_shown(value)} is not a spec", help="give a text, a path, or the name of a shipped spec")
    return str(value)


def _whole(value: Any) -> int | None:
    """A whole number of whatever library; a truth value is none."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return index(value)
    except (TypeError, ValueError, RuntimeError):  # a tensor of several numbers raises its own error
        return None


def _real(value: Any) -> float | None:
    """A number of whatever library; a truth value and a text are none."""
    if type(value).__name__ in ("bool", "bool_") or not hasattr(type(value), "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _shown(value: Any) -> str:
    """A value as a message shows it."""
    try:
        shown = repr(value)
    except Exception:  # somebody else's class
        shown = f"<{type(value).__name__}>"
    return shown if len(shown) <= 60 else shown[:57] + "…"
