"""What the tests of the kernels for inference share."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from archdsl.accelerate.native import available, dense, known, separable
from archdsl.accelerate.native.kernels import Part, lanes
from tests.train.libraries import compiled

SIXTEEN = 16  # channels that fill vectors on every processor
needs = pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")
needs_wide = pytest.mark.skipif(
    lanes() != SIXTEEN, reason="the numbers of channels are those of vectors of 16 lanes, which this processor lacks"
)
needs_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the flags are those of x86 processors"
)
narrower = pytest.mark.parametrize("less", ["-mno-avx512f", pytest.param("-mno-avx", marks=pytest.mark.slow)])


def random_images(*shape: int) -> Tensor:
    """The same ones each time, in channels_last."""
    values = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return torch.empty(shape, memory_format=torch.channels_last).copy_(values)


def narrow(monkeypatch: pytest.MonkeyPatch, module: ModuleType, part: Part, folder: Path, less: str) -> None:
    """Let a module take its part's kernels as a processor with narrower vectors has them."""
    compiler = shutil.which("cc")
    assert compiler is not None
    library, many = compiled(compiler, folder, part, less), compiled(compiler, folder, "batch", less).lanes()
    monkeypatch.setattr(module, "loaded", lambda part: library)
    for reader in (dense, known, separable):
        monkeypatch.setattr(reader, "lanes", lambda: many)
