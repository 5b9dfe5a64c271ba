"""What a study's report needs, imported while the last runs are on their way and a core is free: two seconds of the end."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from archdsl.study.execute.messages import RunResult
from archdsl.study.execute.runner import Event, Listener

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEEDED = ("scipy.special", "archdsl.study.report.html", "matplotlib.figure", "matplotlib.backends.backend_svg")


class Beforehand:
    """Passes events on, and begins when fewer of ``runs`` are left than there are workers."""

    def __init__(self, listen: Listener, runs: int, jobs: int, load: Callable[[], None] | None = None) -> None:
        self.listen, self.left, self.jobs, self.load = listen, runs, jobs, load or load_all
        self.thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self.listen(event)
        self.left -= isinstance(event, RunResult)
        if isinstance(event, RunResult) and self.left < self.jobs and self.thread is None:
            # A daemon: it is not waited for when the study is interrupted.
            self.thread = threading.Thread(target=self.load, daemon=True)
            self.thread.start()


def load_all() -> None:
    """Import it, and draw something, which reads the fonts; what is missing or broken is found when it is used."""
    for name in NEEDED:
        with suppress(Exception):
            importlib.import_module(name)
    with suppress(Exception):
        from archdsl.study.report.figures.canvas import render

        render((1, 1), _letters, "", "")


def _letters(figure: Figure) -> None:
    figure.add_subplot().set_title("0")
