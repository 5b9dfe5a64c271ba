"""The cores and GPUs of this machine, and which of them a worker gets."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def gpus() -> int:
    """How many CUDA devices there are, as the driver says; torch takes seconds to be asked."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([v for v in visible.split(",") if v.strip() and v.strip() != "-1"])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) if Path("/proc/driver/nvidia/gpus").is_dir() else 0


def pin(pid: int, number: int, jobs: int, threads: int) -> None:
    """Each worker on cores of its own, so that the scheduler does not move it away from its caches. Where cores are left
    over the scheduler is left alone: two studies of one worker would have the same core."""
    own = cores()
    if hasattr(os, "sched_setaffinity") and jobs * threads == len(own):
        with suppress(OSError):
            os.sched_setaffinity(pid, own[number * threads : (number + 1) * threads])
