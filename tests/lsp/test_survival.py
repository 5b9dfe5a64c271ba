"""Whatever an editor sends, the server answers: other encodings, other line ends, refused texts, random edits."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types as t

from archdsl.files import specs
from archdsl.lsp.findings import failure
from archdsl.syntax.format import format
from tests.conftest import REPO, Cli
from tests.fuzz.fuzz_text import Maker, corpus
from tests.lsp.editor import Editor

WIDE = "input 3x8x8  # 🧠rchitektur: größer, 网络\nclasses 4\nnet conv(8) # 🧠\n    rellu gap linear(4)  # é\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_positions_are_in_the_units_of_the_editor(encoding: str) -> None:
    editor = Editor(encodings=[encoding])
    try:
        assert editor.encoding == encoding
        uri = editor.open('let 🧠 = 3\nnet "🧠🧠é" rellu')
        found = editor.findings(uri)
        column = {"utf-8": 4, "utf-16": 4, "utf-32": 4}[encoding]
        assert found[0].range.start == t.Position(0, column)
        editor.edit(uri, 'input 3x8x8\nclasses 4\ndata folder("🧠é") rellu\nnet conv(8) gap linear(4)')
        column = len('data folder("🧠é") '.encode(encoding.replace("-", "-") + ("-le" if encoding != "utf-8" else "")))
        column //= {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
        starts = {d.range.start.character for d in editor.findings(uri) if d.code == "A201"}
        assert starts == {column}
        assert "cutout" in editor.complete(uri, "rellu", 0)
        data = editor.ask(
            "textDocument/semanticTokens/full", t.SemanticTokensParams(t.TextDocumentIdentifier(uri))
        ).data
        assert len(data) % 5 == 0
        editor.edit(uri, 'data folder("🧠é")  flip\nnet   conv(8)\n')
        assert editor.apply(uri, editor.format(uri)) == 'data folder("🧠é") flip\nnet conv(8)\n'
    finally:
        assert editor.quit() == 0


FAULTY = """
from archdsl.ir.layer import Layer
from archdsl.registry import op

@op("conv(8) faulty")
def faulty(x: tuple[int, ...]) -> Layer:
    \"\"\"A layer that fails.\"\"\"
    raise ZeroDivisionError("by zero")
"""


def test_what_fails_while_checking_is_a_finding(tmp_path: Path) -> None:
    """A text is not shown as sound because a word of some package fails, nor because of a bug."""
    info = tmp_path / "faulty.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nfaulty = faulty_words\n")
    (tmp_path / "faulty_words.py").write_text(FAULTY)
    editor = Editor(packages=tmp_path)
    try:
        uri = editor.open("input 3x8x8\nclasses 4\nnet conv(8) faulty gap linear(4)")
        (found,) = editor.findings(uri)
        assert "the layer `faulty` of faulty_words fails in line 8: ZeroDivisionError: by zero" in found.message
        assert "help: repair or uninstall that package" in found.message
        assert found.severity == t.DiagnosticSeverity.Error
        editor.edit(uri, "input 3x8x8\nclasses 4\nnet conv(8) gap linear(4)")
        assert not editor.findings(uri)
    finally:
        assert editor.quit() == 0
    (bug,) = failure("net conv(8)", "utf-8", KeyError("x"))
    assert "internal error: KeyError: 'x'" in bug.message
    assert "bug in archdsl" in bug.message


def test_settings_and_abilities_of_the_editor() -> None:
    editor = Editor(snippets=True, options={"hints": False})
    try:
        uri = editor.open("net conv(8) co")
        assert len(editor.hints(uri)) == 0
        found = editor.complete(uri, "net conv(8) co")
        for label, text in (("conv", "conv($1)$0"), ("vgg", "vgg[$1]$0"), ("cat", "cat($1 | $2)$0"), ("relu", "relu")):
            edit = found[label].text_edit
            assert isinstance(edit, t.TextEdit)
            assert edit.new_text == text
            assert found[label].insert_text_format == (t.InsertTextFormat.Snippet if "$" in text else None)
    finally:
        assert editor.quit() == 0


def test_other_line_ends(editor: Editor) -> None:
    text = WIDE.replace("\n", "\r\n")
    uri = editor.open(text)
    (found,) = editor.findings(uri)
    assert (found.code, found.range.start.line, found.range.start.character) == ("A201", 3, 4)
    assert "8x8x8" in editor.hover(uri, "conv(8)")
    laid = editor.apply(uri, editor.format(uri))
    assert laid == format(text).replace("\n", "\r\n")
    editor.edit(uri, laid)
    again = editor.format(uri)
    assert again is not None
    assert len(again) == 0
    editor.edit(uri, "net conv(8)\rrelu\u2028bn # \x0c\n")
    assert editor.codes(uri) == ["A102"]
    editor.edit(uri, "input 3x8x8 # \u2028 \x0c \x85\nclasses 4\nnet conv(8) rellu")
    assert editor.findings(uri)[0].range.start == t.Position(2, 12)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("net " + "relu " * 20_000, "A401"),
        ("net conv(8)\0", "A104"),
        ("net " + "(" * 100 + ")" * 100, "A402"),
        ("net conv(3) (((relu)*1000)*1000)*1000", "A404"),
        ("net conv(8)\nnet conv(8)", "A105"),
        ("", "A106"),
        ('include "nowhere.arch"\nnet conv(8)', "A107"),
    ],
)
def test_refused_texts(editor: Editor, text: str, code: str) -> None:
    uri = editor.open(text)
    assert code in editor.codes(uri)
    where = t.TextDocumentIdentifier(uri)
    assert editor.ask("textDocument/documentSymbol", t.DocumentSymbolParams(where)) is not None
    editor.complete(uri, text[:40])
    editor.hints(uri)
    editor.edit(uri, "input 3x8x8\nclasses 4\nnet conv(8) gap linear(4)")
    assert editor.findings(uri) == []


def test_texts_that_are_not_open(editor: Editor) -> None:
    where = t.TextDocumentIdentifier("file:///nowhere.arch")
    assert editor.ask("textDocument/hover", t.HoverParams(where, t.Position(3, 3))) is None
    assert editor.ask("textDocument/completion", t.CompletionParams(where, t.Position(3, 3))) == []
    uri = editor.open("net conv(8)", "untitled:Untitled-1")
    assert "A508" in editor.codes(uri)
    assert "3x32x32 → 8x32x32" in editor.hover(uri, "conv(8)")
    beyond = t.HoverParams(t.TextDocumentIdentifier(uri), t.Position(99, 99))
    editor.ask("textDocument/hover", beyond)
    editor.close(uri)


def test_every_shipped_spec_is_without_errors(editor: Editor) -> None:
    for path in specs():
        uri = editor.open(path.read_text("utf-8"), path)
        wrong = [d for d in editor.findings(uri) if d.severity == t.DiagnosticSeverity.Error]
        assert not wrong, path
        assert editor.apply(uri, editor.format(uri)) == format(editor.texts[uri])
        editor.close(uri)


QUESTIONS = (
    "hover",
    "completion",
    "definition",
    "references",
    "documentHighlight",
    "signatureHelp",
    "prepareRename",
    "rename",
)


def bother(editor: Editor, uri: str, chance: random.Random) -> None:
    """One question at a random place, and one about the whole text."""
    text = editor.texts[uri]
    lines = text.count("\n") + 1
    position = t.Position(chance.randrange(lines + 1), chance.randrange(60))
    where = {"textDocument": {"uri": uri}, "position": {"line": position.line, "character": position.character}}
    question = chance.choice(QUESTIONS)
    extra = {"references": {"context": {"includeDeclaration": True}}, "rename": {"newName": "neu"}}.get(question, {})
    params = editor.client.protocol._converter.structure(
        {**where, **extra},
        getattr(
            t,
            {
                "documentHighlight": "DocumentHighlightParams",
                "references": "ReferenceParams",
                "signatureHelp": "SignatureHelpParams",
                "prepareRename": "PrepareRenameParams",
            }.get(question, question.title() + "Params"),
        ),
    )
    editor.ask(f"textDocument/{question}", params)
    document = t.TextDocumentIdentifier(uri)
    whole = t.Range(t.Position(0, 0), t.Position(lines, 0))
    match chance.randrange(6):
        case 0:
            editor.ask("textDocument/documentSymbol", t.DocumentSymbolParams(document))
        case 1:
            editor.ask("textDocument/foldingRange", t.FoldingRangeParams(document))
        case 2:
            editor.ask("textDocument/semanticTokens/full", t.SemanticTokensParams(document))
        case 3:
            editor.ask("textDocument/inlayHint", t.InlayHintParams(document, whole))
        case 4:
            editor.format(uri)
        case _:
            editor.ask("textDocument/codeAction", t.CodeActionParams(document, whole, t.CodeActionContext([])))


def edits(seed: int, count: int) -> str:
    """So many random edits with questions; what the server wrote to its log."""
    editor = Editor()
    chance, good = random.Random(seed), [g for g in corpus() if len(g) < 3000]
    maker = Maker(seed, good)
    uri = editor.open(chance.choice(good))
    for number in range(count):
        text = editor.texts[uri] if number % 10 else chance.choice(good)
        editor.edit(uri, maker.bent(text)[:5000])
        bother(editor, uri, chance)
        if number % 5 == 0:
            editor.findings(uri)
    editor.findings(uri)
    server = editor.client._server
    assert server is not None
    assert server.returncode is None
    assert editor.quit() == 0
    return editor.errors


@pytest.mark.parametrize("seed", [1, 2])
def test_random_edits(seed: int) -> None:
    assert edits(seed, 60) == ""


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(100, 108))
def test_many_random_edits(seed: int) -> None:
    assert edits(seed, int(os.environ.get("ARCHDSL_FUZZ", "20000")) // 8) == ""


def test_the_command(cli: Cli) -> None:
    from archdsl import __version__

    assert cli("lsp", "--version").stdout == f"archdsl lsp {__version__}\n"
    assert "Usage: archdsl lsp" in cli("lsp", "--help").stdout
    done = cli("lsp", "--log", "loud")
    assert (done.returncode, "there is no level `loud`" in done.stderr) == (2, True)


def test_without_pygls_the_command_says_what_to_install(tmp_path: os.PathLike[str]) -> None:
    from pathlib import Path

    (Path(tmp_path) / "pygls.py").write_text("raise ImportError('no pygls')\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPO}"}
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "lsp"], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 4
    assert "pip install 'archdsl[lsp]'" in done.stderr


def test_the_server_never_loads_torch() -> None:
    code = "import sys; from archdsl.lsp.server import make, warm; make(); warm(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
