"""How many bytes of decoded pictures may be in memory."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from archdsl.errors import ArchError

VARIABLE = "ARCHDSL_RESIDENT_BYTES"
_GROUP = Path("/sys/fs/cgroup")


def resident_limit() -> int:
    """Bytes that a decoded set may take before its pictures are read while training: ARCHDSL_RESIDENT_BYTES, else
    half of the memory that is available now.

    Raises:
        ArchError: the variable is not a whole number.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        return available() // 2
    if not given.isascii() or not given.isdecimal():
        raise ArchError(f"{VARIABLE} is {given!r}, which is not a number of bytes", help=f"{VARIABLE}=8000000000")
    return int(given)


def available() -> int:
    """Bytes of memory that a new process could take: the system's figure, or a container's where that is less."""
    free = _system()
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit = int((_GROUP / "memory.max").read_text())
        free = min(free, limit - int((_GROUP / "memory.current").read_text()))
    return max(free, 0)


def _system() -> int:
    with suppress(OSError):
        found = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):  # not Linux: half of what the machine has
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return 4 << 30
