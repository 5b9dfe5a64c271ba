"""Arms counted piece by piece cost what they cost when each one is expanded and walked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.errors import Source
from archdsl.expand import sweep as room
from archdsl.expand.holes import count
from archdsl.expand.sweep import sweep
from archdsl.ir.make import Stage
from archdsl.ir.nodes import Seq
from archdsl.limits import Limits
from archdsl.registry import defaults, entries, params
from archdsl.registry.entry import Entry
from archdsl.syntax import ast
from archdsl.syntax.parse import parse

SPACES = (
    "vgg[{8,16}x{1..3}, {8, 16(k=5)}x{1..2}, 16] {+bn | +ln | } {+res | }",
    "conv(8) {+bn | } relu plain[{8,16}x2, {16,32}x{1..2}] {+res | } {+drop(0.1) | +se(4) | } {bn | } relu",
    "conv({8,16}) {bn | gn(4) | } {relu | gelu} conv({8,16}, {1,3}) {maxpool | avgpool | } {relu | } +bn",
    "let w = {8 | 16}\nlet b(n) = conv(n) bn relu\nb(w) res(b(w)) {se(4) | } b(2 * w)*2 {+res | } gap linear(10)",
    "input {1..2}x8x8\nclasses {2..3}\nnet {flatten mlp[{8,16}x{1..2}] | conv(4)} {drop(0.2) | } linear(classes)",
    "net conv({8, 16}, groups={1, 3}) gap\ndata fashion-mini {flip | }\ntrain {sgd(0.1) | adam}",
    "conv(8) {add(drop(0.2) | conv(8)) | add(shortcut | maxpool(1))} bn resnet[8x{1..2}, 16]{ +act(gelu) | }",
    "{flatten | } {relu | } {linear(10) | id}",
    "vgg[8x{1..2}^{1..3}] +bn",
    "vgg[{8 | 16^2}, 8] {+res | +droppath(0.1) | }",
    "{conv(8) {bn | } | conv(4)} relu",
    "conv(8) as x relu conv({8,16}) add(@x | id)",
    "vit[{16,32}x1](heads=2)",
    "conv(4) {conv(8) relu conv(8) | conv(4)} {+res | } {+bn | } relu",
)


@pytest.mark.parametrize("text", SPACES)
def test_both_ways_agree(text: str) -> None:
    agree(parse(text))


def test_a_modifier_that_is_a_choice_rewrites_the_whole_choice_before_it() -> None:
    """As a modifier does that is none: `{a b | c} +bn` is `(a b) +bn` in its first arm."""
    arms = list(sweep(parse("conv(4) {conv(8) relu conv(8) | conv(4)} {+res | } {+bn | }")))
    first = next(a for a in arms if list(a.choice.values())[1:] == ["", "+bn"])
    written = next(iter(sweep(parse("conv(4) {conv(8) relu conv(8) | conv(4)} +bn"))))
    assert first.cost == written.cost


@pytest.mark.parametrize("net", ["unit(8) unit(8) {bn | ln}", "unit(8) {bn | ln}", "tie(8) {bn | ln} tie(8)"])
def test_both_ways_agree_on_what_is_included(net: str, tmp_path: Path) -> None:
    (tmp_path / "b.arch").write_text("let unit(c) = stem: conv(c)\nlet tie(c) = conv(c) as x relu cat(@x | id)\n")
    agree(parse(Source(str(tmp_path / "a.arch"), f'include "b.arch"\nnet {net} gap linear(10)')))


def agree(file: ast.File) -> None:
    quick, plain = list(sweep(file)), list(sweep(file, plain=True))
    assert len(quick) == len(plain) == count(file)
    for a, b in zip(quick, plain, strict=True):
        assert (a.choice, a.cost, str(a.error), a.train) == (b.choice, b.cost, str(b.error), b.train)
        assert a.file() == b.file()


WIDTHS = st.sampled_from(["8", "16", "{8, 12}", "{4..6}"])
DEPTHS = st.sampled_from(["x1", "x2", "x{1..2}", ""])
MODS = st.sampled_from(["", " +bn", " {+bn | +gn(2) | }", " {+res | }", " +res", " {+se(2) | +drop(0.1)}", " {bn | }"])
LAYERS = st.sampled_from(
    ["conv(8) ", "conv({4, 8}, {1, 3}) ", "{relu | bn} ", "{maxpool | } ", "res(conv(8) {bn | }) "]
)


@given(
    st.sampled_from(["vgg", "plain", "resnet", "wide", "bottleneck", "preresnet"]),
    st.lists(st.tuples(WIDTHS, DEPTHS), min_size=1, max_size=3),
    st.lists(MODS, max_size=3, unique=True),
    st.lists(LAYERS, max_size=2),
    st.lists(LAYERS, max_size=1),
)
@settings(max_examples=15, deadline=None)
def test_both_ways_agree_on_any_space(
    family: str, stages: list[tuple[str, str]], mods: list[str], before: list[str], after: list[str]
) -> None:
    factor = "(factor=2)" if family == "wide" else ""
    net = f"{family}[{', '.join(w + d for w, d in stages)}]{factor}"
    file = parse(f"{''.join(before)}{net}{''.join(mods)} {''.join(after)}".strip())
    if count(file) <= 100:
        agree(file)


def test_a_piece_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[object] = []
    real = room.trace_part
    monkeypatch.setattr(room, "trace_part", lambda *a: walked.append(a) or real(*a))
    monkeypatch.setattr(room, "_plainly", lambda *a: pytest.fail("the plain way was taken"))
    assert len(list(sweep(parse("vgg[{8..17}, {8..17}, {8..17}] {+bn | }")))) == 2000
    assert len(walked) <= 2 * (10 + 100 + 100) + 10


def test_a_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "LAYERS", 12)
    file = parse("vgg[8x{1..4}, 8x{1..4}]")
    assert sum(arm.cost is None for arm in sweep(file)) > 0
    agree(file)


def local(kind: str) -> list[Entry]:
    return [e for e in entries() if e.kind == kind and e.local]


def stage(family: Entry, width: int, depth: int) -> Stage:
    return Stage(width, depth, {p.name: p.default for p in params(family)})


@pytest.mark.parametrize("family", local("family"), ids=lambda e: e.name)
def test_local_words_change_each_stage_by_itself(family: Entry) -> None:
    """What a piece rests on: stage i of a term depends on its own numbers and i, and each modifier has a place in it."""
    lists = [[(8, 1), (8, 2), (16, 1)], [(16, 2), (8, 2), (16, 1)], [(16, 2), (32, 1), (16, 3)]]
    arguments = tuple(p.default for p in params(family))
    made = [family.make(tuple(stage(family, *s) for s in each), *arguments) for each in lists]
    chosen = {"act": ("gelu",)}
    changes = [(m, chosen.get(m.name) or defaults(m) or ()) for m in local("modifier")]
    assert len(changes) >= 7
    for modifier, given_ in [*changes, (None, ())]:
        terms = made if modifier is None else [modifier.make(term, *given_) for term in made]
        items = [t.items[0].items if isinstance(t, Seq) and len(t.items) == 1 else t.items for t in terms]
        assert [len(i) for i in items] == [3, 3, 3]
        for (a, x), (b, y) in pairwise(zip(items, lists, strict=True)):
            for n in range(3):
                assert (a[n] == b[n]) == (x[n] == y[n]), (modifier and modifier.name, n)
        if modifier is not None:
            for item in made[0].items:
                assert modifier.make(Seq((item,)), *given_) is not None, (modifier.name, item)
