"""A training run on the standard error stream: a bar and a small chart on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from archdsl.cli.output import tell
from archdsl.report.numbers import many
from archdsl.report.text import printable, printable_lines
from archdsl.runs.events import (
    WARNING,
    Diverged,
    EpochDone,
    Event,
    Oom,
    Progress,
    Resumed,
    Started,
    Stopped,
    TimedOut,
    Warned,
    warnings_of,
)

if TYPE_CHECKING:
    from archdsl.cli.views.live_chart import Bar, History

LIVE_EVERY = 0.25  # seconds between two samples of a run that somebody watches


def line(event: Event, start: Started, left: float | None = None, what: str = "images") -> str:
    """An event as one line of text; empty for those that need none. ``what`` is learned from: images, or rows."""
    match event:
        case Started():
            aside = f", {event.valid_images:,} for validation" if event.valid_images else ""
            images = f"{event.train_images:,} {what} to train on{aside}, {event.test_images:,} to test"
            fewer = f", {event.trained:,} of them trained" if 0 < event.trained < event.params else ""
            return (
                f"{images}, from {printable(event.source)}\n"
                f"{event.params:,} parameters{fewer}, {many(event.epochs, 'epoch')}, {many(event.steps, 'step')}"
            )
        case EpochDone():
            valid = f"  valid {_share(event.valid_accuracy)}" if event.valid_accuracy is not None else ""
            valid += f"  valid loss {event.valid_loss:.4f}" if event.valid_loss is not None else ""
            rest = f"  {_clock(left)} left" if left is not None else ""
            train = f"  train {_share(event.accuracy)}" if event.accuracy is not None else ""
            return (
                f"epoch {event.epoch:>{len(str(start.epochs))}}/{start.epochs}  loss {event.loss:.4f}"
                f"{train}{valid}  {event.images_per_second:,.0f} {what}/s{rest}"
            )
        case Diverged():
            kept = f"after epoch {event.kept_epoch}" if event.kept_epoch else "before training"
            return f"diverged at step {event.step}: the loss is not finite; the weights {kept} are kept"
        case Stopped():
            return f"stopped after step {event.step}"
        case Resumed():
            return f"resumes after step {event.step}, in epoch {event.epoch}"
        case TimedOut():
            return f"stopped after step {event.step}: {event.why}"
        case Oom():
            return f"out of memory at step {event.step}: {printable(event.message)}"
        case Warned():
            return f"{WARNING}{printable(event.text)}"
        case _:  # the result is data, and progress is for the bar
            return ""


def _share(accuracy: float | None) -> str:
    return f"{100 * accuracy:5.2f} %" if accuracy is not None else "–"


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02d}:{whole % 60:02d}" if hours else f"{whole // 60}:{whole % 60:02d}"


class Talk:
    """Listens to a run and draws it; with ``quiet`` it says warnings alone. ``every`` says how often it wants to hear of the
    progress, None for never.
    """

    def __init__(self, stream: TextIO | None, quiet: bool = False, what: str = "images") -> None:
        self._what = what
        self._stream, self._quiet = stream, quiet or stream is None
        self._bar: Bar | None = None
        self._history: History | None = None
        if stream is not None and not quiet and _live(stream):
            from archdsl.cli.views.live_chart import Bar, History

            self._history = History()
            self._bar = Bar(stream, self._history)
        self.every = LIVE_EVERY if self._bar else None
        self._start: Started | None = None
        self._began, self._from = 0.0, 0  # when this call began, and after which step of the run

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
        if isinstance(event, Started) and not self._quiet:
            self._start, self._began, self._from = event, time.monotonic(), 0
            for note in event.notes:
                self._say(printable(note))
        if self._start is None:  # quiet, or a warning about what lies in the folder of the run
            for text in warnings_of(event):
                self._say(f"{WARNING}{printable(text)}")
            return
        left = None
        if isinstance(event, Resumed):
            self._from = event.step
        if isinstance(event, EpochDone) and (done := event.step - self._from) > 0:
            left = (time.monotonic() - self._began) / done * (self._start.steps - event.step)
        if text := line(event, self._start, left, self._what):
            self._say(text)
        if self._bar is not None and self._history is not None:
            _record(self._history, event)
            _move(self._bar, event, self._start)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.out(printable_lines(text), highlight=False)
        else:
            tell(self._stream, text)


def _live(stream: TextIO) -> bool:
    from rich.console import Console

    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal


def _record(history: History, event: Event) -> None:
    match event:
        case Progress():
            history.sample(event.step, event.loss, event.accuracy)
        case EpochDone():
            names = ("loss", "valid_loss", "accuracy", "valid_accuracy")
            history.epoch(event.step, {name: getattr(event, name) for name in names})
        case _:
            pass


def _move(bar: Bar, event: Event, start: Started) -> None:
    match event:
        case Started():
            if bar.task_ids:
                bar.remove_task(bar.task_ids[0])
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
        case Resumed():
            bar.update(bar.task_ids[0], completed=event.step, epoch=f"{event.epoch}/{start.epochs}")
        case Warned():
            return
        case _:
            bar.update(bar.task_ids[0], visible=False)
    bar.refresh()
