"""What the README says, done: console blocks print what stands under them, and Python blocks run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
CONSOLE = re.findall(r"```console\n\$ (.*?)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
ARCH = re.findall(r"```arch\n(.*?)```", TEXT + (ROOT / "docs" / "language.md").read_text("utf-8"), re.DOTALL)


def archdsl(command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "archdsl"
    return subprocess.run(
        [sys.executable, "-m", "archdsl", *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        input=stdin,
        check=False,
    )


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[c for c, _ in CONSOLE])
def test_a_console_block_shows_what_is_printed(command: str, shown: str) -> None:
    done = archdsl(command)
    printed = done.stdout or done.stderr
    assert printed.strip() == shown.strip()


@pytest.mark.parametrize("block", PYTHON)
def test_a_python_block_runs(block: str) -> None:
    exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("block", ARCH)
def test_an_example_of_the_language_checks(block: str) -> None:
    assert archdsl("archdsl check -", stdin=block).returncode == 0


def test_the_set_up_commands_are_the_two_promised() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^demo:.*##", makefile, re.MULTILINE)
    assert re.search(r"^test:.*##", makefile, re.MULTILINE)
    assert "make demo" in TEXT
    assert "make test" in TEXT


def test_figures_are_those_of_the_benchmarks() -> None:
    """Ratios in the text are those of the pages beside which the raw figures are."""
    pages = {p.stem: p.read_text("utf-8") for p in (ROOT / "docs" / "benchmarks").glob("*.md")}

    def figure(page: str, row: str, column: int) -> float:
        line = next(line for line in pages[page].splitlines() if line.startswith(f"| {row} |"))
        return float(line.split("|")[column].replace(",", ""))

    reused, shell = (
        figure("c3_tune_reused", "Ray Tune, actors reused", 3),
        figure("c3_study", "shell loop over timm", 3),
    )
    text = " ".join(TEXT.split())
    assert (
        f"in {1 / reused:.2f} of the time of Ray Tune at its best here, and {1 / shell:.2f} of that of a shell loop"
        in text
    )
    assert f" {reused} × (" in pages["README"]
    assert "counted in a fifth of a second" in text
    assert figure("l1_cold_params", "archdsl params", 2) == pytest.approx(200, rel=0.1)
