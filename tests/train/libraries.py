"""Libraries of kernels as other processors would have them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.native import available, granted
from archdsl.accelerate.native.kernels import FLAGS, SOURCES, TILE_INSTRUCTIONS, Part, Place, compile_into, load

_here = getattr(torch.cpu, "get_capabilities", dict)()
has_amx = pytest.mark.skipif(not granted(), reason="needs a processor with AMX")
can_imitate_amx = pytest.mark.skipif(
    not available("bf16") or not all(_here.get(name) for name in TILE_INSTRUCTIONS if name.startswith("avx")),
    reason="needs Linux, a C compiler, and a processor with AVX-512 for bf16",
)


def compiled(compiler: str, folder: Path, part: Part, *flags: str) -> ctypes.CDLL:
    """A part's library, compiled with these flags, too."""
    place = Place(compiler, (*FLAGS, *flags), folder / f"{part}{''.join(flags)}.so", SOURCES[part])
    compile_into(*place)
    return load(part, place)
