"""A study on the standard error stream: a live table on a terminal, a line a run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from archdsl.cli.output import tell
from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.report.text import printable, printable_lines
from archdsl.runs.conditions import worth_saying
from archdsl.runs.events import WARNING, warnings_in
from archdsl.study.execute.messages import Ready, RunProgress, RunResult
from archdsl.study.plan.cells import Cell, own_cells
from archdsl.study.plan.estimate import time_left
from archdsl.study.plan.plan import ENDED, Found, distinct
from archdsl.study.report.tables import duration
from archdsl.study.results.run_figures import RunFigures

if TYPE_CHECKING:
    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.execute.sequential import SequentialRun

MOST_ROWS = 30  # arms of the live table; a longer one would scroll away


def fresh(texts: Iterable[str], said: list[str]) -> list[str]:
    """The texts that were not said before; they count as said from now on."""
    new = [text for text in dict.fromkeys(texts) if text not in said]
    said.extend(new)
    return new


class Watching:
    """Listens to a study and draws it; with ``quiet`` it says warnings alone. ``conditions`` are those of the workers, once one
    is up. ``warned`` are texts that were said already.
    """

    def __init__(
        self,
        stream: TextIO | None,
        runner: StudyRunner,
        cells: Sequence[Cell],
        metric: str,
        jobs: int,
        quiet: bool,
        sequential: SequentialRun | None = None,
        warned: list[str] | None = None,
    ) -> None:
        self.stream, self.warns = None if quiet else stream, stream
        self.warned = warned if warned is not None else []
        self.runner, self.cells, self.metric, self.jobs = runner, {c.key: c for c in cells}, metric_of(metric), jobs
        self.values: dict[str, float | None] = {}  # of runs that ended, by key: a metric may read the log
        self.sequential = sequential
        self.known: set[int] = set()  # arms that were said to be decided
        self.by_arm = own_cells(runner.arms, runner.every)
        self.ended = 0
        self.began = time.monotonic()
        self.share: dict[str, float] = {}
        self.conditions: Mapping[str, str] | None = None
        self.noted: set[str] = set()  # what one worker has said, the others need not say
        self.console: Any = None
        self.live: Any = None

    def __enter__(self) -> Self:
        if self.stream is not None and _live(self.stream):
            from rich.console import Console
            from rich.live import Live

            self.console = Console(file=self.stream)  # before `Live`, which draws while it is made
            self.live = Live(console=self.console, refresh_per_second=4, transient=True, get_renderable=self._drawn)
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
                told = ", ".join(f"{k} {v}" for k, v in worth_saying(conditions).items())
                if self.ended == 0 and not self.share and told not in self.noted:
                    self._say(told)
                self.noted.update((*notes, told))
            case RunProgress(key=key, share=share):
                self.share[key] = share
                self._warn(key, event.warnings)
            case RunResult():
                self._warn(event.key, warnings_in(event.figures))
                self.ended += 1
                self.share.pop(event.key, None)
                self._say(self._line(event))
                for text in self._decided():
                    self._say(text)

    def _warn(self, key: str, texts: Sequence[str]) -> None:
        """Say warnings of a run that no other run has had."""
        for text in fresh(texts, self.warned):
            said = f"{WARNING}{printable(text)} (first: {printable(self.runner.label(self.cells[key]))})"
            if self.live is not None:
                self._say(said)
            else:
                tell(self.warns, said)

    def _line(self, event: RunResult) -> str:
        cell = self.cells[event.key]
        name = self.runner.label(cell)
        value = self._value(cell, self.runner.found[event.key]) if event.status == "finished" else None
        if value is not None:
            how = f"{self.metric.label} {self._shown(value)}, {event.figures.get('seconds', 0):.1f} s"
        else:
            how = event.status + (f": {event.message.splitlines()[0]}" if event.message else "")
        of = "" if self.sequential is not None else f"/{len(self.cells)}"
        return f"{self.ended}{of}  {name}: {how}{self._left()}"

    def _shown(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self.metric.unit == "percent" else f"{value:.4f}"

    def _change(self, value: float) -> str:
        """A difference: that of two percentages is in points."""
        return f"{100 * value:+.2f} points" if self.metric.unit == "percent" else f"{value:+.4f}"

    def _value(self, cell: Cell, found: Found) -> float | None:
        """The metric of a run; None without a result."""
        if found.status != "finished":
            return None
        if cell.key not in self.values:
            totals = self.runner.arms.arms[cell.arm].totals
            self.values[cell.key] = self.metric.of(RunFigures(found.figures, totals, found.folder))
        return self.values[cell.key]

    def _left(self) -> str:
        if not self.ended:
            return ""
        if self.sequential is not None:
            deciding = self.sequential.deciding
            return f"  ({len(deciding.open)} of {many(len(deciding.compared), 'arm')} open)"
        return f"  ({text} left)" if (text := self._remaining()) else ""

    def _remaining(self) -> str:
        """The time that is left: by the pace so far, and before the first run ended by that of earlier runs. "" at the end."""
        if self.sequential is not None:
            deciding = self.sequential.deciding
            left = 0 if deciding.finished else (deciding.most - deciding.blocks) * (1 + len(deciding.open))
        else:
            left = len(self.cells) - self.ended
        if not left:
            return ""
        if self.ended:
            return duration((time.monotonic() - self.began) / self.ended * left)
        missing = [c for k, c in self.cells.items() if self.runner.found[k].status not in ("finished", "diverged")]
        return duration(time_left(self.runner.every, missing, self.runner.found, self.jobs).seconds)

    def _decided(self) -> Iterator[str]:
        """A line for each arm that was decided since the last look."""
        if self.sequential is None:
            return
        for arm, decision in enumerate(self.sequential.deciding.decisions()):
            verdict = decision.verdict
            if arm in self.known or verdict is None or (verdict.decision == "open" and not decision.why):
                continue
            self.known.add(arm)
            name, base = self.runner.arms.arms[arm].name, self.runner.arms.reference.name
            words = {"same": "the same as"}.get(verdict.decision, f"{verdict.decision} than")
            what = f"open: {decision.why}" if verdict.decision == "open" else f"{words} {base}"
            yield (
                f"decided: {name} is {what} ({self._change(verdict.evidence.delta)} after {many(verdict.evidence.n, 'seed')})"
                if verdict.decision != "open"
                else f"{name} stays {what}"
            )

    def note(self, *lines: str) -> None:
        """Say how the runs are carried out."""
        for text in lines:
            self._say(text)

    def stopped(self, command: str) -> None:
        """Say that the study was interrupted, and how it continues."""
        every = distinct(self.runner.every)
        done = sum(self.runner.found[cell.key].status in ENDED for cell in every)
        of = "" if self.sequential is not None else f" of {len(every)}"
        self._say(f"interrupted: {done}{of} runs are done, {self.ended} of them now; to resume: {command}")

    def _say(self, text: str) -> None:
        if self.stream is None:
            return
        if self.live is not None:
            self.console.out(printable_lines(text), highlight=False)
        else:
            tell(self.stream, text)

    def _drawn(self) -> Any:
        """The live table: what runs first, what is decided last; no more rows than the terminal has."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
        for head in ("arm", "runs", "running", "mean", "verdict"):
            drawn.add_column(head, no_wrap=True, overflow="ellipsis", ratio=1 if head == "arm" else None)
        rows = sorted((self._row(number) for number in range(len(self.runner.arms.arms))), key=lambda r: r[0])
        size = self.console.size
        room = max(1, min(MOST_ROWS, size.height - 4))
        for _, cells in rows[:room]:
            drawn.add_row(*(Text(printable(c)) for c in cells))
        below = [Text(self._summary(), style="bold", no_wrap=True, overflow="ellipsis")]
        if len(rows) > room:
            below.insert(0, Text(f"and {many(len(rows) - room, 'more arm')}", style="dim"))
        return Group(drawn, *below)

    def _row(self, number: int) -> tuple[tuple[int, int], tuple[str, ...]]:
        """An arm's place in the table, and its cells."""
        arm, own = self.runner.arms.arms[number], self.by_arm[number]
        running = " ".join(f"{100 * self.share[c.key]:.0f}%" for c in own if c.key in self.share)
        ended = [(c, f) for c in own if (f := self.runner.found[c.key]).status in ("finished", "diverged")]
        values = [v for c, f in ended if (v := self._value(c, f)) is not None]
        mean = self._shown(sum(values) / len(values)) if values else "–"
        total = "" if self.sequential is not None else f"/{len(own)}"
        word = "reference" if number == 0 and self.runner.arms.compares else self._forming(number)
        done = word in ("better", "worse", "same") or (not total and number == 0) or len(ended) == len(own)
        return (int(done), int(not running)), (arm.name, f"{len(ended)}{total}", running, mean, word)

    def _forming(self, number: int) -> str:
        """The verdict on an arm as it forms."""
        if self.sequential is None:
            return ""
        verdict = self.sequential.deciding.family.verdicts().get(str(number))
        if verdict is None:
            return ""
        if verdict.decision != "open":
            return verdict.decision
        return f"open, p {verdict.p:.2g}" if verdict.p < 1 else "open"

    def _summary(self) -> str:
        left = self._remaining()
        if self.sequential is not None:
            deciding = self.sequential.deciding
            decided = len(deciding.compared) - len(deciding.open)
            most = f", {left} left at most" if left else ""
            arms = many(len(deciding.compared), "arm")
            return f"{many(self.ended, 'run')}, {decided} of {arms} decided at seed {deciding.blocks}{most}"
        return f"{self.ended}/{many(len(self.cells), 'run')}" + (f", about {left} left" if left else "")


def _live(stream: TextIO) -> bool:
    from archdsl.report import is_terminal

    return is_terminal(stream)
