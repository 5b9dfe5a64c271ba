"""What a person sees while a net is trained: the bar and the charts of a terminal, and plain lines elsewhere."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from archdsl.cli.views.train_progress import Talk, line
from archdsl.runs.events import Diverged, EpochDone, Event, Finished, Oom, Progress, Resumed, Started, TimedOut, Warned

STARTED = Started("cpu", "here", 100, 10, 20, 1234, 12, 240, ("device: cpu",))


def done(epoch: int, valid: bool = True) -> EpochDone:
    figures = (2.5 / epoch, 0.05 * epoch) if valid else (None, None)
    return EpochDone(epoch, 20 * epoch, 2.0 / epoch, 0.07 * epoch, *figures, 0.1, 2.0, 12345.6)


RUN: list[Event] = [STARTED, Progress(1, 5, 2.2, 0.05, 1000.0), Progress(1, 9, 2.1, 0.06, 1000.0)]
RUN += [event for n in range(1, 5) for event in (Progress(n, 20 * n - 1, 2.1 / n, 0.07 * n, 1000.0), done(n))]


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "100"), ("LINES", "30"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("archdsl.cli.views.live_chart.REDRAWN", 0.0)
    return Terminal()


def played(stream: io.StringIO, events: list[Event], quiet: bool = False) -> str:
    with Talk(stream, quiet) as talk:
        for event in events:
            talk(event)
    return stream.getvalue()


def braille(text: str) -> int:
    return sum(0x2800 < ord(c) < 0x2900 for c in text)


def test_a_terminal_sees_charts_of_loss_and_accuracy(terminal: Terminal) -> None:
    shown = played(terminal, RUN)
    assert braille(shown) > 100
    for part in ("epoch 4/12", "loss", "accuracy", "valid", " 0.5", "28.0 %", "images/s"):
        assert part in shown
    assert "\x1b[34m" in shown, "the training curve has its colour"
    assert shown.endswith("\x1b[?25h") or shown.rstrip("\n").endswith("\x1b[2K"), "nothing of it stays"
    assert "epoch  4/12  loss 0.5000" in shown, "a line for each epoch does"


@pytest.mark.parametrize(
    ("env", "charts"),
    [
        ({"NO_COLOR": "1"}, True),
        ({"COLUMNS": "60"}, True),
        ({"COLUMNS": "59"}, False),
        ({"COLUMNS": "20"}, False),
        ({"COLUMNS": "1"}, False),
        ({"LINES": "15"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_poor_terminals(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], charts: bool) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    shown = played(terminal, RUN)
    assert bool(braille(shown)) == charts
    if "NO_COLOR" in env:
        assert "\x1b[34m" not in shown
    if env.get("TERM") == "dumb":
        assert "\x1b" not in shown


def test_a_terminal_without_dots_gets_letters(terminal: Terminal) -> None:
    terminal.encoding = "latin-1"  # type: ignore[misc]
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", played(terminal, RUN))
    assert not braille(shown)
    assert "|+" in shown
    assert "* train 0.5  + valid 0.625" in shown


def test_runs_without_validation_and_with_holes(terminal: Terminal) -> None:
    nan = float("nan")
    shown = played(terminal, [STARTED, Progress(1, 1, nan, nan, 0.0), done(1, valid=False), done(2, valid=False)])
    assert "valid" not in shown.replace("validation", "")
    assert braille(shown)


@pytest.mark.parametrize(
    "end",
    [
        Diverged(5, 99, 4),
        TimedOut(5, 99, 60.0),
        Oom(5, 99, "no room"),
        Warned("of a test"),
        Resumed(5, 80),
        Finished(80, 0.5, 0.9, None, None, None, 0.6, 0.8, 9.0, 100.0, 4, ""),
    ],
)
def test_every_end(terminal: Terminal, end: Event) -> None:
    shown = played(terminal, [*RUN, end])
    assert line(end, STARTED) in shown


@pytest.mark.parametrize("valid", [True, False])
def test_elsewhere_there_are_plain_lines(valid: bool) -> None:
    stream = io.StringIO()
    shown = played(
        stream, [STARTED, Progress(1, 5, 2.2, 0.05, 1000.0), done(1, valid), done(2, valid), Diverged(3, 50, 2)]
    )
    assert "\x1b" not in shown
    assert [text.split()[0] for text in shown.splitlines()] == ["device:", "100", "1,234", "epoch", "epoch", "diverged"]
    assert ("valid" in shown.splitlines()[3]) == valid


def test_an_event_of_a_later_version_is_no_error(terminal: Terminal) -> None:
    played(terminal, [*RUN, object()])  # type: ignore[list-item]
    assert line(object(), STARTED) == ""  # type: ignore[arg-type]


def test_a_run_that_goes_on_starts_where_it_stopped(terminal: Terminal) -> None:
    shown = played(terminal, [STARTED, Resumed(3, 40), done(3)])
    assert "epoch 3/12" in shown
    assert "resumes after step 40" in shown


@pytest.mark.parametrize(("before", "left"), [([], "0:16"), ([Resumed(4, 70)], "2:40"), ([Resumed(5, 80)], None)])
def test_the_time_left_is_by_the_pace_of_this_call(
    monkeypatch: pytest.MonkeyPatch, before: list[Event], left: str | None
) -> None:
    """Of 240 steps 80 are done after 10 seconds at most, which began behind those of the first call."""
    clock = iter([5.0, 13.0 if not before else 15.0])
    monkeypatch.setattr("archdsl.cli.views.train_progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    *_, shown = played(io.StringIO(), [STARTED, *before, done(4)]).splitlines()
    assert shown.endswith(f"  {left} left" if left else "images/s")


def test_elsewhere_nothing_is_sampled_or_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "archdsl.cli.views.live_chart", raising=False)
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True), (None, False)):
        with Talk(stream, quiet) as talk:
            assert talk.every is None
    assert "archdsl.cli.views.live_chart" not in sys.modules


def test_charts_are_drawn_at_a_low_rate(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.cli.views.live_chart.REDRAWN", 3600.0)
    drawn = []
    from archdsl.cli.views.live_chart import Bar

    real = Bar._charts
    monkeypatch.setattr(Bar, "_charts", lambda self, width: drawn.append(width) or real(self, width))
    played(terminal, RUN * 3)
    assert len(drawn) <= 1


def test_a_long_run_keeps_its_curve_short() -> None:
    from archdsl.cli.views.live_chart import MOST, History

    history = History()
    for step in range(10 * MOST):
        history.epoch(step, {"loss": 1 / (step + 1), "valid_loss": None, "accuracy": 0.5, "valid_accuracy": None})
    (curve,) = history.curves("loss")
    assert MOST / 4 < len(curve.xs) <= MOST
    assert (curve.xs[0], curve.xs[-1]) == (0, 10 * MOST - 1)
    assert list(curve.xs) == sorted(curve.xs)


def test_one_epoch_is_no_plural() -> None:
    """One of a run of one step, too."""
    assert line(replace(STARTED, epochs=1, steps=1), STARTED).endswith("1,234 parameters, 1 epoch, 1 step")
