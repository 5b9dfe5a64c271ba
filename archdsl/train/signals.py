"""SIGINT, SIGTERM and SIGHUP: the first one asks a run to stop after its step, the second one ends it at once.

SIGHUP comes when the terminal or the connection is closed. A signal that the parent process ignores stays ignored, as is the
convention: `nohup`, and shells that start a command in the background, protect it in this way.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal ended the run. ``exit_code`` is what a shell expects; ``folder`` has the last weights, if any."""

    def __init__(self, number: int, folder: Path | None = None) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number, self.folder = number, folder

    @property
    def exit_code(self) -> int:
        return 128 + self.number


class StopOnSignal:
    """While entered, keeps the first signal for ``wanted``; while ``patient`` is false it raises
    Interrupted instead.

    Outside the main thread, where Python allows no handlers, only ``ask`` can stop a run.
    """

    def __init__(self, ask: Callable[[], bool] | None = None) -> None:
        self.ask = ask
        self.received: int | None = None
        self.patient = False
        self._before: dict[signal.Signals, object] = {}

    def wanted(self) -> bool:
        """Whether a signal has come, or the caller wants the run to stop."""
        return self.received is not None or (self.ask is not None and self.ask())

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [s for s in SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
            self._before = {s: signal.signal(s, self._on_signal) for s in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.patient or self.received is not None:
            raise Interrupted(number)
        self.received = number
