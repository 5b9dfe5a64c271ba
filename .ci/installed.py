"""What an installed wheel must have beside its modules: the C kernels, whole, and compiled where there is a compiler.

It stands in a file of its own so that ruff and mypy read it, as they read the code that it calls.
"""

from __future__ import annotations

import shutil
import sys

import torch

from archdsl.accelerate.native.compiling import HEADERS, SOURCES
from archdsl.accelerate.native.kernels import available, has_tiles, kernels

files = (*HEADERS, *(source for part in SOURCES.values() for source in part))
if missing := [str(file) for file in files if not file.is_file()]:
    sys.exit(f"the sources of the kernels did not come along: {', '.join(missing)}")
if shutil.which("cc") is None:
    print(f"{len(files)} sources of kernels; no C compiler here to try them with")
elif not available("fp32", "bf16") or any(kernels(part) is None for part in ("separable", "dense", "partial")):
    sys.exit("a C compiler is here, and the kernels of the wheel were not compiled")
elif has_tiles() and kernels("tiles", torch.bfloat16) is None:
    sys.exit("the processor has AMX, and the kernels for it were not compiled")
else:
    print(f"{len(files)} sources of kernels, compiled")
