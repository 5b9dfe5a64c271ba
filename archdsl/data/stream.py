"""Pictures that are decoded while a net trains, for sets that do not fit into memory.

Worker processes decode whole batches ahead, a few at most, so memory stays bounded whatever the set holds. The
pictures are those of the resident path, byte for byte, in the order that is asked for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.arrays import Arrays
from archdsl.data.decode import listening
from archdsl.data.pictures import Failure, square
from archdsl.errors import EnvError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

AHEAD = 2  # batches that each worker may have ready
MOST_WORKERS = 8


@dataclass(frozen=True, eq=False)
class Streamed:
    """Files of pictures and their labels (N,) int64; each picture becomes (3, size, size) uint8 when it is needed.

    ``workers`` is the number of processes that decode; None for one a core, at most eight; 0 for this process.
    """

    paths: Sequence[Path]
    labels: NDArray[np.int64]
    size: int
    workers: int | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Streamed:
        """The pictures of these rows, in their order; none is read."""
        return Streamed([self.paths[row] for row in rows.tolist()], self.labels[rows], self.size, self.workers)

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        """The pictures of these rows, decoded here and now.

        Raises:
            EnvError: one does not decode.
        """
        return Arrays(_sound(_Decoder(self.paths, self.size)[rows]), self.labels[rows])

    def batches(self, order: Sequence[Tensor | list[int]], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (B, 3, size, size) uint8 and labels (B,) int64 of each batch of ``order``, on ``device``.

        Raises:
            EnvError: a picture does not decode, or a worker was killed. No picture is left out.
        """
        import torch

        rows = [np.asarray(part, dtype=np.int64) for part in order]
        labels = torch.from_numpy(self.labels)
        with self._decoded(rows, device) as images:
            for part in rows:
                ready = torch.as_tensor(_sound(_next(images)))
                yield ready.to(device, non_blocking=True), labels[torch.from_numpy(part)].to(device)

    @contextmanager
    def _decoded(self, rows: list[NDArray[np.int64]], device: torch.device) -> Iterator[Iterator[Any]]:
        """The decoded batches, one after the other; the workers are gone when the block ends, however it ends."""
        import torch
        from torch.utils.data import DataLoader

        wanted = min(MOST_WORKERS, cores()) if self.workers is None else self.workers
        workers = min(wanted, len(rows)) if len(rows) > 1 else 0
        with warnings.catch_warnings():
            # From Python 3.12 on: the workers use neither locks nor threads of ours.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)  # more than cores: as said
            loader: DataLoader[Any] = DataLoader(
                _Decoder(self.paths, self.size),  # type: ignore[arg-type]
                batch_size=None,
                sampler=rows,
                num_workers=workers,
                collate_fn=_as_it_is,
                worker_init_fn=_quiet if workers else None,
                pin_memory=device.type == "cuda",
                prefetch_factor=AHEAD if workers else None,
                # Without one of its own, the loader would draw from the generator that dropout draws from.
                generator=torch.Generator(),
                multiprocessing_context=_context() if workers else None,
            )
            with _no_sudden_error():
                images = iter(loader)
        try:
            yield images
        finally:
            stop = getattr(images, "_shutdown_workers", None)
            if stop is not None:
                stop()


@dataclass(frozen=True)
class _Decoder:
    """A data set in torch's sense, whose items are whole batches."""

    paths: Sequence[Path]
    size: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8] | str:
        """The decoded batch; or, for the process that asks to raise, what is wrong with a file."""
        images = np.empty((len(rows), 3, self.size, self.size), np.uint8)
        with listening():
            for place, row in enumerate(rows.tolist()):
                try:
                    images[place] = square(self.paths[row], self.size)
                except Failure as error:
                    return f"{self.paths[row]} does not decode ({error})"
        return images


def _next(images: Iterator[Any]) -> Any:
    try:
        return next(images)
    except (RuntimeError, ConnectionError, EOFError) as error:
        # A worker that dies while it hands a batch over breaks the connection, before the loader finds it dead.
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise EnvError(
            "a process that decodes pictures was ended from outside",
            help="perhaps memory ran out: a smaller batch needs less",
        ) from error


def _sound(images: NDArray[np.uint8] | str) -> Any:
    if isinstance(images, str):
        raise EnvError(images, help="replace or remove the file: no picture is skipped silently")
    return images


def _as_it_is(item: Any) -> Any:
    import torch

    return torch.from_numpy(item) if isinstance(item, np.ndarray) else item


def _quiet(worker: int) -> None:
    """Leave Ctrl-C to the process that trains, and end at its word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _no_sudden_error() -> Iterator[None]:
    """Undo torch's handler of SIGCHLD, which raises wherever this process happens to be when a worker is killed. The
    next wait for a batch finds a dead worker too, some seconds later, and at a place that can say so.
    """
    number = getattr(signal, "SIGCHLD", None)
    before = signal.getsignal(number) if number is not None else None
    yield
    if number is not None and before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(number, before)


def _context() -> str | None:
    """Forked workers start in milliseconds and touch no device; elsewhere the system's own way."""
    return "fork" if sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods() else None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
