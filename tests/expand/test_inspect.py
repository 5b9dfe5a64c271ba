"""What an editor is told of a text is what `check` says of it, whatever the text was before."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.api import whole
from archdsl.errors import ArchError, Diagnostic, Source, SpecError
from archdsl.expand.holes import holes
from archdsl.expand.inspect import Inspection, inspect
from archdsl.expand.memo import Memo
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.parts import Part, Reader
from tests.fuzz.fuzz_text import Maker, corpus

GOOD = [text for text in corpus() if len(text) < 3000]


def told(findings: tuple[Diagnostic, ...], offset: bool = False) -> set[tuple[str, str, tuple[int, int] | None]]:
    """Findings with their places in the whole text."""

    def place(d: Diagnostic) -> tuple[int, int] | None:
        if d.span is None:
            return None
        source = d.span.source
        base = source.offset if isinstance(source, Part) else 0
        return base + d.span.start, base + d.span.end

    return {(d.code, d.message, place(d)) for d in findings}


def checked(text: str) -> tuple[Diagnostic, ...]:
    source = Source("<spec>", text)
    try:
        return whole(source, parse(source)).notes
    except SpecError as error:
        return error.diagnostics


def agrees(reader: Reader, memo: Memo, text: str) -> None:
    try:
        file = parse(text)
    except SpecError:
        return
    if any(True for _ in holes(file)) or any(isinstance(i, ast.Include) for i in file.items):
        return
    seen = inspect(reader.read(text).file, memo)
    try:
        expected = checked(text)
    except ArchError:  # data that are not there; an editor goes on
        assert seen.findings[0].code == "A209"
        return
    # Placed on the whole network; or cut, after so many errors.
    if any(d.code in ("A305", "A404") for d in expected) or len(expected) == 50:
        assert {d.code for d in seen.findings} >= {d.code for d in expected}
        return
    found = told(seen.findings)
    if any(
        d.code == "A203" for d in seen.findings
    ):  # an editor also looks at the modifiers of a term that has an error
        found = {f for f in found if f[0] != "A203"} | (found & told(expected))
    assert found == told(expected), text


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_good_texts(number: int) -> None:
    agrees(Reader("<spec>"), Memo(), GOOD[number])


@given(st.integers(0, 2**32))
def test_any_text_after_any_other(seed: int) -> None:
    maker, reader, memo = Maker(seed, GOOD), Reader("<spec>"), Memo()
    text = random.Random(seed).choice(GOOD)
    agrees(reader, memo, text)
    for _ in range(3):
        text = maker.bent(text)
        agrees(reader, memo, text)


@pytest.mark.parametrize("end", ["\\\n", "\\\r\n", "\\  \n", "\\\n\n", "\\"])
def test_a_line_that_nothing_continues(end: str) -> None:
    for text in ("net conv(8)\ntrain epoc(1)", "net conv(8)\ntrain epochs(1)", "conv(8) rellu"):
        agrees(Reader("<spec>"), Memo(), text + end)


def look(text: str, memo: Memo | None = None) -> Inspection:
    return inspect(Reader("<spec>").read(text).file, memo or Memo())


def test_an_error_inside_brackets_is_said_each_time() -> None:
    reader, memo = Reader("<spec>"), Memo()
    for _ in range(3):
        found = inspect(reader.read("input 3x8x8\nclasses 10\nnet (rellu bn) conv(8)").file, memo)
        assert [d.code for d in found.findings] == ["A201"]


def test_a_let_that_changes_changes_its_uses() -> None:
    reader, memo = Reader("<spec>"), Memo()
    for width in (8, 16, 8):
        text = f"let c = {width}\nlet f = conv(c)\ninput 3x8x8\nclasses 10\nnet f bn"
        seen = inspect(reader.read(text).file, memo)
        assert (seen.findings, seen.visits[-3].leaving) == (told_head(width), (width, 8, 8))


def told_head(width: int) -> tuple[Diagnostic, ...]:
    return look(f"let c = {width}\nlet f = conv(c)\ninput 3x8x8\nclasses 10\nnet f bn").findings


def test_shapes_are_known_up_to_an_error_and_beside_one() -> None:
    before = look("input 3x8x8\nnet conv(8) maxpool linear(10) conv(8) bn")
    assert [d.code for d in before.findings] == ["A301"]
    assert [v.leaving for v in before.visits if v.span.text == "maxpool"] == [(8, 4, 4)]
    beside = look("input 3x8x8\nnet conv(8) rellu maxpool")
    assert [d.code for d in beside.findings] == ["A201"]
    assert [v.leaving for v in beside.visits if v.span.text == "maxpool"] == [(8, 4, 4)]


def test_every_choice_of_a_space_is_looked_at() -> None:
    found = look("input 3x8x8\nclasses 4\nnet {conv(8) | linear(3) | conv(cin, groups=2)} {bn | gn(3) | }").findings
    assert {d.code for d in found} == {"A301", "A302"} or len(found) >= 2
    assert look("input 3x8x8\nnet {a: conv(8) | relu} {a: bn | relu | gelu}").findings[0].code == "A221"


def test_visits_have_places_and_sums() -> None:
    seen = look("input 3x8x8\nclasses 10\nlet f(c) = conv(c) bn\nnet stem: f(8) (f(4) relu)*3 gap linear(classes)")
    visits = {v.span.text: v for v in seen.visits}
    assert (visits["f(8)"].arriving, visits["f(8)"].leaving) == ((3, 8, 8), (8, 8, 8))
    assert sum(v.span.text == "f(4)" for v in seen.visits) == 3
    assert len(visits["(f(4) relu)*3"].made) == 9
    assert seen.out == (10,)


def test_a_range_with_a_scale_is_said_once() -> None:
    found = inspect(parse("net conv({8..16 log}) relu gap linear(10)\ninput 1x8x8\nclasses 10"), Memo()).findings
    assert [(d.code, d.span and d.span.text) for d in found] == [("A225", "{8..16 log}")]
