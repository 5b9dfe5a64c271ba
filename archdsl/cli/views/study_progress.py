"""A study on the standard error stream: a live table on a terminal, a line a run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from archdsl.cli.output import tell
from archdsl.expand.metrics import metric_of
from archdsl.report.text import printable, printable_lines
from archdsl.study.estimate import seconds_left
from archdsl.study.execute.messages import Ready, RunProgress, RunResult
from archdsl.study.plan import Cell, Found
from archdsl.study.run_figures import RunFigures
from archdsl.study.tables import duration

if TYPE_CHECKING:
    from archdsl.study.runner import StudyRunner

MOST_ROWS = 30  # arms of the live table; a longer one would scroll away


class Watching:
    """Listens to a study and draws it. ``conditions`` are those of the workers, once one is up."""

    def __init__(
        self, stream: TextIO | None, runner: StudyRunner, cells: Sequence[Cell], metric: str, jobs: int, quiet: bool
    ) -> None:
        self.stream = None if quiet else stream
        self.runner, self.cells, self.metric, self.jobs = runner, {c.key: c for c in cells}, metric_of(metric), jobs
        self.values: dict[str, float | None] = {}  # of runs that ended, by key: a metric may read the log
        self.ended = 0
        self.began = time.monotonic()
        self.share: dict[str, float] = {}
        self.conditions: Mapping[str, str] | None = None
        self.noted: set[str] = set()  # what one worker has said, the others need not say
        self.live: Any = None

    def __enter__(self) -> Self:
        if self.stream is not None and _live(self.stream):
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(file=self.stream), refresh_per_second=4, transient=True,
                             get_renderable=self._drawn)  # fmt: skip
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def __call__(self, event: Ready | RunProgress | RunResult) -> None:
        """Draw an event."""
        match event:
            case Ready(conditions=conditions, notes=notes):
                self.conditions = conditions
                self.note(*(text for text in notes if text not in self.noted))
                self.noted.update(notes)
                if self.ended == 0 and not self.share:
                    self._say(", ".join(f"{k} {v}" for k, v in conditions.items()), once=True)
            case RunProgress(key=key, share=share):
                self.share[key] = share
            case RunResult():
                self.ended += 1
                self.share.pop(event.key, None)
                self._say(self._line(event))

    def _line(self, event: RunResult) -> str:
        cell = self.cells[event.key]
        name = self.runner.request(cell).label
        value = self._value(cell, self.runner.found[event.key]) if event.status == "finished" else None
        if value is not None:
            shown = f"{100 * value:.2f} %" if self.metric.unit == "percent" else f"{value:.4f}"
            how = f"{self.metric.label} {shown}, {event.figures.get('seconds', 0):.1f} s"
        else:
            how = event.status + (f": {event.message.splitlines()[0]}" if event.message else "")
        return f"{self.ended}/{len(self.cells)}  {name}: {how}{self._left()}"

    def _value(self, cell: Cell, found: Found) -> float | None:
        """The metric of a run; None without a result."""
        if found.status != "finished":
            return None
        if cell.key not in self.values:
            totals = self.runner.arms.arms[cell.arm].totals
            self.values[cell.key] = self.metric.of(RunFigures(found.figures, totals, found.folder))
        return self.values[cell.key]

    def _left(self) -> str:
        left = len(self.cells) - self.ended
        if not left or not self.ended:
            return ""
        return f"  ({duration((time.monotonic() - self.began) / self.ended * left)} left)"

    def note(self, *lines: str) -> None:
        """Say how the runs are carried out."""
        for text in lines:
            self._say(text)

    def stopped(self, command: str) -> None:
        """Say that the study was interrupted, and how it continues."""
        self._say(f"interrupted: {self.ended} of {len(self.cells)} runs are done; to resume: {command}")

    def _say(self, text: str, once: bool = False) -> None:
        if self.stream is None or (once and self.share):
            return
        if self.live is not None:
            self.live.console.out(printable_lines(text), highlight=False)
        else:
            tell(self.stream, text)

    def _drawn(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=None, pad_edge=False, header_style="bold")
        for head in ("arm", "done", "running", "mean so far"):
            drawn.add_column(head)
        rows = []
        for number, arm in enumerate(self.runner.arms.arms):
            own = [c for c in self.runner.every if c.arm == number]
            states = [self.runner.found[c.key] for c in own]
            measured = (self._value(c, f) for c, f in zip(own, states, strict=True))
            values = [v for v in measured if v is not None]
            running = " ".join(f"{100 * self.share[c.key]:.0f} %" for c in own if c.key in self.share)
            done = sum(f.status in ("finished", "diverged") for f in states)
            mean = f"{sum(values) / len(values):.4f}" if values else "–"
            rows.append((done == len(own), not running, (arm.name, f"{done}/{len(own)}", running, mean)))
        rows.sort(key=lambda r: r[:2])  # what runs comes first, what is done last
        for _, _, cells in rows[:MOST_ROWS]:
            drawn.add_row(*(Text(printable(c)) for c in cells))
        missing = [c for k, c in self.cells.items() if self.runner.found[k].status not in ("finished", "diverged")]
        seconds, _ = seconds_left(self.runner.every, missing, self.runner.found, self.jobs)
        drawn.add_row(Text(f"{self.ended}/{len(self.cells)} runs, about {duration(seconds)} left", style="bold"))
        return drawn


def _live(stream: TextIO) -> bool:
    from archdsl.report import is_terminal

    return is_terminal(stream)
