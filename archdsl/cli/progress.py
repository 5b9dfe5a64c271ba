"""A training run on the standard error stream: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from archdsl.train.events import (
    Diverged,
    EpochDone,
    Event,
    Finished,
    Oom,
    Progress,
    Resumed,
    Started,
    Stopped,
    TimedOut,
    Warned,
)

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

LIVE_EVERY = 0.2  # seconds between two samples of a run that somebody watches


def line(event: Event, start: Started, left: float | None = None) -> str:
    """An event as one line of text; empty for those that need none."""
    match event:
        case Started():
            aside = f", {event.valid_images:,} for validation" if event.valid_images else ""
            images = f"{event.train_images:,} images to train on{aside}, {event.test_images:,} to test"
            return (
                f"{images}, from {event.source}\n"
                f"{event.params:,} parameters, {event.epochs} epochs, {event.steps:,} steps"
            )
        case EpochDone():
            valid = f"  valid {_share(event.valid_accuracy)}" if event.valid_accuracy is not None else ""
            rest = f"  {_clock(left)} left" if left is not None else ""
            return (
                f"epoch {event.epoch:>{len(str(start.epochs))}}/{start.epochs}  loss {event.loss:.4f}  "
                f"train {_share(event.accuracy)}{valid}  {event.images_per_second:,.0f} images/s{rest}"
            )
        case Diverged():
            kept = f"after epoch {event.kept_epoch}" if event.kept_epoch else "before training"
            return f"diverged at step {event.step}: the loss is not finite; the weights {kept} are kept"
        case Stopped():
            return f"stopped after step {event.step}"
        case Resumed():
            return f"goes on after step {event.step}, in epoch {event.epoch}"
        case TimedOut():
            return f"stopped after step {event.step}: the time limit of {event.limit:g} s; the same command goes on"
        case Oom():
            return f"out of memory at step {event.step}: {event.message}"
        case Warned():
            return f"warning: {event.text}"
        case Finished() | Progress():
            return ""


def _share(accuracy: float) -> str:
    return f"{100 * accuracy:5.2f} %"


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02d}:{whole % 60:02d}" if hours else f"{whole // 60}:{whole % 60:02d}"


class Talk:
    """Listens to a run and draws it. ``every`` says how often it wants to hear of the progress, None for
    never.
    """

    def __init__(self, stream: TextIO | None, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet or stream is None
        self._bar: Bar | None = _bar(stream) if stream is not None and not quiet and _live(stream) else None
        self.every = LIVE_EVERY if self._bar else None
        self._start: Started | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Draw an event."""
        if self._quiet:
            return
        if isinstance(event, Started):
            self._start, self._began = event, time.monotonic()
            for note in event.notes:
                self._say(note)
        if self._start is None:
            return
        left = None
        if isinstance(event, EpochDone):
            left = (time.monotonic() - self._began) / event.epoch * (self._start.epochs - event.epoch)
        if text := line(event, self._start, left):
            self._say(text)
        if self._bar is not None:
            _move(self._bar, event, self._start)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.out(text, highlight=False)
        else:
            print(text, file=self._stream, flush=True)


def _live(stream: TextIO) -> bool:
    from rich.console import Console

    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal


def _bar(stream: TextIO) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=24),
        TextColumn("loss {task.fields[loss]}  train {task.fields[accuracy]}  {task.fields[rate]} images/s"),
        TimeRemainingColumn(compact=True),
        console=Console(file=stream, highlight=False, emoji=False, markup=False),
        transient=True,
    )


def _move(bar: Bar, event: Event, start: Started) -> None:
    match event:
        case Started():
            bar.add_task("", total=event.steps, epoch=f"1/{event.epochs}", loss="–", accuracy="–", rate="–")
        case Progress() | EpochDone():
            bar.update(
                bar.task_ids[0],
                completed=event.step,
                epoch=f"{event.epoch}/{start.epochs}",
                loss=f"{event.loss:.4f}",
                accuracy=_share(event.accuracy),
                rate=f"{event.images_per_second:,.0f}",
            )
        case _:
            bar.update(bar.task_ids[0], visible=False)
