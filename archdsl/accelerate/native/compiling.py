"""Compiles a library of kernels into a cache that nobody else can write, and knows one that is whole when it sees it.

A library ends in a hash of all that is before it; the loader of the system takes no notice of what follows the last section.
A compiler that does not end is ended, and remembered for an hour, so that not every command waits for it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

from archdsl import locks
from archdsl.locks import Waited
from archdsl.processes import descendants, kill
from archdsl.trust import make_private

HERE = Path(__file__).parent
# A library for each part, so that processes which start together compile one each.
# "separable", "dense" and "partial" (convolutions whose channels fill no vectors) are for inference alone, and are compiled when
# a net needs them.
SOURCES = {
    "conv": (HERE / "winograd.c",),
    "norm": (HERE / "norm.c", HERE / "pool.c"),
    "batch": (HERE / "batch.c",),
    "separable": (HERE / "separable.c",),
    "partial": (HERE / "winograd.c",),
    "dense": (HERE / "dense.c",),
    "tiles": (HERE / "joint.c",),  # for processors with AMX alone
}
# What sources include, some of each other.
HEADERS = tuple(HERE / name for name in ("lanes.h", "depthwise.h", "tiles.h", "tiles.c", "norm.c"))
# No -ffast-math: it would assume that there is no NaN, and a run that diverges is known by its NaNs.
FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
SECONDS = "ARCHDSL_COMPILE_SECONDS"
# Seconds for a compiler on a busy machine; it takes about two. Another process that has the lock is waited for as long, so that
# one which compiles within its own limit is never given up: workers of one study would have other kernels.
LIMIT = 60.0
FORGOTTEN = 3600.0  # seconds after which a compiler that did not end is tried again
MARK = b"archdsl1"  # in front of the hash


class Place(NamedTuple):
    """Where a library is, or will be, and what compiles it."""

    compiler: str
    flags: tuple[str, ...]
    file: Path
    sources: tuple[Path, ...]


def limit() -> float:
    """Seconds for a compiler."""
    with suppress(ValueError):
        if (given := float(os.environ.get(SECONDS, ""))) > 0:
            return given
    return LIMIT


def whole(file: Path) -> bool:
    """Whether a library is what was compiled, to the last byte: to load a part of one kills the process.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    content = file.read_bytes()
    body, mark, sha = content[: -len(MARK) - 32], content[-len(MARK) - 32 : -32], content[-32:]
    return mark == MARK and hashlib.sha256(body).digest() == sha


def compile_into(compiler: str, flags: tuple[str, ...], file: Path, sources: tuple[Path, ...]) -> None:
    """Into a file beside the target, which then takes its name: processes that start together do not meet.

    Raises:
        Waited: the compiler did not end in time; it and what it started are gone.
        OSError, subprocess.SubprocessError: it failed, or what it wrote is not a library.
    """
    make_private(file.parent)
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".so")
    os.close(handle)
    try:
        _compile([compiler, *flags, *map(str, sources), "-o", part, "-lm"])
        _seal(Path(part))
        os.replace(part, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _compile(command: list[str]) -> None:
    # In our own process group, so that an interruption at the terminal, or the end of a worker, reaches it, too.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        code = process.wait(limit())
    except subprocess.TimeoutExpired:
        raise Waited(f"the compiler {command[0]} did not end within {limit():g} s") from None
    finally:
        if process.returncode is None:
            kill([*descendants(process.pid), process.pid], signal.SIGKILL)
            process.wait()
    if code:
        raise subprocess.CalledProcessError(code, command[0])


def _seal(file: Path) -> None:
    """Put the hash at the end of a library, and bring it to the disk."""
    content = file.read_bytes()
    if not _reaches_its_end(content):
        raise OSError(f"{file} is not a library of this machine")
    with file.open("ab") as library:
        library.write(MARK + hashlib.sha256(content).digest())
        library.flush()
        os.fsync(library.fileno())
    file.chmod(0o700)


def _reaches_its_end(content: bytes) -> bool:
    """Whether an ELF file of 64 bits, as all machines for which torch is built have, has its table of sections, which
    stands at its end.
    """
    if len(content) < 64 or content[:6] != b"\x7fELF\x02\x01":
        return False
    offset, (size, count) = struct.unpack_from("<Q", content, 0x28)[0], struct.unpack_from("<HH", content, 0x3A)
    return bool(len(content) >= offset + size * count)


# -- one process at a time --------------------------------------------------------------------------------


def alone(file: Path, wait: bool = True) -> AbstractContextManager[None]:
    """One process at a time compiles a library; without locks, too, the rename is still at once.

    Raises:
        Waited: another one did not end in time, or has the lock and we do not wait.
    """
    return locks.alone(file.with_suffix(".lock"), limit() if wait else 0)


# -- failures ---------------------------------------------------------------------------------------------


def failed_before(file: Path) -> str:
    """Why compiling this library was given up within the last hour; "" where it was not."""
    note = file.with_suffix(".failed")
    with suppress(OSError):
        if 0 <= time.time() - note.stat().st_mtime < FORGOTTEN:
            return note.read_text("utf-8", errors="replace").strip() or "it failed before"
    return ""


def remember_failure(file: Path, why: str) -> None:
    """Leave word for the processes that follow."""
    with suppress(OSError):
        file.with_suffix(".failed").write_text(f"{why}\n", "utf-8")


def forget_failure(file: Path) -> None:
    """Take the word back: the library is there."""
    with suppress(OSError):
        file.with_suffix(".failed").unlink()
