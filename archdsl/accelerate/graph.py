"""Capture of a step as a CUDA graph: hundreds of kernels become one launch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import torch

WARMUP = 3  # steps on a side stream, as torch's notes on CUDA graphs ask: kernels are chosen, workspaces made


def capture(
    body: Callable[[], None], ready: Callable[[], object], generators: Sequence[torch.Generator]
) -> torch.cuda.CUDAGraph:
    """The work of ``body`` as a graph; it has run ``WARMUP`` times when this returns, and the capture itself runs nothing.

    Args:
        body: works on tensors that stay where they are, and reads none of them on the host.
        ready: called before each run of ``body``, outside of the capture; seeds the generators.
        generators: those from which ``body`` draws, beside torch's own. A replay takes up the seed that they then have,
            so a generator that is seeded before a replay draws what it would draw for a step that is not captured.

    Raises:
        RuntimeError: ``body`` waits for the device, or does what cannot be captured.
    """
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for number in range(WARMUP):
            ready()
            # A capture that fails leaves torch's generators in a state of its own, so what would make it fail is looked
            # for before, in the last round, when nothing is made for the first time any more.
            if number == WARMUP - 1:
                with _no_waiting():
                    body()
            else:
                body()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    ready()
    try:
        # Threads of other parts of the process, such as those that decode pictures, may continue meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            body()
    except RuntimeError:
        _renew()
        raise
    return graph


def _renew() -> None:
    """Give torch's own generator a new state: after a capture that failed, the old one still believes in it."""
    device = torch.cuda.current_device()
    with suppress(RuntimeError):
        torch.cuda.default_generators[device].graphsafe_set_state(torch.Generator("cuda").graphsafe_get_state())


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Whatever waits for the device is an error."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
