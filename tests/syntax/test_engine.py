"""The tables run as Lark runs the grammar, and belong to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import EnvError, Source, SpecError
from archdsl.syntax import engine, generate, parse
from archdsl.syntax.tree import Builder
from tests.fuzz.fuzz_text import Maker, corpus

GOOD = corpus()
LARK = generate.Reference()


class ByLark:
    """Lark in the place of our run of its tables."""

    def parse(self, text: str, process: object, builder: Builder) -> object:
        return LARK.parse(builder.source, process.__self__)


def by_lark(text: str) -> object:
    source = Source("<spec>", text)
    try:
        return tuple(LARK.parse(source, parse.Newlines(source)))
    except engine.Refused:
        return "refused"


def by_tables(text: str) -> object:
    source = Source("<spec>", text)
    try:
        return tuple(parse._engine().parse(text, parse.Newlines(source).process, Builder(source)))
    except engine.Refused:
        return "refused"


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_good_texts(number: int) -> None:
    assert by_tables(GOOD[number]) == by_lark(GOOD[number])


@given(st.integers(0, 2**32))
def test_any_text(seed: int) -> None:
    text = Maker(seed, GOOD).text()
    try:
        expected = by_lark(text)
    except SpecError:  # of the builder, or a limit, found while parsing
        with pytest.raises(SpecError):
            by_tables(text)
        return
    assert by_tables(text) == expected


@given(st.integers(0, 2**32))
def test_a_refusal_says_what_lark_would_say(seed: int) -> None:
    text = Maker(seed, GOOD).bent("let c = [1, 2]\nnet a(3) cat(b | {n: c})  # d")
    with pytest.MonkeyPatch.context() as patch:
        own = said(text)
        patch.setattr(parse, "_engine", ByLark)
        assert own == said(text)


def said(text: str) -> str:
    try:
        return repr(parse.parse(text))
    except SpecError as error:
        return str(error)


@pytest.mark.parametrize("seed", ["0", "7"])
def test_the_file_is_that_of_the_grammar(repo: Path, seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_tables.py", "--check"],
        cwd=repo,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "are missing or damaged"),
        ("", "are missing or damaged"),
        ("{", "are missing or damaged"),
        ("[]", "are missing or damaged"),
        ('{"grammar": "of another one"}', "are those of another grammar"),
    ],
)
def test_tables_of_another_grammar_are_an_error(
    content: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tables.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(engine, "TABLES", path)
    engine.tables.cache_clear()
    parse._engine.cache_clear()
    try:
        with pytest.raises(EnvError, match=f"tables.json {why}") as caught:
            parse.parse("conv(8) bn\ndata cifar10")
        assert "python tools/make_tables.py" in caught.value.help
    finally:
        monkeypatch.undo()
        engine.tables.cache_clear()
        parse._engine.cache_clear()


def test_tables_are_computed_without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.TABLES.read_text("utf-8")
    monkeypatch.setattr(engine, "TABLES", tmp_path / "none.json")
    assert generate.compute() == before
