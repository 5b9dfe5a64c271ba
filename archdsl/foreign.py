"""What must be said before other people's packages are imported; the one place where it is said.

Two things, and both must come before the import, wherever that import is: in our code, in timm's, in a user's file.

**Telemetry is off.** onnxruntime queues events about the process in the user's cache, and looks up a host of its maker, as
soon as it is imported; Ray reports usage from each cluster that it starts; huggingface_hub adds statistics to its requests.
A value that the user has set in the environment stays.

**torchvision imports beside any build of torch.** Its compiled operators load only into the torch that they were built for;
a CUDA build of torchvision beside a CPU build of torch finds none of its libraries. Its Python part, all that we use (data
sets, transforms and model definitions), still works, but the import registers shape rules for operators and stops with
"operator torchvision::nms does not exist". So the import is tried as it is. Only where it stops for that reason, the
schemas of the two operators are declared, what was half imported is dropped, and torchvision is imported once more. Nothing
is concluded from the names of its files, which differ between releases.

The module is free of torch: words of other packages are loaded through here, too.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",  # read by onnxruntime while it is imported; its own switch afterwards is too late
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, which timm imports
    "RAY_USAGE_STATS_ENABLED": "0",
}
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")  # for which torchvision registers shape rules whether or not its operators are there


def prepare() -> None:
    """Call it before importing a package of others that is named above, or code that may import one.

    Calling it again does nothing more.
    """
    for name, value in TELEMETRY.items():
        os.environ.setdefault(name, value)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds torchvision where the other finders do, and gives it a loader that tries twice."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As ``importlib.abc.MetaPathFinder`` has it."""
        if name != "torchvision":
            return None
        for other in sys.meta_path:
            if not isinstance(other, _Finder) and (spec := other.find_spec(name, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = cast("Loader", _Loader(spec.loader))
                return spec
        return None


class _Loader:
    def __init__(self, real: Loader) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)  # reading package data and the like

    def exec_module(self, module: ModuleType) -> None:
        """Run torchvision's ``__init__``."""
        try:
            self._real.exec_module(module)
        except RuntimeError as error:
            if not _operators_missing(error):
                raise
            _forget(module)
            _declare()
            self._real.exec_module(module)


def _operators_missing(error: RuntimeError) -> bool:
    return any(f"operator torchvision::{name} does not exist" in str(error) for name in OPERATORS)


def _forget(module: ModuleType) -> None:
    """Drop what a failed import left: its submodules, and the names that it gave to ``module``."""
    for name in [n for n in sys.modules if n.startswith(f"{module.__name__}.")]:
        del sys.modules[name]
    for name in [n for n in vars(module) if not (n.startswith("__") and n.endswith("__"))]:
        delattr(module, name)


def _declare() -> None:
    torch: Any = sys.modules["torch"]  # torchvision has imported it
    for name in OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SCHEMA)
