"""Values of data and train words that other packages bring: they carry their behaviour with them.

An optimiser has ``build(optim, groups)``: from torch.optim and the groups of parameters (each with its ``lr``) to an
optimiser; and a field ``lr``. A schedule has ``factor(step, steps, per_epoch)``: what the learning rate is multiplied by.
Augmentations, ways to mix and corruptions are classes of ``archdsl.words.data.base``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from archdsl.errors import ArchError

OWN = "archdsl."
# What a value of a slot must be able to do; values of other slots are ours alone.
METHODS = {"optimizer": "build", "schedule": "factor"}


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
        raise without(value, method)
    own: Callable[..., Any] = found
    return own


def without(value: object, method: str) -> ArchError:
    """That a value has no behaviour."""
    kind = type(value)
    return ArchError(f"nothing says how `{kind.__name__}` of {kind.__module__} is carried out",
                     help=f"give the class a method `{method}`, as docs/house.md describes")  # fmt: skip


def check_behaviour(slot: str, value: object) -> None:
    """Refuse a foreign value of a train slot that cannot be carried out.

    Raises:
        ArchError: it says what is missing.
    """
    if not is_foreign(value):
        return
    method = METHODS.get(slot)
    if method is None:
        raise ArchError(f"the setting `{slot}` takes values of archdsl's own classes, not `{type(value).__name__}` of "
                        f"{type(value).__module__}", help=f"other packages can add to: {', '.join(METHODS)}")  # fmt: skip
    behaviour(value, method)
    if slot == "optimizer" and not isinstance(getattr(value, "lr", None), float | int):
        raise ArchError(f"the optimiser `{type(value).__name__}` of {type(value).__module__} has no field `lr`",
                        help="name its learning rate `lr`")  # fmt: skip
