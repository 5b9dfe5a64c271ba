"""archdsl: a network in a line, checked and counted without torch, compiled to PyTorch, trained and compared.

The public surface is small: ``load`` a spec, ``model`` makes an ``nn.Module``, ``load_run`` opens the folder of a run, and
``archdsl.stages`` has every stage as a function. Names are loaded on first use, so that ``import archdsl`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archdsl.version import __version__

if TYPE_CHECKING:
    from archdsl.api import Spec, load, model
    from archdsl.errors import ArchError, SpecError
    from archdsl.runs.run import Run, load_run


_HOMES = {
    "Spec": "archdsl.api", "load": "archdsl.api", "model": "archdsl.api", "ArchError": "archdsl.errors",
    "SpecError": "archdsl.errors", "Run": "archdsl.runs.run", "load_run": "archdsl.runs.run",
}  # fmt: skip

__all__ = ["ArchError", "Run", "Spec", "SpecError", "__version__", "load", "load_run", "model"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
