"""Modifiers on terms with lets, labels and repetitions: they change the net as if its layers were written out."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse

LETS = "let one(c) = conv(c) bn relu\nlet two(c) = conv(c) bn relu conv(c) bn relu\nlet sum(c) = res(two(c))\n"


def traced(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


def lines(text: str) -> list[tuple[object, ...]]:
    return [(r.op.name, r.op.args, r.layer.out, r.inputs) for r in traced(text).rows]


@pytest.mark.parametrize(
    "modifier", ["+res", "+drop(0.2)", "+pre", "+se(4)", "+bottleneck", "+res +bn +drop(0.1)", "-bn"]
)
@pytest.mark.parametrize("times", ["", "*2"])
def test_a_let_is_its_layers(modifier: str, times: str) -> None:
    written = lines(f"(conv(8) bn relu conv(8) bn relu){times} {modifier}")
    assert lines(f"{LETS}net two(8){times} {modifier}") == written
    if "pre" not in modifier and "bottleneck" not in modifier:
        assert lines(f"{LETS}net (one(8) one(8)){times} {modifier}") == written


@pytest.mark.parametrize(
    ("short", "written"),
    [
        ("(sepconv(8) bn relu sepconv(8) bn relu) +res", "res(sepconv(8) bn relu sepconv(8) bn) relu"),
        ("(sepconv(8) relu sepconv(8)) +drop(0.2)", "sepconv(8) relu drop(0.2) sepconv(8)"),
        ("(res(conv(8) relu conv(8)) relu)*2 +se(4)", "(res(conv(8) relu conv(8) se(4)) relu)*2"),
        ("(res(conv(8) relu conv(8)) relu)*2 +drop(0.2)", "(res(conv(8) relu drop(0.2) conv(8)) relu)*2"),
        (
            "conv(8) res(conv(8) bn relu conv(8) bn relu) +pre",
            "conv(8) add(bn relu conv(8) bn relu conv(8, bias=false) | id) bn relu",
        ),
        ("(conv(8) bn relu drop conv(8) bn relu) +pre", "bn relu conv(8) drop bn relu conv(8) bn relu"),
        ("(conv(8) bn relu se(4) conv(8) relu) +pre", "bn relu conv(8) se(4) relu conv(8) relu"),
        ("(conv(8) relu sepconv(8) bn relu) +pre", "relu conv(8) bn relu sepconv(8) bn relu"),
        ("((conv(8) relu sepconv(8) bn relu) +pre) -pre", "conv(8) relu sepconv(8) bn relu"),
        ("((conv(8) relu conv(8) relu) +pre (conv(8) relu)*2 +pre) -pre", "conv(8) relu conv(8) relu (conv(8) relu)*2"),
        ("(res(conv(8)) cat(res(conv(8)) | id)) -res", "conv(8) cat(conv(8) | id)"),
        ("res(res(conv(8)) relu conv(8)) -res", "conv(8) relu conv(8)"),
        ("conv(16) (conv(32, groups=4) +dw)", "conv(16) dwconv(bias=false) conv(32, 1, groups=4)"),
        ("conv(16) (conv(32) +groups(4) +dw)", "conv(16) dwconv(bias=false) conv(32, 1, groups=4)"),
        ("conv(8, ws=standard) +dw", "dwconv(bias=false) conv(8, 1, ws=standard)"),
        ("conv(8, init=dirac) +dw", "dwconv(bias=false) conv(8, 1, init=dirac)"),
    ],
)
def test_a_modifier_is_the_net_written_out(short: str, written: str) -> None:
    found, wanted = ([(r[0], r[2], r[3]) for r in lines(text)] for text in (short, written))
    assert found == wanted
    assert load(short).cost.params == load(written).cost.params


def test_channels_that_arrive_at_a_let_are_known_behind_zeroinit() -> None:
    own = "let f(c) = conv(c) bn relu conv(cin) bn\n"
    assert lines(f"{own}net res(f(16)) +zeroinit") == lines("res(conv(16) bn relu conv(3) bn(zero))")
    assert [r.path for r in traced(f"{own}net res(f(16)) +zeroinit").rows][:2] == ["res.f.conv", "res.f.bn"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("f: (conv(8) relu conv(8)) +res", "f.res.conv"),
        ("stem: conv(8) +dw", "stem.conv"),
        ("res(f: (conv(8) bn)) +zeroinit", "res.f.bn"),
        ("conv(8) a: relu +act(gelu)", "a"),
        ("conv(3) f: res(conv(3)) -res", "f.conv"),
        ("a: (b: (conv(8) relu))", "a.b.conv"),
        ("a: (b: conv(8))", "a.b"),
    ],
)
def test_labels_stay(text: str, path: str) -> None:
    assert path in [r.path for r in traced(text).rows]


@pytest.mark.parametrize(
    "text", ["conv(8) bn +gn(4)", "conv(8) (bn relu) +ln", "patch(4, 8) tokens res(ln attention(4)) +in"]
)
def test_a_normalisation_is_not_taken_away_where_the_new_one_has_no_place(text: str) -> None:
    with pytest.raises(SpecError, match="A210"):
        traced(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("(conv(8) add(conv(8) | id) relu conv(8)) +pre", "`add`"),
        ("(conv(8) as x relu conv(8) add(id | @x)) +pre", "other parts"),
        ("(conv(8) maxpool(2) relu conv(8) relu) +pre", "`maxpool`"),
        ("(conv(8) relu maxpool(2) relu conv(8) relu) +pre", "`maxpool`"),
        ("(conv(8) bn relu cat(id | maxpool(3, s=1, p=1)) bn relu conv(16) bn relu)*2 +pre", "`cat`"),
    ],
)
def test_pre_activation_moves_nothing_past_another_layer(text: str, what: str) -> None:
    with pytest.raises(SpecError, match=f"A210.*{what} between a layer and its activation"):
        traced(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("let one(c) = conv(c) bn relu\nnet (conv(8) bn relu one(8))*2 +pre", "one"),
        ("let post = bn relu\nnet (conv(8) post)*2 +pre", "post"),
        ("net (conv(8) bn relu f: (conv(8) bn relu))*2 +pre", "f"),
        ("let one(c) = conv(c) bn relu\nnet ((conv(8) bn relu)*2 (one(8) one(8))*2) +pre", "one"),
    ],
)
def test_pre_activation_of_a_part_beside_other_layers_is_refused(text: str, what: str) -> None:
    with pytest.raises(SpecError, match=f"A210.*`{what}` is beside other layers"):
        traced(f"{text} gap linear(10)")


def test_pre_activation_of_a_residual_branch_that_is_a_let() -> None:
    literal = "net conv(8) ((res(conv(8) bn relu conv(8) bn) relu)*2 {}) +pre gap linear(10)"
    written = literal.format("(res(conv(8) bn relu conv(8) bn) relu)*2")
    named = "let unit = conv(8) bn relu conv(8) bn\n" + literal.format("(res(unit) relu)*2")
    assert lines(named) == lines(written)
    undone = named.replace("conv(8) ((res", "conv(8) (((res").replace("+pre", "+pre) -pre")
    assert lines(undone) == lines(named.replace("+pre", ""))


def test_pre_activation_leaves_the_activation_behind_a_sum_that_it_does_not_turn() -> None:
    text = "conv(8) ((res(conv(8) bn relu conv(8) bn) relu)*2 (res(maxpool(3, s=1, p=1)) relu)*2) +pre gap linear(10)"
    assert sum(op == "relu" for op, *_ in lines(text)) == 7
