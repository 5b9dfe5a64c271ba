"""Imports torchvision, also beside a torch whose build it does not match.

torchvision's compiled operators load only into the torch that they were built for; a CUDA build of
torchvision beside a CPU build of torch finds none of its libraries. Its Python part, all that we use (data
sets and model definitions), would still work, but its import registers shape rules for two operators and
stops with "operator torchvision::nms does not exist". Declaring the two makes the import pass. Where the
real operators load, nothing is declared.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")


def import_torchvision() -> ModuleType:
    """The package torchvision.

    Raises:
        ImportError: it is not installed.
    """
    if "torchvision" not in sys.modules and not _real_operators():
        for name in OPERATORS:
            if not hasattr(torch.ops.torchvision, name):
                torch.library.define(f"torchvision::{name}", SCHEMA)
    import torchvision

    return torchvision


def _real_operators() -> bool:
    """Whether the compiled operators load. Loading them twice does nothing, so torchvision may do it again."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed")
    folder = Path(spec.origin).parent
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        library = folder / f"_C{suffix}"
        if library.is_file():
            try:
                torch.ops.load_library(str(library))
            except (OSError, RuntimeError):
                return False
            return hasattr(torch.ops.torchvision, "nms")
    return False
