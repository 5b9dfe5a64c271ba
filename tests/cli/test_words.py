"""`archdsl words` and `archdsl explain`."""

from __future__ import annotations

import json

import pytest

from archdsl.cli.commands.words import summary
from archdsl.cli.support.word_laws import not_tried
from archdsl.laws.law import LAWS
from archdsl.laws.trial import Trial
from archdsl.registry import entries
from tests.cli.conftest import Run


def test_all_words_are_listed_with_their_help(run: Run) -> None:
    out = run("words").out
    for entry in entries():
        assert (summary(entry) in out) is not bool(entry.alias)
    assert run("words", "--format", "json").out.count('"name"') >= len(entries())


@pytest.mark.parametrize("entry", entries(), ids=lambda e: f"{e.kind}-{e.name}")
def test_every_word_has_a_page(entry: object, run: Run) -> None:
    from archdsl.registry import Entry

    assert isinstance(entry, Entry)
    out = run("words", f"+{entry.name}" if entry.kind == "modifier" else entry.name).out
    assert all(f"\n  {example}" in out for example in entry.examples)
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    assert run("explain", entry.name).code == 0


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("modifiers", {"modifier"}),
        ("modifier", {"modifier"}),
        ("families", {"family"}),
        ("data", {"data"}),
        ("train", {"train"}),
        ("layers", {"op", "late"}),
        ("join", {"join"}),
    ],
)
def test_kinds(name: str, kinds: set[str], run: Run) -> None:
    found = json.loads(run("words", name, "--format", "json").out)
    assert {f["kind"] for f in found} == kinds


def test_arguments_are_told_to_programs(run: Run) -> None:
    (found,) = json.loads(run("words", "conv", "--format", "json").out)
    width = found["arguments"][0]
    assert (width["name"], width["required"], width["bounds"]) == ("out", True, "at least 1")


def test_markdown_and_csv(run: Run) -> None:
    assert run("words", "joins", "--format", "csv").out.startswith("word,kind,arguments,help,paper\n")
    assert run("words", "joins", "--format", "md").out.startswith("| word | kind |")


@pytest.mark.parametrize("args", [("words", "convv"), ("explain", "convv"), ("explain", "A2000")])
def test_unknown_ones_have_a_suggestion(args: tuple[str, str], run: Run) -> None:
    done = run(*args)
    assert done.code == 2
    assert "help:" in done.err


def test_a_word_of_several_name_spaces_has_all_its_pages(run: Run) -> None:
    out = run("words", "bn").out
    assert "(op)" in out
    assert "(modifier)" in out


def test_the_forms_of_the_language_have_pages() -> None:
    from archdsl.cli.commands.words import describe
    from archdsl.expand.env import STATEMENTS
    from archdsl.expand.forms import FORMS
    from archdsl.expand.values import CALLABLE

    assert set(FORMS) >= {*STATEMENTS, *CALLABLE, "cin", "as", "@"}
    for form, text in FORMS.items():
        assert text in describe(form)


def test_laws_that_are_not_tried_are_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.extras.installed", lambda package: package != "onnx")
    shorts = run("words", "--check", "proxies", "shortcut", "--format", "json")
    assert shorts.code == 0
    assert "not tried: `shortcut`, ONNX: `" in shorts.err
    assert "ONNX files need onnx, which is not installed; pip install 'archdsl[onnx]'" in shorts.err
    assert "note: ONNX: the first example of each word; `archdsl words --check WORD` tries all" in shorts.err
    assert {row["word"] for row in json.loads(shorts.out)} >= {"shortcut", *(e.name for e in entries("proxy"))}


def test_what_many_words_lack_is_said_once() -> None:
    trials = [Trial(e, LAWS[0], 0, not_tried=((e.examples[0], "no room"),)) for e in entries("metric")]
    assert not_tried(trials) == [f"not tried: {LAWS[0].name} of {len(trials)} words: no room"]
    one = trials[0]
    assert not_tried([one]) == [f"not tried: `{one.entry.name}`, {one.law.name}: `{one.entry.examples[0]}`: no room"]
