"""The C kernels: compiled on their first use by the machine's own compiler, kept, checked, and loaded."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archdsl.train.datasets.roots import cache_root

SOURCES = tuple(Path(__file__).with_name(name) for name in ("norm.c", "batch.c", "winograd.c"))
HEADERS = (Path(__file__).with_name("lanes.h"),)
# No -ffast-math: it would assume that there is no NaN, and a run that diverges is known by its NaNs.
FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
SECONDS = 120  # for a compiler on a busy machine; it takes about two
BLOCKS = 32  # as in norm.c
POINTER, LONG, INT, FLOAT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int, ctypes.c_float
TAKEN: dict[str, list[Any]] = {
    "norm_forward": [*[POINTER] * 4, *[LONG] * 4, POINTER, POINTER, FLOAT, INT] + [POINTER] * 7 + [INT],
    "norm_backward": [POINTER] * 6 + [LONG] * 4 + [INT] + [POINTER] * 9 + [INT],
    "batch": [*[POINTER] * 2, *[LONG] * 4, *[POINTER] * 4, INT],
    "winograd": [POINTER] * 5 + [LONG] * 6 + [INT, POINTER, INT],
    "winograd_weight": [POINTER] * 4 + [LONG] * 6 + [POINTER, INT],
}
# What gives a number: floats of room that is wanted, and of a vector.
GIVEN: dict[str, list[Any]] = {
    "winograd_room": [LONG] * 4,
    "winograd_weight_room": [LONG] * 4,
    "lanes": [],
}


@cache
def kernels(kind: torch.dtype) -> ctypes.CDLL | None:
    """The kernels for float32 or bfloat16; None where they cannot be had.

    They are built for Linux, whose torch shares its OpenMP with them; another system, a machine without a compiler,
    and ARCHDSL_NATIVE=0 take torch's own kernels. ARCHDSL_NATIVE may also name the folder that keeps what was compiled.
    """
    wanted = os.environ.get("ARCHDSL_NATIVE", "")
    if kind not in (torch.float32, torch.bfloat16) or wanted == "0":
        return None
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if platform.system() != "Linux" or compiler is None or not torch.backends.openmp.is_available():
        return None
    flags = (*FLAGS, *(["-DBF16"] if kind is torch.bfloat16 else []))
    folder = Path(wanted).expanduser() if wanted else cache_root().parent / "native"
    file = folder / f"kernels-{_signature(compiler, flags)}.so"
    try:
        with suppress(OSError):  # there is none yet, or the power failed and left a part of it
            return load(file)
        compile_into(compiler, flags, file)
        return load(file)
    except (OSError, subprocess.SubprocessError):
        return None


def load(file: Path) -> ctypes.CDLL:
    """What was compiled, with the types of its functions.

    Raises:
        OSError: it is not a library for this machine.
    """
    found = ctypes.CDLL(str(file))
    for names, gives in ((TAKEN, None), (GIVEN, LONG)):
        for name, takes in names.items():
            function = getattr(found, name)
            function.argtypes, function.restype = takes, gives
    return found


def available(precision: str = "fp32") -> bool:
    """Whether the kernels can be had for a net in this precision; compiles them if they have not been yet."""
    kinds = (torch.float32, *([torch.bfloat16] if precision == "bf16" else []))
    with ThreadPoolExecutor(len(kinds)) as pool:  # a compiler for each takes half of the time on two cores
        return None not in pool.map(kernels, kinds)


def floats(*shape: int) -> Tensor:
    """Room for float32 where the kernels look for it, whatever torch's own type and device are set to."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def at(t: Tensor | None) -> int | None:
    """Where its values are; None, which C takes for NULL, of none."""
    return None if t is None else t.data_ptr()


def compile_into(compiler: str, flags: tuple[str, ...], file: Path) -> None:
    """Into a file beside the target, which then takes its name: processes that start together do not meet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".so")
    os.close(handle)
    try:
        subprocess.run(
            [compiler, *flags, *map(str, SOURCES), "-o", part, "-lm"],
            check=True, timeout=SECONDS, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        with open(part, "rb") as whole:
            os.fsync(whole.fileno())
        os.replace(part, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _signature(compiler: str, flags: tuple[str, ...]) -> str:
    """A name for the source, the compiler and the processor: home folders are shared between machines."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
        processor = [line for line in told.splitlines() if line.split("\t")[0] in ("model name", "flags", "Features")]
    except OSError:
        processor = [platform.processor()]
    parts = (
        [source.read_bytes() for source in (*SOURCES, *HEADERS)],
        compiler,
        os.stat(compiler).st_size,
        flags,
        platform.machine(),
        processor,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
