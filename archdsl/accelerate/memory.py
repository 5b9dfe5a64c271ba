"""Let the C library keep the memory that a step frees, as the next step asks for the same again."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

# From glibc's malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
TOP = 64 << 20  # bytes that the heap grows at a time


@cache
def keep_pages() -> bool:
    """Says whether it was done; asks once a process, and only glibc.

    By default glibc gives every large block back to the system when it is freed. A training step then faults
    in each of its activations again, page by page, and element-wise layers wait for the kernel longer than for the
    arithmetic. The price: a process holds the memory of its largest step until it ends.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, TOP))
    answers = [mallopt(option, value) for option, value in wanted]  # all are asked
    return all(answer == 1 for answer in answers)
