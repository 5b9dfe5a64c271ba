"""The programs of tools/ that write: a mistyped option writes nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPO


@pytest.mark.parametrize(
    ("tool", "option"),
    [("docs", "--chek"), ("make_tables", "--chek"), ("make_grammars", "-check"), ("terms", "--lst")],
)
def test_an_unknown_option_ends_with_the_usage(tool: str, option: str) -> None:
    done = subprocess.run([sys.executable, f"tools/{tool}.py", option], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"python tools/{tool}.py [--" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--tabel"], "no option or network --tabel"),
        (["--timm", "--tabel"], "no module of timm --tabel"),
    ],
)
def test_a_name_that_there_is_not_is_not_imported(options: list[str], why: str) -> None:
    if "--timm" in options:
        pytest.importorskip("timm")
    done = subprocess.run(
        [sys.executable, "tools/make_import_list.py", *options], cwd=REPO, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.strip().splitlines()[-1], done.stdout) == (1, why, "")
