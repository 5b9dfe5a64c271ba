"""The live page of a study: what it draws, and where a user finds it. ``ablate`` and ``report`` share it."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.plan.file import StudyFile
    from archdsl.study.report.live import Draw


def check_watch(watch: bool, port: int | None) -> bool:
    """Whether a page is served; refuse before any work one that could not be.

    Raises:
        EnvError: what draws or serves it is not installed.
    """
    from archdsl.extras import require

    wanted = watch or port is not None
    if wanted:
        require("matplotlib", "uvicorn", otherwise="leave --watch out")
    return wanted


def watched(
    wanted: bool, chosen: StudyFile, runner: StudyRunner, current: Mapping[str, str] | None, port: int | None
) -> AbstractContextManager[None]:
    """Serve the page of a study, by what the store has of it, whichever process runs it."""
    return _served(drawing(chosen, runner, current), port) if wanted else nullcontext()


@contextmanager
def _served(draw: Draw, port: int | None) -> Iterator[None]:
    from archdsl.cli.output import say
    from archdsl.study.report.live import LivePage

    with LivePage(draw, port) as page:
        say(f"live page: {page.address} (on this machine only)")
        yield


def drawing(chosen: StudyFile, runner: StudyRunner, current: Mapping[str, str] | None) -> Draw:
    """Draws the page by what the store has at that moment."""
    from archdsl.cli.support.study_report import made_by
    from archdsl.study.execute.execution import results_of
    from archdsl.study.execute.select import folder_of
    from archdsl.study.report.html import html
    from archdsl.study.report.live import SCRIPT
    from archdsl.study.results.curves import read_curves

    folder = folder_of(chosen, runner.runs)
    drawn: list[tuple[object, ...]] = []

    def draw(last: bool) -> str | None:
        now = runner.again()
        every = (pair for stage in now.stages for pair in stage.found.items())
        state = tuple((key, f.status, _written(f.folder)) for key, f in every)
        if drawn == [state] and not last:
            return None
        results = results_of(chosen, now, current)
        text = html(results, made_by(folder, chosen), read_curves(results), "" if last else SCRIPT)
        drawn[:] = [state]
        return text

    return draw


def _written(folder: Path | None) -> int:
    """How many bytes a run has written to its log; 0 where there is none."""
    from archdsl.runs.store.log import EVENTS

    with suppress(OSError):
        return 0 if folder is None else (folder / EVENTS).stat().st_size
    return 0


def follow(chosen: StudyFile, runner: StudyRunner, current: Mapping[str, str] | None, port: int | None) -> None:
    """Serve the page of a study that another process runs, until Ctrl-C."""
    with suppress(KeyboardInterrupt), watched(True, chosen, runner, current, port):
        threading.Event().wait()
