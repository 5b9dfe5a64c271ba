"""What the editor says of a network with several heads."""

from __future__ import annotations

from pathlib import Path

from tests.lsp.editor import Editor
from tests.train.heads import homes, text

NET = "net linear(16) relu heads(kind: linear(classes) | price: linear(1))"


def test_heads_in_the_editor(editor: Editor, tmp_path: Path) -> None:
    data = homes(tmp_path / "h.csv")
    uri = editor.open(text(data, net=NET))
    assert editor.codes(uri) == []
    assert "Several outputs of one network" in editor.hover(uri, "heads(")
    assert "3" in editor.hover(uri, "linear(classes)"), "`classes` is that of the head"
    assert "heads" in editor.complete(uri, "relu heads", 7)
    editor.edit(uri, text(data, net=NET.replace("kind:", "sort:")))
    assert editor.codes(uri) == ["A308"]
    editor.edit(uri, text(data, "adam weigh(rice, 2)", net=NET))
    assert editor.codes(uri) == ["A224"]


def test_data_that_is_not_there_is_a_finding(editor: Editor) -> None:
    for data in (
        'csv("gone.csv", target="kind", numbers="price")',
        'pictures("gone.csv", target="a, b")',
        'masks("gone")',
    ):
        uri = editor.open(f"net gap linear(3)\ninput 3x64x64\nclasses 3\ndata {data}\ntrain adam\n")
        assert editor.codes(uri) == ["A209"]
