"""Threads: what torch reads from the environment when it is imported, how many it has, and how long they have waited."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# About 10 µs on an EPYC and 50 on a Xeon: longer than a small layer's threads wait for each other, shorter than a time slice.
SPINS = "1000"
LONG_SPINS = "20000"  # about 1 ms on a Xeon: longer than what is between two layers of a small net
LOOKS, PAUSE = 5, 0.002  # how often, and after how many seconds, what else runs is counted


def yield_cores(short: bool = False) -> None:
    """Let threads that wait spin for a moment and then sleep. To be called before torch is imported.

    GNU OpenMP, which torch uses on Linux, lets them spin for milliseconds. A thread that spins keeps a core from
    the thread it waits for as soon as anything else runs on the machine; one that sleeps at once has to be woken
    hundreds of times a step. A step of `vgg[16x2,32x2] +bn` on two cores (docs/benchmarks/README.md):

    =================  ============  =================
    spins              idle machine  one busy process
    =================  ============  =================
    0 (sleep at once)  20.1 ms       43 ms
    1,000              15.8 ms       41 ms
    20,000             15.5 ms       93 ms
    100,000            15.2 ms       246 ms
    =================  ============  =================

    A ``short`` command, which answers and ends, lets them spin longer where nothing else runs: to wake a thread for each layer
    takes as long as the layers of a small net. Two nets of 16 images on two cores of a Xeon in a virtual machine,
    ``GOMP_SPINCOUNT=1000 python bench/inference_layers.py --only 'vgg narrow' resnet20``: 3.3 and 14.8 ms
    with 1,000 spins, 1.6 and 6.6 ms with 30,000.

    Where Apple's Metal lacks an operator, torch is told to run it on the processor instead of refusing it. A user's own
    settings stay.
    """
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", LONG_SPINS if short and _nothing_else_runs() else SPINS)


def _nothing_else_runs() -> bool:
    """Whether no other process had a core at most of a few moments, as far as the system says."""
    alone = 0
    try:
        for _ in range(LOOKS):  # 10 ms beside the second that torch takes to import
            alone += int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) <= 1  # this process itself
            time.sleep(PAUSE)
    except (OSError, ValueError, IndexError):
        return False
    return 2 * alone > LOOKS


@contextmanager
def kept_threads() -> Iterator[None]:
    """For a block that may take fewer threads, as a plan does: torch has as many after it as before."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def waited() -> float:
    """Seconds that the threads of this process have waited for a core that other work had; 0 where the system does not say."""
    try:
        delays = [int(file.read_text().split()[1]) for file in Path("/proc/self/task").glob("*/schedstat")]
    except (OSError, ValueError, IndexError):  # another system, or a thread that ends meanwhile
        return 0.0
    return sum(delays) / 1e9
