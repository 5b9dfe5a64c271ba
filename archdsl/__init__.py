"""archdsl: a network in a line, checked and counted without torch, compiled to PyTorch, trained and compared.

The public surface is small; every name here is loaded on first use, so that ``import archdsl`` costs nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "parse": "archdsl.syntax.parse",
    "format": "archdsl.syntax.format",
    "expand": "archdsl.expand",
    "trace": "archdsl.ir.trace",
    "cost": "archdsl.ir.cost",
    "build": "archdsl.emit.build",
    "source": "archdsl.emit.source",
    "Spec": "archdsl.api",
    "load": "archdsl.api",
    "model": "archdsl.api",
    "ArchError": "archdsl.errors",
    "SpecError": "archdsl.errors",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 - names are resolved by __getattr__


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
