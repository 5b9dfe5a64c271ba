"""``archdsl train``: what is data and what is talk, and the settings that a flag puts into the text."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.cli.views.train_progress import Talk, line
from archdsl.errors import ArchError
from archdsl.expand.overrides import data_text
from archdsl.runs.events import Diverged, EpochDone, Progress, Started

SPEC = "net conv(8, s=2) bn relu gap linear(10)\ndata fashion-mini subset(300) valid(20%)\ntrain adam(0.01) epochs(9)\n"


@dataclass
class Done:
    exit_code: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "tiny.arch").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")  # or the command would leave it set behind the test

    def call(*args: str) -> Done:
        code = main(["train", "tiny.arch", "--set", "train.epochs=2", *args])
        return Done(code, *capfd.readouterr())

    return call


def test_the_result_is_data_and_the_rest_is_talk(run: Run) -> None:
    done = run()
    assert done.exit_code == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("test accuracy ")
    folder = Path(second.removeprefix("run "))
    assert folder.parent.name == "runs"
    assert folder.name.startswith("tiny-")
    assert "epoch 2/2" in done.stderr
    assert "device: " in done.stderr
    assert "epochs(2)" in (folder / "spec.arch").read_text(), "the run records what was run"


def test_json_and_quiet(run: Run) -> None:
    done = run("--format", "json", "--quiet", "--out", "elsewhere")
    result = json.loads(done.stdout)
    assert result["status"] == "finished"
    assert 0 <= result["test_accuracy"] <= 1
    assert Path(result["run"]).parent.name == "elsewhere"
    assert "epochs(2)" in result["spec"]
    assert done.stderr == ""


def test_a_run_that_diverges_is_exit_3(run: Run) -> None:
    done = run("--set", "train.sgd=1e38")
    assert done.exit_code == 3
    assert done.stdout.startswith("diverged at step")


def test_data_by_flag(run: Run) -> None:
    done = run("--data", "cifar10")
    assert done.exit_code == 4
    assert "cifar10 is not there" in done.stderr
    assert "--data fashion-mini" in done.stderr
    assert done.stdout == ""
    assert data_text("folder:my photos") == 'folder("my photos")'
    with pytest.raises(ArchError, match="names no path"):
        data_text('folder:a"b')


STARTED = Started("cpu", "here", 100, 10, 20, 1234, 12, 240, ("device: cpu",))
DONE = EpochDone(3, 60, 0.5, 0.75, 0.6, 0.7, 0.1, 2.0, 12345.6)


def test_lines() -> None:
    assert line(STARTED, STARTED) == (
        "100 images to train on, 10 for validation, 20 to test, from here\n1,234 parameters, 12 epochs, 240 steps"
    )
    assert line(DONE, STARTED, 65.4) == (
        "epoch  3/12  loss 0.5000  train 75.00 %  valid 70.00 %  valid loss 0.6000  12,346 images/s  1:05 left"
    )
    assert line(Diverged(2, 33, 1), STARTED).endswith("the weights after epoch 1 are kept")


def test_a_terminal_sees_a_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with Talk(stream) as talk:
        assert talk.every is not None
        for event in (STARTED, Progress(1, 5, 0.9, 0.5, 1000.0), DONE):
            talk(event)
    shown = stream.getvalue()
    assert "epoch  3/12" in shown
    assert "images/s" in shown


def test_a_pipe_sees_lines_and_quiet_nothing() -> None:
    for quiet, expected in ((False, 4), (True, 0)):
        stream = io.StringIO()
        with Talk(stream, quiet) as talk:
            assert talk.every is None
            for event in (STARTED, Progress(1, 5, 0.9, 0.5, 1000.0), DONE):
                talk(event)
        assert len(stream.getvalue().splitlines()) == expected
