"""Edits that actions give, and places in files that are included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archdsl.expand.include import library
from archdsl.lsp.actions import actions
from archdsl.lsp.document import Document, Version
from archdsl.lsp.findings import diagnostics
from archdsl.lsp.navigate import definition

if TYPE_CHECKING:
    from pathlib import Path


def version_of(text: str, path: str | None = None) -> Version:
    document = Document("untitled:1", path, "utf-16", library)
    document.update(text, 0)
    return document.now


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("# é\n  net conv(8)\n", "# é\n  input 3x32x32\n  net conv(8)\n"),
        ("\ufeffconv(8)\r\n  bn\r\n", "\ufeffinput 3x32x32\r\nconv(8)\r\n  bn\r\n"),
    ],
)
def test_a_written_input_is_a_statement_of_its_own(text: str, changed: str) -> None:
    version = version_of(text)
    (action,) = [a for a in actions(version, 0, len(text)) if a.title == "State the input"]
    assert action.edit is not None
    assert action.edit.changes is not None
    (edit,) = action.edit.changes["untitled:1"]
    at = version.places.offset(edit.range.start)
    assert text[:at] + edit.new_text + text[at:] == changed
    assert [d for d in version_of(changed).findings if d.severity == "error"] == []


def test_places_in_included_files_are_in_units_of_the_editor(tmp_path: Path) -> None:
    (tmp_path / "lib.arch").write_text('# one\nlet   unit = conv("😀") convv(8)\n', "utf-8")
    version = version_of('include "lib.arch"\nnet unit', str(tmp_path / "x.arch"))
    (found,) = definition(version, len(version.text) - 2)
    assert (found.range.start.line, found.range.start.character, found.range.end.character) == (1, 6, 10)
    related = [r for d in diagnostics(version) for r in d.related_information or () if "convv" in r.message]
    assert [(r.location.range.start.character, r.location.range.end.character) for r in related] == [(24, 32)]
