"""Every code: used, explained, and provoked by its example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.api import read, setting_findings, whole
from archdsl.cli.main import main
from archdsl.codes import CODES
from archdsl.errors import Source, SpecError
from archdsl.expand import expand
from archdsl.expand.holes import arms
from archdsl.ir.trace import trace_node

ASSUMED = {"A508", "A509", "A510"}  # what every short example lets assume


def codes_of(text: str, name: str, code: str) -> set[str]:
    try:
        source, file = read(Source(name, text))
        if code in ("A221", "A222", "A225", "A408"):
            list(arms(file))
        if code == "A306":  # commands assume ten classes; the stage function does not
            trace_node(expand(file).root, (3, 32, 32))
        spec = whole(source, file)
        return {n.code for n in (*spec.notes, *setting_findings(spec))}
    except SpecError as error:
        return {d.code for d in error.diagnostics}


@pytest.mark.parametrize("code", CODES)
def test_example_provokes_its_code_and_no_other(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = codes_of(CODES[code].provoking, CODES[code].name, code)
    assert found - (ASSUMED - {code}) == {code}


def test_every_code_in_use_is_explained(repo: Path) -> None:
    used = set()
    for path in (repo / "archdsl").rglob("*.py"):
        used |= set(re.findall(r'"(A[1-6][0-9]{2})"', path.read_text("utf-8")))
    assert used == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_explain(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code.lower()]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{code}: {CODES[code].title}\n")
    assert CODES[code].paragraph in out


def test_explain_unknown_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "A999"]) == 2
    assert "unknown code A999" in capsys.readouterr().err
