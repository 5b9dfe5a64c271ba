"""A search on the standard error stream: a line a run, with the best score so far."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from archdsl.cli.output import tell
from archdsl.cli.views.study_progress import fresh
from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.report.text import printable
from archdsl.runs.conditions import worth_saying
from archdsl.runs.events import WARNING, warnings_in
from archdsl.study.execute.messages import Ready, RunProgress, RunResult
from archdsl.study.report.tables import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.search.carry_out import Event, Search
    from archdsl.search.execute import SearchExecution


class Following:
    """Listens to a search and says what happens; with ``quiet`` warnings alone. ``warned`` are texts that were said already."""

    def __init__(
        self, stream: TextIO | None, execution: SearchExecution, quiet: bool, warned: list[str] | None = None
    ) -> None:
        self.stream, self.warns = None if quiet else stream, stream
        self.warned = warned if warned is not None else []
        self.execution, self.metric = execution, metric_of(execution.options.objective)
        self.said = False
        self.began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        search = self.execution.search
        if search.reused:
            tell(self.stream, f"{many(search.reused, 'result was', 'results were')} there already")

    def __call__(self, event: Event, search: Search) -> None:
        """Say an event."""
        if isinstance(event, Ready) and not self.said:
            self.said = True
            tell(self.stream, ", ".join(f"{k} {v}" for k, v in worth_saying(event.conditions).items()))
        if isinstance(event, RunProgress):
            self._warn(event.key, event.warnings, search)
        if isinstance(event, RunResult):
            self._warn(event.key, warnings_in(event.figures), search)
            tell(self.stream, self._line(event, search))

    def _warn(self, key: str, texts: Sequence[str], search: Search) -> None:
        for text in fresh(texts, self.warned):
            tell(self.warns, f"{WARNING}{printable(text)} (first: {printable(search.label(search.begun[key]))})")

    def _line(self, event: RunResult, search: Search) -> str:
        job = search.begun[event.key]
        score = search.known[job.number]
        objective = search.scores.objectives[0]
        how = (
            f"{self.metric.label} {self._shown(objective.value(score.values[0]))}"
            if score.values is not None
            else search.failed.get(job.number, event.status)
        )
        # By what has ended, as the line is; decisions wait for the virtual clock.
        ended = [(search.order.jobs[n].rung, -s.values[0]) for n, s in search.known.items() if s.values is not None]
        top = ""
        if ended:
            rung, best = max(ended)
            of = f" of {many(search.order.rungs[rung], 'epoch')}" if len(search.order.rungs) > 1 else ""
            top = f"; best{of} {self._shown(objective.value(-best))}"
        return f"{search.trained}  {search.label(job)}: {how}{top}{self._left(search)}"

    def _shown(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self.metric.unit == "percent" else f"{value:.4f}"

    def _left(self, search: Search) -> str:
        if search.seconds is None:
            return ""
        left = search.seconds - (time.monotonic() - self.began)
        return f"  ({duration(left)} left)" if left > 0 else ""
