"""Libraries of kernels as other processors would have them."""

from __future__ import annotations

import ctypes
from pathlib import Path

from archdsl.accelerate.native.kernels import FLAGS, SOURCES, Part, Place, compile_into, load


def compiled(compiler: str, folder: Path, part: Part, *flags: str) -> ctypes.CDLL:
    """A part's library, compiled with these flags, too."""
    place = Place(compiler, (*FLAGS, *flags), folder / f"{part}{''.join(flags)}.so", SOURCES[part])
    compile_into(*place)
    return load(part, place)
