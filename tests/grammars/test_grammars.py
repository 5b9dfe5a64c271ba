"""The grammars of editors give every token the colour of its kind: each runs in its engine, and the parser's own tokens say
what should come out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.errors import Source
from archdsl.syntax.parse import Piece, pieces
from tests.conftest import REPO
from tests.fuzz.fuzz_text import corpus

sys.path.insert(0, str(REPO / "tools"))

import make_grammars

TEXTMATE = REPO / "grammars" / "archdsl.tmLanguage.json"
WORDS = frozenset({"layer", "family", "setting", "name", "constant"})
BRACKETS = dict.fromkeys(("CALL", "STAGES", "LPAR", "RPAR", "LSQB", "RSQB", "LBRACE", "RBRACE", "AXIS"), "bracket")
KINDS = {
    "NUMBER": "number",
    "STRING": "string",
    "SIGN": "modifier",
    "AT": "reference",
    "AS": "as",
    "LABEL": "label",
    "CROSS": "cross",
    "COMMA": "comma",
    **BRACKETS,
}
STATEMENTS = frozenset({"LET", "INCLUDE", "INPUT", "CLASSES", "TASK", "NET", "DATA", "TRAIN", "EVALUATE"})
# The corpus, and a text with the hard cases; one text for each engine, since starting an engine takes longer than a page.
HARD = """\
# a comment with "quotes" and +signs
let f(c, s=1, gate=id) = conv(c, s=s) {norm: +bn | +gn(8) | } gate  # behind
let long =
    conv(8, k=1x7)
include "other.arch"
input 3x32x32
classes 10
net stem: f(16) as x
    vgg[64x{1..3}^{1..4}, 8x2*3](k=5) -bn +res(skip = id)
    cat(@x | id | conv(cin//2 + 8, bias=false)) (relu gelu)*(2 - 1)
    data_ net2 trained inputs as as_ @as_ { axis : relu | gelu }
data fashion-mini valid(10%) crop(4, fill=reflect)
train sgd(1e-3, momentum=0.9) wd(5e-4, weights)
"""
TEXT = "\n".join([HARD, *(t.replace("\r", "") for t in corpus() if t.isprintable() or "\n" in t)])


def expected() -> list[tuple[int, int, frozenset[str]]]:
    """Begin and end of each token, and the colours that it may have."""
    found = []
    base = 0
    for line_group in [HARD, *(t.replace("\r", "") for t in corpus() if t.isprintable() or "\n" in t)]:
        tokens = pieces(Source("<spec>", line_group))[1]
        for number, token in enumerate(tokens):
            before = tokens[number - 1].kind if number else ""
            after = tokens[number + 1].kind if number + 1 < len(tokens) else ""
            allowed = colours(token, before, after)
            start = token.end - 1 if token.kind == "LABEL" else token.start
            end = token.start + 1 if token.kind == "AXIS" else token.end
            found += [(base + start, base + end, allowed)]
        base += len(line_group) + 1
    return found


def colours(token: Piece, before: str, after: str) -> frozenset[str]:
    if token.kind in STATEMENTS:
        return frozenset({"statement"})
    if token.kind == "NAME":
        if before in ("SIGN", "AT", "LET"):
            return frozenset({{"SIGN": "modifier", "AT": "reference", "LET": "let"}[before]})
        return frozenset({"argument"}) if after == "EQUAL" else WORDS
    if token.kind == "MINUS":  # also the hyphen of a name like fashion-mini
        return frozenset({"operator", "setting"})
    return frozenset({KINDS.get(token.kind, "operator")})


def compare(found: list[str]) -> None:
    """``found`` is the colour of each character of the text."""
    wrong = [
        (TEXT[max(0, start - 20) : end + 10], TEXT[start:end], found[start], sorted(allowed))
        for start, end, allowed in expected()
        if found[start] not in allowed or found[end - 1] not in allowed
    ]
    assert not wrong, wrong[:5]
    inside = {n for start, end, _ in expected() for n in range(start, end)}
    for n, char in enumerate(TEXT):
        if char == "#" and n not in inside:
            assert found[n] == "comment", TEXT[n : n + 30]


def test_the_files_are_those_of_the_table() -> None:
    for name, make in make_grammars.PAGES.items():
        assert (REPO / name).read_text("utf-8") == make(), f"{name} is stale: run python tools/docs.py"
    assert make_grammars.keywords() == sorted(s.lower() for s in STATEMENTS)


def test_textmate_rules_as_an_engine_runs_them() -> None:
    """Line by line, the first of the earliest matches: what any TextMate engine does with rules of one line."""
    rules = [(re.compile(p["match"]), p["name"]) for p in json.loads(TEXTMATE.read_text("utf-8"))["patterns"]]
    names = {f"{r.scope}.archdsl": r.name for r in make_grammars.rules()}
    found: list[str] = []
    for line in TEXT.split("\n"):
        row, at = [""] * (len(line) + 1), 0
        while at < len(line):
            matches = [(m.start(), n, m) for n, (p, _) in enumerate(rules) if (m := p.search(line, at))]
            if not matches:
                break
            _, number, match = min(matches, key=lambda m: m[:2])
            row[match.start() : match.end()] = [names[rules[number][1]]] * (match.end() - match.start())
            at = max(match.end(), at + 1)
        found += row
    compare(found)


NODE = """
const fs = require('fs'), path = require('path')
const vsctm = require('vscode-textmate'), oniguruma = require('vscode-oniguruma')
const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm')).buffer
const onigLib = oniguruma.loadWASM(wasm).then(() => ({
  createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
  createOnigString: (text) => new oniguruma.OnigString(text),
}))
const [grammar, text] = process.argv.slice(2)
const registry = new vsctm.Registry({
  onigLib, loadGrammar: async () => vsctm.parseRawGrammar(fs.readFileSync(grammar, 'utf8'), grammar),
})
registry.loadGrammar('source.archdsl').then((found) => {
  let stack = vsctm.INITIAL
  const rows = fs.readFileSync(text, 'utf8').split('\\n').map((line) => {
    const done = found.tokenizeLine(line, stack)
    stack = done.ruleStack
    return done.tokens.map((t) => [t.startIndex, t.endIndex, t.scopes[t.scopes.length - 1]])
  })
  console.log(JSON.stringify(rows))
})
"""


@pytest.mark.slow
def test_textmate_in_the_engine_of_vs_code(tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node and npm are not installed")
    packages = ("vscode-textmate@9", "vscode-oniguruma@2")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", *packages], cwd=tmp_path, capture_output=True, timeout=200
    )
    if done.returncode:
        pytest.skip("the packages vscode-textmate and vscode-oniguruma cannot be installed: no network")
    (tmp_path / "run.js").write_text(NODE)
    (tmp_path / "text").write_text(TEXT)
    ran = subprocess.run([node, "run.js", str(TEXTMATE), "text"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    names = {f"{r.scope}.archdsl": r.name for r in make_grammars.rules()} | {"source.archdsl": ""}
    found: list[str] = []
    for line, row in zip(TEXT.split("\n"), json.loads(ran.stdout), strict=True):
        colours = [""] * (len(line) + 1)
        for start, end, scope in row:
            colours[start:end] = [names[scope]] * (min(end, len(line) + 1) - start)
        found += colours
    compare(found)


VIM = """\
set nocompatible
set runtimepath^={grammars}
filetype plugin on
syntax on
edit {text}
if &filetype !=# 'archdsl' || &commentstring !=# '# %s'
  cquit
endif
let out = []
for l in range(1, line('$'))
  let row = []
  for c in range(1, len(getline(l)))
    call add(row, synIDattr(synID(l, c, 1), 'name'))
  endfor
  call add(out, join(row, ','))
endfor
call writefile(out, '{out}')
qall!
"""


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
def test_vim(tmp_path: Path) -> None:
    text, out = tmp_path / "text.arch", tmp_path / "out"
    text.write_text("".join(c if c.isascii() else "?" for c in TEXT))  # vim counts bytes
    script = tmp_path / "run.vim"
    script.write_text(VIM.format(grammars=REPO / "grammars" / "vim", text=text, out=out))
    done = subprocess.run(
        ["vim", "-N", "-u", "NONE", "-i", "NONE", "-es", "-S", str(script)], stdin=subprocess.DEVNULL, timeout=120
    )
    if done.returncode and not out.is_file():
        pytest.skip("this vim has no syntax highlighting")
    rows = out.read_text().split("\n")
    found: list[str] = []
    for line, row in zip(TEXT.split("\n"), rows, strict=False):
        names = [n.removeprefix("archdsl").lower() for n in row.split(",")] if row else []
        found += [*(names + [""] * (len(line) - len(names))), ""]
    compare(found)


def test_the_extension_of_vs_code_is_whole() -> None:
    folder = REPO / "grammars" / "vscode"
    package = json.loads((folder / "package.json").read_text("utf-8"))
    offered = package["contributes"]
    (grammar,), (language,) = offered["grammars"], offered["languages"]
    assert (grammar["scopeName"], language["extensions"]) == ("source.archdsl", [".arch"])
    for path in (grammar["path"], language["configuration"], package["main"]):
        assert (folder / path).is_file()
    configuration = json.loads((folder / language["configuration"]).read_text("utf-8"))
    assert configuration["comments"] == {"lineComment": "#"}
    assert re.fullmatch(configuration["wordPattern"], "fashion_mini")
    node = shutil.which("node")
    if node:
        assert subprocess.run([node, "--check", package["main"]], cwd=folder).returncode == 0
