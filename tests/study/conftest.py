from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.expand.metrics import spellings
from archdsl.registry import find
from tests.conftest import Cli, command_line

TINY = "net conv(4, s=4) {norm: bn | } relu gap linear(10)\ndata fashion-mini subset(64)\ntrain sgd(0.05) epochs(2) batch(32)\n"


def metrics_as_written() -> list[str]:
    """Every metric as it can be written: one with arguments by its first example."""
    entries = {name: find("metric", name) for name in spellings()}
    return [e.examples[0] if e is not None and e.examples else name for name, e in entries.items()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a spec of one hole, `tiny.arch`, that trains in a tenth of a second."""
    (tmp_path / "tiny.arch").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    return tmp_path


@dataclass(frozen=True)
class Whole:
    """A study of two arms and two seeds that went from nothing to its table: what it said, and the folder of its runs."""

    stdout: str
    stderr: str
    runs: Path

    def into(self, place: Path) -> Path:
        """A copy of its runs, under ``place``."""
        return Path(shutil.copytree(self.runs, place / "runs"))


WHOLE = ("ablate", "tiny.arch", "--seeds", "2", "--format", "json")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """`archdsl ablate tiny.arch --seeds 2 --format json`, once for all tests that begin with a finished study."""
    place = tmp_path_factory.mktemp("whole")
    (place / "tiny.arch").write_text(TINY)
    done = command_line(*WHOLE, cwd=place, env={"XDG_CACHE_HOME": str(place / "cache"), "ARCHDSL_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    return Whole(done.stdout, done.stderr, place / "runs")


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Cli:
    """`archdsl` in this process, for commands that train nothing: a new one imports for two seconds."""

    def call(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        assert cwd == Path.cwd()
        capfd.readouterr()
        return subprocess.CompletedProcess(args, main([*args]), *capfd.readouterr())

    return call
