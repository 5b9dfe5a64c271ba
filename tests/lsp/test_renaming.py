"""Renaming changes no network, or is refused; what another file makes of a name counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lsprotocol import types as t

from archdsl.api import load
from archdsl.expand.include import library
from archdsl.lsp.document import Document
from archdsl.lsp.renaming import refusal
from archdsl.lsp.renaming import rename as edits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lsp.editor import Editor

GAP = " gap linear(10)"


def rename(editor: Editor, uri: str, piece: str, shift: int, new: str) -> str:
    edit = editor.ask("textDocument/rename", t.RenameParams(**editor.at(uri, piece, shift), new_name=new))
    return editor.apply(uri, edit.changes[uri]) if edit else ""


def said_of(text: str, piece: str, new: str) -> str:
    document = Document("untitled:1", None, "utf-16", library)
    document.update(text, 0)
    return refusal(document.now, text.index(piece), new, list)


@pytest.mark.parametrize(
    ("text", "piece", "new", "said"),
    [
        ("let f(c, s=1) = conv(c, s=s)\nnet f[8x2, 16](s=2)", "s=1", "t", "`s` has a meaning of its own"),
        ("let f(c, s=1) = conv(c, s=s)\nnet f[8x2, 16](s=2)", "s=2", "t", "`s` has a meaning of its own"),
        ("let f(c, k=1) = conv(c, s=k)\nnet f[8x2, 16]", "k=1", "s", "`s` has a meaning of its own"),
        (
            "let f(c, down=maxpool(2)) = conv(c)\nnet f[8x2, 16]",
            "down",
            "pool",
            "`down` has a meaning of its own",
        ),
        ("let w = 8\nnet conv(w)", "w =", "bias", "`bias` is a flag of `conv`, which has `w`"),
        ("let f(c) = conv(c)\nnet f(8)", "c)", "bias", "`bias` is a flag of `conv`"),
        (
            "let m = 8\nnet conv(m) mul(id | reduce(mean) sigmoid)",
            "m =",
            "mean",
            "`mean` has another meaning in line 2",
        ),
        ("net a: conv(8) b: conv(8)", "a:", "b", "`b` is already the name of a part"),
        ("net a: conv(8) conv(8)\ntrain adam freeze(conv)", "a:", "conv", "`conv` is already the name of a part"),
        ("net a: conv(8)", "a:", "as", "a Python keyword"),
        ("let b = conv(8) bn\nnet b b\ntrain adam freeze(b2)", "b =", "unit", "speaks of the part `b2`"),
        ("let b = conv(8) bn\nnet b\ntrain adam freeze(b)", "b =", "unit", "speaks of the part `b`"),
        ("let b = conv(8) bn\nnet b again(b)", "b =", "unit", "speaks of the part `b`"),
        ('let b = conv(8) bn\nnet b\ntrain adam freeze("b.conv")', "b =", "unit", "speaks of the part `b.conv`"),
        ("let b = conv(8)\nnet stem: b", "b =", "stem", "`stem` is also a label"),
        ("let b = conv(8)\nnet b b\ntrain adam freeze(b", "b =", "unit", "`b` is also in line 3, which does not parse"),
    ],
)
def test_a_name_that_would_change_the_net_is_refused(text: str, piece: str, new: str, said: str) -> None:
    assert said in said_of(text, piece, new)


@pytest.mark.parametrize(
    ("text", "piece", "new"),
    [
        (f"let f(c, s=1) = conv(c, s=s)\nnet f(8) f(8, s=2){GAP}", "s=1", "t"),
        (
            f"let w = 8\nlet b = conv(w) bn\nnet b2: conv(8) b{GAP}\ndata fashion-mini\ntrain adam freeze(b2)",
            "w =",
            "u",
        ),
        (f"let late2 = 30%\nnet conv(8) drop(late2){GAP}", "late2", "p"),
    ],
)
def test_what_may_be_renamed_keeps_its_meaning(text: str, piece: str, new: str) -> None:
    assert said_of(text, piece, new) == ""
    document = Document("untitled:1", None, "utf-16", library)
    document.update(text, 0)
    (found,) = (edits(document.now, text.index(piece), new).changes or {}).values()
    changed = text
    for edit in reversed(found):
        start, end = (document.now.places.offset(p) for p in (edit.range.start, edit.range.end))
        changed = changed[:start] + edit.new_text + changed[end:]
    assert load(changed).hash == load(text).hash


def test_a_name_that_another_file_uses_is_kept(editor: Editor, tmp_path: Path) -> None:
    own = "let unit(c, k=3) = conv(c, k) bn\nlet alone = bn\nlet other = relu"
    (tmp_path / "closed.arch").write_text('include "lib.arch"\nnet conv(8) unit(8, k=5) late_name: relu')
    (tmp_path / "no.arch").write_text("net stranger: conv(8)")
    uri = editor.open(own, tmp_path / "lib.arch")
    for piece, new in (("unit", "block"), ("k=3", "window")):
        assert rename(editor, uri, piece, 0, new) == ""
        assert "closed.arch" in editor.messages[-1]
    asked = t.PrepareRenameParams(**editor.at(uri, "unit"))
    assert editor.ask("textDocument/prepareRename", asked) is None
    assert "`unit` is also in closed.arch, which includes this file" in editor.messages[-1]
    assert "let lone = bn" in rename(editor, uri, "alone", 0, "lone")
    editor.open('include "lib.arch"\nnet conv(8) other', tmp_path / "open.arch")
    assert rename(editor, uri, "other", 0, "act") == ""
    assert "open.arch" in editor.messages[-1]
