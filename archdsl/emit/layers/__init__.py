"""The few modules that torch lacks.

A class needs ``torch``, ``nn``, ``F``, the classes here that it derives from, and no other name, because its source is copied
into standalone model files. A module with a phase has ``set_progress(share)``, which the training loop calls with the share
of training that is over; other code need not know it.

To add one, write a class into a file of this folder, new or not: it is found here by its name.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from archdsl.files import classes_in


def __getattr__(name: str) -> Any:
    """The class of that name; its file is imported when it is first asked for, as a net has few of them."""
    home = classes_in(Path(__file__).parent).get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found
