"""What a long command is doing, on a terminal."""

from __future__ import annotations

import sys
from threading import Event, Thread
from time import monotonic

from archdsl.cli.output import live

QUIET = 5.0  # seconds; a command that ends earlier shows nothing


class Stages:
    """A live line on a terminal with the present stage and its seconds, after the first ones; nothing elsewhere."""

    def __init__(self) -> None:
        from archdsl.report import is_terminal

        self._stage, self._began, self._ended = "", monotonic(), Event()
        self._shows = sys.stderr is not None and is_terminal(sys.stderr)
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stages:
        if self._shows:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._shows:
            self._thread.join()
            live("")

    def tell(self, stage: str) -> None:
        """A new stage begins."""
        self._stage, self._began = stage, monotonic()

    def _run(self) -> None:
        pause = QUIET
        while not self._ended.wait(pause):
            live(f"{self._stage}: {monotonic() - self._began:.0f} s")
            pause = 1.0
