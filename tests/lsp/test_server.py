"""An editor edits texts, and sees findings, shapes, completions and layouts."""

from __future__ import annotations

import pytest
from lsprotocol import types as t

from tests.lsp.editor import Editor

NET = """\
# a small net
let f(c, s=1) = conv(c, s=s) bn relu  # the unit
input 3x32x32
classes 10

net stem: f(16) as x
    (f(32, s=2) f(32))*2
    cat(f(8) | id | @x maxpool(4))   drop(0.3,late)
    vgg[64x2] +res

train adam(1e-3) cosine
"""


def test_findings_come_and_go(editor: Editor) -> None:
    uri = editor.open("input 3x8x8\nclasses 4\nnet conv(8) +rse")
    (found,) = editor.findings(uri)
    assert (found.code, found.severity, found.source) == ("A203", t.DiagnosticSeverity.Error, "archdsl")
    assert (found.range.start.line, found.range.start.character, found.range.end.character) == (2, 12, 16)
    assert "did you mean `+res`" in found.message
    assert found.code_description is not None
    assert "a203-unknown-modifier" in found.code_description.href
    editor.edit(uri, "input 3x8x8\nclasses 4\nnet conv(8) +bn gap linear(4)")
    assert editor.findings(uri) == []
    editor.edit(uri, "input 3x8x8\nclasses 4\nlet a = 3\nnet conv(8 +bn gap linear(4)")
    assert editor.codes(uri) == ["A103"]
    editor.close(uri)


def test_several_broken_statements_are_several_findings(editor: Editor) -> None:
    uri = editor.open("let a = = 3\nnet conv(8)\n    bn)\n    relu\ndata ;\n")
    assert editor.codes(uri) == ["A101", "A101", "A102"]


def test_a_misfit_shows_its_shapes_and_its_trail(editor: Editor) -> None:
    uri = editor.open("let f(c) = linear(c) conv(c)\ninput 3x8x8\nnet conv(4) gap f(8)")
    (found,) = editor.findings(uri)
    assert found.code == "A301"
    assert "shapes so far: an image 3x8x8, conv → 4x8x8, gap → 4, linear → 8" in found.message
    (related,) = found.related_information or ()
    assert (related.message, related.location.range.start.line) == ("in `f`", 2)


def test_unused_lets_are_faded(editor: Editor) -> None:
    uri = editor.open("let a = 3\ninput 3x8x8\nclasses 4\nnet conv(8) gap linear(4)")
    (found,) = editor.findings(uri)
    assert (found.code, found.severity) == ("A501", t.DiagnosticSeverity.Warning)
    assert list(found.tags or ()) == [t.DiagnosticTag.Unnecessary]


@pytest.mark.parametrize(
    ("piece", "shift", "said"),
    [
        (
            "f(16)",
            0,
            ["3x32x32 → 16x32x32 · 464 params · 442.4 k MACs", "let f(c, s=1) = conv(c, s=s) bn relu", "the unit"],
        ),
        ("stem", 1, ["3x32x32 → 16x32x32", "label of a module"]),
        ("f(32, s=2)", 0, ["16x32x32 → 32x16x16", "32x16x16 → 32x8x8"]),
        ("vgg", 0, ["→ 64x4x4", "*family*", "Simonyan", "`pool`"]),
        ("+res", 1, ["*modifier*", "He et al."]),
        ("@x", 1, ["16x32x32", "`as x`"]),
        ("cat", 1, ["32x8x8", "*join of branches*"]),
        ("maxpool", 0, ["16x32x32 → 16x8x8"]),
        ("late)", 0, ["`late` of `drop`"]),
        ("s=2", 0, []),
        ("f(c", 0, ["3x32x32 → 16x32x32", "let f(c, s=1)"]),
        ("conv(c", 0, ["Convolution", "3x32x32 → 16x32x32"]),
        ("c, s=s", 0, ["a parameter of `f`"]),
        ("adam", 0, ["*train word*", "Adam"]),
        ("net ", 0, ["the network"]),
        (")*2", 1, ["copies with weights of their own"]),
    ],
)
def test_hover(editor: Editor, piece: str, shift: int, said: list[str]) -> None:
    uri = editor.open(NET)
    text = editor.hover(uri, piece, shift)
    assert all(part in text for part in said), text
    assert bool(text) == bool(said)


def test_a_broken_text_still_has_its_shapes(editor: Editor) -> None:
    uri = editor.open(NET)
    whole = editor.hover(uri, "vgg")
    for broken in (
        NET.replace("as x", "as"),
        NET + "let q = (",
        NET.replace("f(16)", "f(16) reluu"),
        NET.replace("s=1) =", "s="),
    ):
        editor.edit(uri, broken)
        assert editor.findings(uri)
        assert editor.hover(uri, "vgg") == whole
        assert {"conv", "+bn", "f"} <= editor.complete(uri, "vgg[64x2] ").keys()


@pytest.mark.parametrize(
    ("text", "has", "lacks"),
    [
        ("", ["net", "data", "let", "conv", "vgg"], ["adam", "+bn"]),
        ("net conv(8) ", ["relu", "+bn", "vgg", "cat"], ["adam", "flip", "shortcut", "input"]),
        ("input 128 ", ["ids"], ["relu", "adam"]),
        ("net conv(8) +", ["+bn", "+res"], ["relu", "conv"]),
        ("net conv(8) -b", ["-bn"], ["+bn", "conv"]),
        ("net conv(8) as x @", ["@x"], ["conv", "+bn"]),
        ("net conv(", ["out=", "k=", "cin", "classes"], ["relu", "+bn"]),
        ("net conv(8, k=3, ", ["s=", "groups="], ["k="]),
        ("net drop(0.3, ", ["late", "early"], ["relu"]),
        ("net conv(8, bias=", ["true", "false"], ["k="]),
        ("net cat(conv(8) | ", ["relu", "id", "conv"], ["k="]),
        ("net add(conv(8) | sh", ["shortcut"], []),
        ("net res(", ["conv", "skip="], []),
        ("let g(width) = conv(wi", ["width", "cin"], []),
        ("let g(width) = conv(8)\nnet g(", ["width="], []),
        ("let g(width, k=3) = conv(8)\nnet g[64x2(", ["k="], ["width="]),
        ("let g(width, k=3) = conv(8)\nnet g[64x2](", ["k="], ["width="]),
        ("net resnet[64x2(", ["k=", "s="], ["skip="]),
        ("let g(width) = conv(8)\nnet conv(8)\n    ", ["g", "relu", "+bn"], ["adam"]),
        ("data ", ["cifar10", "fashion-mini", "flip"], ["adam", "conv"]),
        ("data fashion-mi", ["fashion-mini"], []),
        ("data cifar10 crop(4, fill=", ["zero", "reflect"], ["flip"]),
        ("train ", ["adam", "cosine", "epochs"], ["flip", "conv"]),
        ("train adam(", ["lr="], ["flip"]),
        ("net conv(8)\nevaluate ", ["lesion", "mc", "rotate", "precise_bn"], ["adam", "flip", "conv"]),
        ("net conv(8)\nevaluate lesion(", ["random="], ["adam"]),
        ("net conv(8)\ne", ["evaluate"], ["adam"]),
        ("net conv(8) # relu", [], ["relu", "conv"]),
        ("net vgg[64x2] {norm: +", ["+bn", "+ln"], ["relu"]),
        ("net conv(8) as ", [], ["relu", "conv"]),
        ("net conv(8) )) re", ["relu"], []),
    ],
)
def test_completion(editor: Editor, text: str, has: list[str], lacks: list[str]) -> None:
    uri = editor.open(text)
    found = editor.complete(uri, text)
    assert set(has) <= found.keys(), sorted(found)
    assert not set(lacks) & found.keys()


def test_a_completion_takes_the_place_of_what_is_written(editor: Editor) -> None:
    for text, label, after in (
        ("net conv(8) +b", "+bn", "net conv(8) +bn"),
        ("data fashion-mi", "fashion-mini", "data fashion-mini"),
        ("net conv(8) as x @", "@x", "net conv(8) as x @x"),
        ("net re", "relu", "net relu"),
    ):
        uri = editor.open(text)
        item = editor.complete(uri, text)[label]
        assert isinstance(item.text_edit, t.TextEdit)
        assert editor.apply(uri, [item.text_edit]) == after


def test_a_completion_has_documentation(editor: Editor) -> None:
    uri = editor.open("net conv(8) ")
    item = editor.complete(uri, "net conv(8) ")["+se"]
    assert item.detail == "+se([r=16])" or "+se(" in (item.detail or "")
    documented = editor.ask("completionItem/resolve", item)
    assert "Hu et al." in documented.documentation.value


def test_words_whose_setting_is_made_come_last(editor: Editor) -> None:
    uri = editor.open("train adam ")
    names = list(editor.complete(uri, "train adam "))
    assert names.index("sgd") > names.index("cosine")


def test_formatting_is_that_of_fmt(editor: Editor) -> None:
    from archdsl.syntax.format import format

    uri = editor.open(NET)
    edits = editor.format(uri)
    assert edits is not None
    assert len(edits) == 1  # one line was not as it should be
    assert editor.apply(uri, edits) == format(NET)
    editor.edit(uri, "net conv(8")
    assert editor.format(uri) is None


def test_formatting_a_range_leaves_the_rest(editor: Editor) -> None:
    text = "net  conv(8)\ndata  cifar10\ntrain  adam\n"
    uri = editor.open(text)
    asked = t.DocumentRangeFormattingParams(
        t.TextDocumentIdentifier(uri), t.Range(t.Position(1, 0), t.Position(1, 5)), t.FormattingOptions(4, True)
    )
    assert editor.apply(uri, editor.ask("textDocument/rangeFormatting", asked)) == text.replace("data  ", "data ")


def test_symbols_folds_and_colours(editor: Editor) -> None:
    uri = editor.open(NET)
    where = t.TextDocumentIdentifier(uri)
    found = editor.ask("textDocument/documentSymbol", t.DocumentSymbolParams(where))
    assert [s.name for s in found] == ["f", "input", "classes", "net", "train"]
    net = found[3]
    assert (net.detail, net.range.end.line) == ("3x32x32 → 10", 8)
    assert [(c.name, c.detail) for c in net.children] == [("stem", "16x32x32")]
    folds = editor.ask("textDocument/foldingRange", t.FoldingRangeParams(where))
    assert [(f.start_line, f.end_line) for f in folds] == [(5, 8)]
    data = editor.ask("textDocument/semanticTokens/full", t.SemanticTokensParams(where)).data
    legend = editor.answer.capabilities.semantic_tokens_provider.legend
    kinds, line, column = {}, 0, 0
    lines = NET.split("\n")
    for down, right, length, kind, _ in zip(*[iter(data)] * 5, strict=True):
        line, column = line + down, right + (0 if down else column)
        kinds[lines[line][column : column + length]] = legend.token_types[kind]
    assert kinds["let"] == kinds["net"] == kinds["as"] == "keyword"
    assert (kinds["f"], kinds["conv"], kinds["vgg"], kinds["+res"]) == ("macro", "function", "class", "decorator")
    assert (kinds["c"], kinds["stem"], kinds["late"]) == ("parameter", "namespace", "property")
    assert (kinds["16"], kinds["adam"]) == ("number", "function")


def test_hints_show_the_running_shape(editor: Editor) -> None:
    uri = editor.open(NET)
    assert [h for h in editor.hints(uri) if h[0] >= 5] == [
        (5, "16x32x32"),
        (5, "16x32x32"),
        (6, "32x8x8"),
        (7, "56x8x8"),
        (7, "56x8x8"),
        (8, "64x4x4"),
        (8, "gap linear(10) → 10"),
    ]
    for end in ("gap linear(4)", "{gap linear(4) | flatten linear(4)}"):
        uri = editor.open(f"input 3x8x8\nclasses 4\nnet conv(8) relu {end}")
        assert not any("gap linear" in text for _, text in editor.hints(uri)), "the text has its own head"


def test_signatures(editor: Editor) -> None:
    for text, label, active in (
        ("net conv(8, ", "conv(out, ", 1),
        ("net conv(8, s=", "conv(out, ", 2),
        ("let g(a, b) = conv(a)\nnet g(1, ", "g(a, b)", 1),
        ("train adam(", "adam([lr", 0),
        ("net conv(8) +se(", "+se(", 0),
    ):
        uri = editor.open(text)
        found = editor.ask("textDocument/signatureHelp", t.SignatureHelpParams(**editor.at(uri, text, len(text))))
        assert found.signatures[0].label.startswith(label)
        assert found.active_parameter == active


def test_a_study_file_has_findings(editor: Editor) -> None:
    uri = editor.open("base: vgg-res\nfactors:\n  res: +res\nseed: 3\n", "file:///tests/s.yaml")
    (found,) = editor.findings(uri)
    assert (found.range.start.line, "did you mean `seeds`" in found.message) == (3, True)
    editor.edit(uri, "base: vgg-res\nfactors:\n  res: +res\nseeds: 3\n")
    assert editor.findings(uri) == []
    assert editor.hover(uri, "base") == ""


def test_spaces_are_looked_at(editor: Editor) -> None:
    uri = editor.open("input 3x8x8\nclasses 4\nnet conv(8) {norm: +bn | +gn(3) | } gap linear(4)")
    assert editor.codes(uri) == ["A303"]
    editor.edit(uri, "input 3x8x8\nclasses 4\nnet conv(8) {norm: +bn | +gn(4) | } gap linear(4)")
    assert editor.findings(uri) == []
