"""What docs/verdict.md shows is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_readme import archdsl

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "verdict.md").read_text("utf-8")
CONSOLE = re.findall(r"```console\n\$ (.*?)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_a_console_block_shows_what_is_printed(command: str, shown: str) -> None:
    done = archdsl(command)
    assert (done.stdout or done.stderr).strip() == shown.strip()


def test_there_are_examples() -> None:
    assert len(CONSOLE) > 4
