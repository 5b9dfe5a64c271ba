"""The command line in this process, and golden files of what it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from archdsl.cli.main import main

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cli"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`archdsl ARGS` from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> Done:
        code = main(list(args))
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file; `--regen` rewrites it."""

    def compare(name: str, text: str) -> None:
        assert text, f"{name} would be empty: nothing would be compared"
        path = GOLDEN / name
        if request.config.getoption("--regen"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8")

    return compare
