"""The command line as a process: exit codes, streams, signals, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPO, Cli

START = [sys.executable, "-m", "archdsl"]
SPEC = "conv(8) bn relu gap linear(10)"
HEAD = ("--input", "3x8x8", "--classes", "10")
ENV = {**os.environ, "PYTHONPATH": str(REPO)}


def test_version_and_help(cli: Cli) -> None:
    from archdsl import __version__

    assert cli("--version").stdout == f"archdsl {__version__}\n"
    for args in (("--help",), ("-h",), ("params", "-h"), ("train", "--help")):
        done = cli(*args)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage: archdsl" in done.stdout


def test_no_command_is_a_usage_error(cli: Cli) -> None:
    assert cli().returncode == 2


def test_unknown_commands_and_options_have_a_suggestion(cli: Cli) -> None:
    done = cli("prams", SPEC)
    assert done.returncode == 2
    assert "params" in done.stderr
    assert cli("params", SPEC, "--fromat", "json").returncode == 2


def test_data_goes_to_one_stream_and_talk_to_the_other(cli: Cli) -> None:
    done = cli("params", "conv(8)", "--format", "json")
    assert done.returncode == 0
    json.loads(done.stdout)
    assert "A508" in done.stderr
    assert "A508" not in done.stdout


def test_an_internal_error_is_a_message(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import archdsl.ir.cost\n"
        "def broken(trace): raise ZeroDivisionError('of a test')\n"
        "archdsl.ir.cost.cost = broken\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPO}"}
    done = cli("params", SPEC, *HEAD, env=env)
    assert done.returncode == 1
    assert "internal error: ZeroDivisionError: of a test" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in cli("params", SPEC, *HEAD, "--debug", env=env).stderr


def test_a_closed_reader_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m archdsl words | head -1"],
        env=ENV,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize("args", [("words",), ("params", SPEC, *HEAD), ("--help",), ("--version",)])
def test_a_full_disk_is_the_environment(args: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*START, *args], stdout=full, stderr=subprocess.PIPE, env=ENV, text=True)
    assert done.returncode == 4
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_closed_streams(stream: int, tmp_path: Path) -> None:
    args = ["params", "-" if stream == 0 else SPEC, *HEAD]
    command = " ".join(f"'{a}'" for a in [*START, *args])
    done = subprocess.run(
        ["bash", "-c", f"{command} {stream}>&-"],
        env=ENV,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == {0: 2, 1: 4, 2: 0}[stream]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
        {"TERM": "dumb"},
        {"COLUMNS": "20"},
        {"NO_COLOR": "1"},
    ],
    ids=lambda e: next(iter(e)),
)
def test_poor_terminals(env: dict[str, str], tmp_path: Path) -> None:
    for args in (["params", SPEC, *HEAD], ["show", SPEC, *HEAD], ["--help"], ["check", "conv(8) é"], ["words", "drop"]):
        done = subprocess.run([*START, *args], env={**ENV, **env}, cwd=tmp_path, capture_output=True)
        assert done.returncode == (2 if args[0] == "check" else 0), done.stderr
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stdout


def on_terminal(args: list[str], env: dict[str, str], stream: str = "stdout", cwd: Path | None = None) -> str:
    """What a command writes on a terminal to one of its streams."""
    leader, follower = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: follower}
    process = subprocess.Popen([*START, *args], **streams, env={**ENV, "TERM": "xterm-256color", **env}, cwd=cwd)  # type: ignore[call-overload]
    os.close(follower)
    found = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        found += part
    os.close(leader)
    assert process.wait(60) == 0
    return found.decode("utf-8")


def test_a_terminal_gets_a_drawn_table() -> None:
    args = ["params", SPEC, *HEAD]
    drawn = on_terminal(args, {"COLUMNS": "120"})
    assert "\x1b[" in drawn
    assert "─" in drawn
    assert "\x1b[1m" not in on_terminal(args, {"COLUMNS": "120", "TERM": "dumb"})
    narrow = on_terminal(args, {"COLUMNS": "20"})
    assert "linear" in narrow


STUDY = """base: |
  net conv(4, s=4) relu {drop: | drop(0.1)} gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(1)
seeds: 2
"""


def test_a_study_and_a_run_on_a_terminal(tmp_path: Path) -> None:
    """Each live view is drawn by rich itself, on a real terminal."""
    (tmp_path / "s.yaml").write_text(STUDY)
    shown = on_terminal(["ablate", "s.yaml", "-j", "1"], {"COLUMNS": "60", "LINES": "14"}, "stderr", tmp_path)
    assert "4/4" in shown
    assert "verdict" in shown, "the head of the live table"
    sequential = STUDY.replace("seeds: 2", "max_seeds: 2")
    (tmp_path / "s.yaml").write_text(sequential)
    shown = on_terminal(
        ["ablate", "s.yaml", "-j", "1", "--runs", "more"], {"COLUMNS": "60", "LINES": "14"}, "stderr", tmp_path
    )
    assert re.search(r"of 1 arm\b", shown), "how many arms are decided"
    spec = "conv(4, s=4) relu gap linear(10)"
    trained = on_terminal(
        ["train", spec, "--data", "fashion-mini", "--set", "train.epochs=1", "--set", "data.subset=64"],
        {"COLUMNS": "60"},
        "stderr",
        tmp_path,
    )
    assert "train 1" in trained, "the bar with the training accuracy"


def test_piped_tables_are_not_wrapped(cli: Cli) -> None:
    wide = cli("params", SPEC, *HEAD, env={"COLUMNS": "20"}).stdout
    assert wide == cli("params", SPEC, *HEAD, env={"COLUMNS": "200"}).stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number: int, code: int) -> None:
    process = subprocess.Popen(
        [*START, "params", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENV,
        text=True,
    )
    time.sleep(1.5)  # it waits for its input
    begun = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - begun < 5
    assert process.returncode == code
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_the_parent_ignores_stays_ignored(number: int) -> None:
    """As in a script's `archdsl train S &`, where the shell ignores SIGINT for it."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [*START, "params", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENV,
            text=True,
        )
    finally:
        signal.signal(number, before)
    time.sleep(1.5)  # it waits for its input
    process.send_signal(number)
    out, err = process.communicate("conv(4) gap linear(10)\ndata fashion-mini\n", timeout=30)
    assert process.returncode == 0, err
    assert "linear" in out


def test_strange_arguments_stay_text(cli: Cli, tmp_path: Path) -> None:
    for text in (
        "$(touch x)",
        "`touch x`",
        "; touch x",
        "__import__('os')",
        "../../etc/passwd",
        "a\nb\tc",
        "é",
        "--",
        "x" * 300,
        "x" * 5000,
    ):
        done = cli("params", text)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_an_unreadable_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "loop.arch").symlink_to("loop.arch")
    done = cli("params", "loop.arch")
    assert done.returncode in (2, 4)
    assert "loop.arch" in done.stderr
    assert "Traceback" not in done.stderr
