"""The cores and GPUs of this machine, and which of them a worker gets."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def share() -> int | None:
    """The cores that a container lets its processes use at once, of those that there are; None where it sets no limit."""
    with suppress(OSError, ValueError):
        quota, period = QUOTA.read_text().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    return None


def gpus() -> int:
    """How many CUDA devices runs can use, as the driver says; torch takes seconds to be asked. None with a torch that is built
    for CPUs alone.
    """
    if not built_for_gpus():
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([v for v in visible.split(",") if v.strip() and v.strip() != "-1"])
    if DRIVER.is_dir():
        return len(list(DRIVER.glob("*")))
    return _listed()


@cache
def built_for_gpus() -> bool:
    """Whether the installed torch knows CUDA or ROCm, by the file in which it says so itself; True where that is not clear."""
    try:
        found = find_spec("torch")
        text = Path(found.origin).with_name("version.py").read_text("utf-8") if found and found.origin else ""
    except (ImportError, OSError, ValueError):
        return True
    said = dict(re.findall(r"^(cuda|hip)\b[^=\n]*=[ \t]*(.+?)[ \t]*$", text, re.MULTILINE))
    return "cuda" not in said or any(value != "None" for value in said.values())


@cache
def _listed() -> int:
    """The devices that the driver's own tool lists. Under WSL the driver is not in /proc."""
    try:
        said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in said.splitlines())


def pin(pid: int, number: int, jobs: int, threads: int) -> None:
    """Each worker on cores of its own, so that the scheduler does not move it away from its caches. Where cores are left
    over the scheduler is left alone: two studies of one worker would have the same core."""
    own = cores()
    if hasattr(os, "sched_setaffinity") and jobs * threads == len(own):
        with suppress(OSError):
            os.sched_setaffinity(pid, own[number * threads : (number + 1) * threads])
