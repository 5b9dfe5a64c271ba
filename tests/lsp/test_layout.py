"""Formatting in an editor is that of the command, whatever the text is indented by; texts with faults have an outline."""

from __future__ import annotations

import pytest

from archdsl.expand.include import library
from archdsl.lsp.document import Document, Version
from archdsl.lsp.layout import formatting
from archdsl.lsp.outline import symbols
from archdsl.syntax.format import format


def version_of(text: str) -> Version:
    document = Document("untitled:1", None, "utf-16", library)
    document.update(text, 0)
    return document.now


def formatted(text: str) -> str:
    version = version_of(text)
    edits = formatting(version)
    assert edits is not None
    places = version.places
    for edit in reversed(edits):
        start, end = places.offset(edit.range.start), places.offset(edit.range.end)
        text = text[:start] + edit.new_text + text[end:]
    return text


@pytest.mark.parametrize(
    "text",
    [
        " data fashion-mini\n conv(8) bn\n",
        "  let a = conv(8)\n  net a bn\n    relu\n  data fashion-mini\n   flip\n",
        "  net conv(8)\n bn\n",
        "  conv(8)\n  bn\n",
        "\ufeff# one\nnet conv( 8 )\n  bn\n",
        "\ufeffconv( 8 )",
        "net conv(8)\n\\\n   data fashion-mini\n   flip\n",
    ],
)
def test_formatting_never_joins_statements(text: str) -> None:
    assert formatted(text) == format(text)


def test_a_byte_order_mark_is_no_fault() -> None:
    version = version_of("\ufeffnet conv(8) bn\n  relu")
    assert [d.code for d in version.findings if d.severity == "error"] == []
    assert version.reading is not None
    assert version.reading.units[0].part.offset == 1


@pytest.mark.parametrize(
    "let", ["let f(c) conv(c)\n  bn relu", "let f(c) = conv(c) )\n  relu", "let 8 = conv(8)\n  relu"]
)
def test_a_let_that_does_not_parse_takes_nothing_else_out_of_the_outline(let: str) -> None:
    assert [s.name for s in symbols(version_of(f"let g = relu\n{let}\nnet g stem: conv(8)"))] == ["g", "net"]


def test_the_lines_of_a_range_are_those_of_the_editor() -> None:
    version = version_of("# a\u2028b\x0cc\nnet  conv(8)\ntrain  adam\n")
    for number, new in ((1, "net conv(8)\n"), (2, "train adam\n")):
        (edit,) = formatting(version, number, number) or ()
        assert (edit.range.start.line, edit.new_text) == (number, new)
