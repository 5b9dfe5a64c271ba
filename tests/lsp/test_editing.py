"""Renaming, going to definitions, and what can be done about findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as t

from tests.lsp.editor import Editor
from tests.lsp.test_server import NET


def rename(editor: Editor, uri: str, piece: str, shift: int, new: str) -> str:
    edit = editor.ask("textDocument/rename", t.RenameParams(**editor.at(uri, piece, shift), new_name=new))
    return editor.apply(uri, edit.changes[uri]) if edit else ""


def test_renaming(editor: Editor) -> None:
    from archdsl.syntax.parse import parse

    uri = editor.open(NET)
    for piece, shift, new, times in (
        ("f(16)", 0, "unit(", 5),
        ("let f", 4, "unit(", 5),
        ("@x", 1, "y", 2),
        ("stem", 0, "root", 1),
        ("c, s=1", 0, "width", 2),
        ("s=2", 0, "step", 3),
    ):
        text = rename(editor, uri, piece, shift, new.strip("("))
        parse(text)
        assert text.count(new) == times, text
    assert rename(editor, uri, "f(16)", 0, "conv") == ""
    assert "word of the language" in editor.messages[-1]
    assert rename(editor, uri, "f(16)", 0, "3d") == ""
    assert rename(editor, uri, "stem", 0, "forward") == ""
    where = editor.at(uri, "vgg")
    assert editor.ask("textDocument/prepareRename", t.PrepareRenameParams(**where)) is None


def test_renaming_what_stands_behind_a_minus(editor: Editor) -> None:
    uri = editor.open("let h = 2\nlet f(a) = roll(-a)\nnet conv(8) roll(-h) f(1)")
    assert rename(editor, uri, "h = 2", 0, "by") == "let by = 2\nlet f(a) = roll(-a)\nnet conv(8) roll(-by) f(1)"
    uri = editor.open("let h = 2\nlet f(a) = roll(-a)\nnet conv(8) roll(-h) f(1)")
    assert rename(editor, uri, "-a", 1, "by") == "let h = 2\nlet f(by) = roll(-by)\nnet conv(8) roll(-h) f(1)"
    hover = editor.ask("textDocument/hover", t.HoverParams(**editor.at(uri, "-h", 1)))
    assert hover is not None


def test_renaming_what_a_stage_gives(editor: Editor) -> None:
    uri = editor.open("let f(c, k=3) = conv(c, k=k)\nnet f[8x2(k=1), 16](k=5)")
    assert rename(editor, uri, "k=3) =", 0, "t") == "let f(c, t=3) = conv(c, k=t)\nnet f[8x2(t=1), 16](t=5)"
    uri = editor.open("let f(c, s=1) = conv(c, s=s)\nnet f[8x2(s=1), 16](s=2)")
    assert rename(editor, uri, "f[8", 0, "g") == "let g(c, s=1) = conv(c, s=s)\nnet g[8x2(s=1), 16](s=2)"


@pytest.mark.parametrize(
    ("text", "piece", "new", "said"),
    [
        ("net stem: conv(8) again(stem) gap linear(10)", "stem:", "root", "`stem` is also in line 1"),
        ("net stem: conv(8) gap linear(10)\ntrain adam freeze(stem)", "stem:", "root", "`stem` is also in line 2"),
        ("let w = 8\nlet f(c) = conv(c) conv(w)\nnet f(16)", "c)", "w", "`w` is already used in `f`"),
        ("let f(c, s=1) = conv(c, s=s)\nnet f(16, s=2)", "s=2", "c", "`c` is already used in `f`"),
        (
            "let f(c, m=true) = attention(4, causal) linear(c)\nnet f(64)",
            "m=",
            "causal",
            "`causal` is also a flag of a word",
        ),
        (
            "let f(c, causal=false) = attention(4, causal) linear(c)\nnet f(64)",
            "causal=",
            "m",
            "`causal` is also a flag",
        ),
        ("let w = 8\nlet f(c) = conv(c) conv(w)\nnet f(16)", "w =", "c", "`c` is a parameter where `w` is used"),
        ("let late = 60%\nnet conv(8) drop(0.3, late)", "late =", "late_one", "`late` is also a flag of a word here"),
        ("let p = 60%\nnet conv(p) drop(0.3, late)", "p =", "late", "`late` is also a flag of a word here"),
        ("net conv(8) as x conv(8) as y cat(@x | @y)", "x conv", "y", "`@y` is already a value"),
    ],
)
def test_a_name_that_would_change_the_net_is_refused(
    editor: Editor, text: str, piece: str, new: str, said: str
) -> None:
    uri = editor.open(text)
    assert rename(editor, uri, piece, 0, new) == ""
    assert said in editor.messages[-1]


def test_a_label_in_a_comment_is_no_obstacle(editor: Editor) -> None:
    uri = editor.open("net stem: conv(8) gap linear(10)  # the stem")
    assert rename(editor, uri, "stem:", 0, "root") == "net root: conv(8) gap linear(10)  # the stem"


def test_definitions_references_and_highlights(editor: Editor) -> None:
    uri = editor.open(NET)
    (found,) = editor.ask("textDocument/definition", t.DefinitionParams(**editor.at(uri, "f(32, s=2)")))
    assert (found.range.start.line, found.range.start.character, found.range.end.character) == (1, 4, 5)
    (found,) = editor.ask("textDocument/definition", t.DefinitionParams(**editor.at(uri, "@x", 1)))
    assert (found.range.start.line, found.range.start.character) == (5, 19)
    for declaration, count in ((True, 5), (False, 4)):
        asked = t.ReferenceParams(context=t.ReferenceContext(declaration), **editor.at(uri, "f(16)"))
        assert len(editor.ask("textDocument/references", asked)) == count
    kinds = [
        h.kind
        for h in editor.ask("textDocument/documentHighlight", t.DocumentHighlightParams(**editor.at(uri, "@x", 1)))
    ]
    assert kinds == [t.DocumentHighlightKind.Write, t.DocumentHighlightKind.Read]


def test_actions_mend_what_they_are_for(editor: Editor) -> None:
    for text, title in (
        ("input 3x8x8\nclasses 4\nnet conv(8) reluu gap linear(4)", "Replace by `relu`"),
        ("input 3x8x8\nclasses 4\nnet conv(8) +rse", "Replace by `+res`"),
        ("input 3x8x8\nclasses 4\nnet (conv(8) conv(8)) -rse", "Replace by `-res`"),
        ("input 3x8x8\nclasses 4\nnet conv(8, grups=1) gap linear(4)", "Replace by `groups`"),
        ("input 3x8x8\nclasses 4\nnet conv(8) batchnorm gap linear(4)", "Replace by `bn`"),
        ("let a = 3\ninput 3x8x8\nclasses 4\nnet conv(8) gap linear(4)", "Take it out, or use it"),
        ("classes 4\nnet conv(8) gap linear(4)", "State the input"),
        ("input 3x8x8\nnet conv(8) gap linear(classes)", "State the number of classes"),
        ("input 3x8x8\nclasses 4\nnet conv(8)", "Write the head"),
    ):
        uri = editor.open(text)
        before = editor.codes(uri)
        action = editor.actions(uri, text)[title]
        assert action.diagnostics
        assert action.edit is not None
        assert action.edit.changes is not None
        editor.edit(uri, editor.apply(uri, list(action.edit.changes[uri])))
        assert set(before) - set(editor.codes(uri)), (title, editor.texts[uri])


def test_one_action_applies_all_safe_fixes(editor: Editor) -> None:
    uri = editor.open("let a = 3\nlet b = 4\ninput 3x8x8\nclasses 4\nnet conv(8) gap linear(4)")
    action = editor.actions(uri, "let a", only=["source.fixAll"])["Apply 2 safe fixes"]
    assert action.edit is not None
    assert action.edit.changes is not None
    assert editor.apply(uri, list(action.edit.changes[uri])).startswith("input 3x8x8\n")


def test_included_lets_are_known_and_followed(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "blocks.arch").write_text("# lets\nlet unit(c) = conv(c) bn\n")
    text = 'include "blocks.arch"\ninput 3x8x8\nclasses 4\nnet unit(8) gap linear(4)'
    uri = editor.open(text, tmp_path / "a.arch")
    assert editor.findings(uri) == []
    assert "unit" in editor.complete(uri, "net unit(8) ")
    (found,) = editor.ask("textDocument/definition", t.DefinitionParams(**editor.at(uri, "unit(8)")))
    assert (found.uri, found.range.start.line, found.range.start.character) == (
        (tmp_path / "blocks.arch").as_uri(),
        1,
        4,
    )
    (found,) = editor.ask("textDocument/definition", t.DefinitionParams(**editor.at(uri, "blocks")))
    assert found.uri == (tmp_path / "blocks.arch").as_uri()
    # what an editor has open goes before what lies on the disk, saved or not
    other = editor.open("let unit(c) = convv(c)\n", tmp_path / "blocks.arch")
    editor.edit(uri, text + "\n")
    (wrong,) = editor.findings(uri)
    assert (wrong.code, wrong.range.start.line) == ("A201", 3)
    assert any(r.location.uri == other for r in wrong.related_information or ())
    editor.close(other)
    editor.edit(uri, text)
    assert editor.findings(uri) == []


def test_what_an_included_file_includes_changes_the_findings(editor: Editor, tmp_path: Path) -> None:
    """At once, also where the folder is opened through a link, and again when the editor closes the file."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to("there", target_is_directory=True)
    folder = tmp_path / "here"
    (folder / "inner.arch").write_text("let unit(c) = conv(c) bn\n")
    (folder / "outer.arch").write_text('include "inner.arch"\nlet two(c) = unit(c) unit(c)\n')
    for name, text in (("inner", "net unit(8) gap linear(4)"), ("outer", "net two(8) gap linear(4)")):
        uri = editor.open(f'include "{name}.arch"\ninput 3x8x8\nclasses 4\n{text}', folder / f"of_{name}.arch")
        assert editor.findings(uri) == []
        other = editor.open("let unit(c) = convv(c)\n", folder / "inner.arch")
        editor.until(uri, ["A201"])
        editor.close(other)
        editor.until(uri, [])
        editor.close(uri)


def test_a_study_is_checked_again_when_its_base_is_saved(editor: Editor, tmp_path: Path) -> None:
    text = "input 1x28x28\nclasses 10\nnet conv(8) {relu | geluu} gap linear(10)\ndata fashion-mini\n"
    (tmp_path / "net.arch").write_text(text)
    uri = editor.open("base: net.arch\nseeds: 2\n", tmp_path / "study.yaml")
    assert editor.codes(uri) == ["A201"]
    spec = editor.open(text.replace("geluu", "gelu"), tmp_path / "net.arch")
    (tmp_path / "net.arch").write_text(editor.texts[spec])
    editor.client.text_document_did_save(t.DidSaveTextDocumentParams(t.TextDocumentIdentifier(spec)))
    editor.until(uri, [])
    editor.close(spec)
    editor.close(uri)


def test_a_file_that_changes_beside_the_editor_changes_the_findings(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open('include "lib.arch"\ninput 3x8x8\nclasses 4\nnet unit(8) gap linear(4)', tmp_path / "x.arch")
    assert "A107" in editor.codes(uri)
    lib = tmp_path / "lib.arch"
    for text, codes in (("let unit(c) = conv(c) bn", []), ("let unit(c) = convv(c)", ["A201"])):
        lib.write_text(text)
        changed = t.FileEvent(lib.as_uri(), t.FileChangeType.Changed)
        editor.client.workspace_did_change_watched_files(t.DidChangeWatchedFilesParams([changed]))
        editor.until(uri, codes)
    editor.close(uri)
