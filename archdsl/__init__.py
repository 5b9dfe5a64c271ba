"""archdsl: a network in a line, checked and counted without torch, compiled to PyTorch, trained and compared.

The public surface is small: ``load`` a spec, ``model`` makes an ``nn.Module``, ``train`` a run, ``load_run`` opens the folder of
one, ``ablate`` carries out a study and ``report`` reads one; ``Ids`` is the input of a network of ids; ``archdsl.stages`` has
every stage as a function. Names are loaded on first use, so that ``import archdsl`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archdsl.version import __version__

if TYPE_CHECKING:
    from archdsl.api import Spec, load, model
    from archdsl.errors import ArchError, SpecError
    from archdsl.notebook import Report, TableView, ablate, report, train
    from archdsl.registry.shapes import Ids
    from archdsl.runs.run import Run, load_run


_HOMES = {
    "Spec": "archdsl.api",
    "load": "archdsl.api",
    "model": "archdsl.api",
    "ArchError": "archdsl.errors",
    "SpecError": "archdsl.errors",
    "Run": "archdsl.runs.run",
    "load_run": "archdsl.runs.run",
    "ablate": "archdsl.notebook",
    "Report": "archdsl.notebook",
    "TableView": "archdsl.notebook",
    "Ids": "archdsl.registry.shapes",
}

_CALLED = ("train", "report")  # packages that are functions, too
__all__ = [
    "ArchError",
    "Ids",
    "Report",
    "Run",
    "Spec",
    "SpecError",
    "TableView",
    "__version__",
    "ablate",
    "load",
    "load_run",
    "model",
    "report",
    "train",
]


def __getattr__(name: str) -> object:
    if name in _CALLED:
        return import_module(f"archdsl.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
