"""The C kernels: compiled on their first use by the machine's own compiler, kept, checked, and loaded."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archdsl.train.datasets.roots import cache_root
from archdsl.train.datasets.stream import cores

CONVOLUTIONS = (Path(__file__).with_name("winograd.c"),)
SOURCES = (*(Path(__file__).with_name(name) for name in ("norm.c", "batch.c")), *CONVOLUTIONS)
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


class _Place(NamedTuple):
    """Where a library is, or will be, and what compiles it."""

    compiler: str
    flags: tuple[str, ...]
    file: Path
    sources: tuple[Path, ...]


@cache
def kernels(kind: torch.dtype, narrow: bool = False) -> ctypes.CDLL | None:
    """The kernels for float32 or bfloat16; None where they cannot be had. ``narrow`` has the convolutions alone, in vectors
    half as wide where those are of 512 bits, for channels that fill no wide ones.

    They are built for Linux, whose torch shares its OpenMP with them; another system, a machine without a compiler,
    and ARCHDSL_NATIVE=0 take torch's own kernels. ARCHDSL_NATIVE may also name the folder that keeps what was compiled.
    """
    place = _place(kind, narrow)
    if place is None:
        return None
    if (found := _had(place)) is not None:  # also from a folder that is not ours to write to
        return found
    try:
        with _alone(place.file):
            return _had(place) or _made(place)
    except (OSError, subprocess.SubprocessError):
        return None


def available(precision: str = "fp32", narrow: bool = False) -> bool:
    """Whether the kernels can be had for a net in this precision; compiles them if they have not been yet.

    As many compilers as this process has cores; processes that start together, as the workers of a study do, each take
    what no other one has begun.
    """
    kinds = (torch.float32, *([torch.bfloat16] if precision == "bf16" else []))
    places = [_place(kind, narrow) for kind in kinds]
    missing = [place for place in places if place is not None and not place.file.exists()]
    if None in places:
        return False
    if missing:
        with ThreadPoolExecutor(min(len(missing), cores())) as pool:
            list(pool.map(_make_if_free, missing))
    return all(kernels(kind, narrow) is not None for kind in kinds)


def _place(kind: torch.dtype, narrow: bool) -> _Place | None:
    wanted = os.environ.get("ARCHDSL_NATIVE", "")
    if kind not in (torch.float32, torch.bfloat16) or wanted == "0":
        return None
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if platform.system() != "Linux" or compiler is None or not torch.backends.openmp.is_available():
        return None
    flags = (*FLAGS, *(["-DBF16"] if kind is torch.bfloat16 else []), *(["-DNARROW"] if narrow else []))
    folder = Path(wanted).expanduser() if wanted else cache_root().parent / "native"
    sources = CONVOLUTIONS if narrow else SOURCES
    return _Place(compiler, flags, folder / f"kernels-{_signature(compiler, flags)}.so", sources)


def _had(place: _Place) -> ctypes.CDLL | None:
    """The library; None if there is none yet, or the power failed and left a part of it."""
    try:
        return load(place.file) if _whole(place.file) else None
    except OSError:
        return None


def _whole(file: Path) -> bool:
    """Whether a library reaches to its end, where the table of its sections is; to load a part of one kills the process.

    Raises:
        OSError: there is none.
    """
    with file.open("rb") as library:
        head = library.read(64)
    if head[:6] != b"\x7fELF\x02\x01":  # of 64 bits, as all machines for which torch is built
        return False
    offset, (size, count) = struct.unpack_from("<Q", head, 0x28)[0], struct.unpack_from("<HH", head, 0x3A)
    return len(head) == 64 and file.stat().st_size >= offset + size * count


def _made(place: _Place) -> ctypes.CDLL:
    compile_into(*place)
    return load(place.file)


def _make_if_free(place: _Place) -> None:
    """Compile a library that no other process is compiling. What goes wrong, `kernels` will find."""
    with suppress(OSError, subprocess.SubprocessError), _alone(place.file, wait=False):
        if not place.file.exists():
            compile_into(*place)


@contextmanager
def _alone(file: Path, wait: bool = True) -> Iterator[None]:
    """One process at a time, as far as the file system has locks.

    Raises:
        BlockingIOError: another one is at it, and we do not wait.
    """
    import fcntl  # not on Windows, where nothing is compiled

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(file.with_suffix(".lock"), os.O_RDONLY | os.O_CREAT, 0o644)  # which may be another user's
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield
    finally:
        os.close(lock)


def load(file: Path) -> ctypes.CDLL:
    """What was compiled, with the types of its functions.

    Raises:
        OSError: it is not a library for this machine.
    """
    found = ctypes.CDLL(str(file))
    for names, gives in ((TAKEN, None), (GIVEN, LONG)):
        for name, takes in names.items():
            function = getattr(found, name, None)  # narrow ones are convolutions alone
            if function is not None:
                function.argtypes, function.restype = takes, gives
    return found


def floats(*shape: int) -> Tensor:
    """Room for float32 where the kernels look for it, whatever torch's own type and device are set to."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def at(t: Tensor | None) -> int | None:
    """Where its values are; None, which C takes for NULL, of none."""
    return None if t is None else t.data_ptr()


def compile_into(compiler: str, flags: tuple[str, ...], file: Path, sources: tuple[Path, ...] = SOURCES) -> None:
    """Into a file beside the target, which then takes its name: processes that start together do not meet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".so")
    os.close(handle)
    try:
        subprocess.run(
            [compiler, *flags, *map(str, sources), "-o", part, "-lm"],
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
