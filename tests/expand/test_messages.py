"""What a slip is answered with: the cause, and the remedy."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.errors import Diagnostic, SpecError
from archdsl.syntax.format import format


def refused(text: str) -> Diagnostic:
    with pytest.raises(SpecError) as error:
        load(text, input=(3, 32, 32), classes=10)
    return error.value.diagnostics[0]


def warned(text: str) -> list[str]:
    return [n.code for n in load(text, input=(3, 32, 32), classes=10).notes if n.severity == "warning"]


@pytest.mark.parametrize(
    "text", ["conv(7) conv(cin*1.5)", "conv(7) dwconv(cin*0.5)", "conv(7) conv(8, groups=cin*0.3)"]
)
def test_a_number_that_is_not_whole(text: str) -> None:
    found = refused(text)
    assert found.code == "A209"
    assert "must be a whole number" in found.message
    assert "round" in found.help


def test_a_product_that_is_whole_is_one() -> None:
    assert load("conv(8) conv(cin*1.5)", input=(3, 8, 8)).trace.rows[1].layer.out == (12, 8, 8)


@pytest.mark.parametrize(
    ("value", "out"),
    [
        ("ceil(10/4)", 3),
        ("floor(10/4)", 2),
        ("round(10/4)", 3),
        ("ceil(max(cin/3, 1))", 3),
        ("ceil(-(cin/3))+5", 3),
        ("round8(cin*10/7)", 16),
        ("floor((cin+1)/2)", 4),
        ("round(-(cin/3))+5", 2),
        ("round(-(5/2))+5", 3),
        ("round(cin/16)", 1),
        ("10/5", 2),
    ],
)
def test_a_quotient_that_is_rounded_need_not_come_out_even(value: str, out: int) -> None:
    assert load(f"conv(8) conv({value})", input=(3, 8, 8)).trace.rows[1].layer.out[0] == out


@pytest.mark.parametrize(("value", "code"), [("10/4", "A218"), ("ceil(10/0)", "A218"), ("ceil(cin/0)", "A218")])
def test_other_quotients_must(value: str, code: str) -> None:
    assert refused(f"conv(8) conv({value})").code == code


@pytest.mark.parametrize(
    "value",
    [
        "round8(64, 0)",
        "round8(cin, 0)",
        "round8(cin, -8)",
        "round(1e308*10)",
        "floor(1e308*10)",
        "ceil(1e308*cin)",
        "round(1e308*cin)",
    ],
)
def test_a_result_that_no_number_is(value: str) -> None:
    assert refused(f"conv(16) conv({value})").code == "A218"


def test_a_minus_before_a_name() -> None:
    for text in ("let h = 4\nnet conv(8) slice(-h)", "conv(8) slice(-4)"):
        spec = load(text, input=(3, 8, 8))
        assert spec.trace.rows[1].layer.out == (4, 8, 8)
    assert "slice(-h)" in format("let h = 4\nnet conv(8) slice(-h)")
    found = refused("conv(8) slice(-h)")
    assert (found.code, found.message) == ("A201", "`h` is not a number")


def test_a_comma_forgotten_between_stages() -> None:
    found = refused("vgg[64x2 128x2, 256]")
    assert found.help == "separate stages by commas: `64x2, 128x2`"
    assert found.span is not None
    assert found.span.text == "128x2"
    assert "commas" in refused("conv(8, 3 1)").help


def test_a_line_that_is_not_indented() -> None:
    assert refused("net conv(8)\nrelu").help.startswith("indent the line to continue")
    assert "keep one" in refused("net conv(8)\nnet relu").help


def test_a_label_that_is_taken() -> None:
    assert "again(" in refused("a: conv(8) a: conv(8)").help


@pytest.mark.parametrize("join", ["add", "cat", "mul"])
def test_a_join_with_one_branch(join: str) -> None:
    assert warned(f"conv(8) {join}(conv(8))") == ["A512"]
    assert warned(f"conv(8) {join}(conv(8) | id)") == []


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ("conv(16) dwconv(16)", True),
        ("conv(64) dwconv(8)", True),
        ("conv(64) dwconv(32)", True),
        ("conv(8) dwconv(k=8)", False),
        ("conv(8) dwconv(8, p=4)", False),
        ("conv(64) dwconv(7)", False),
        ("conv(3) dwconv(3)", False),
        ("conv(8) dwconv(2, s=2)", False),
        ("conv(64) dwconv(4, s=2)", False),
    ],
)
def test_a_depthwise_window_that_looks_like_channels(text: str, warns: bool) -> None:
    assert (warned(text) == ["A513"]) == warns


def test_biases_before_a_normalisation_are_told_once_and_can_be_meant() -> None:
    many = [
        n for n in load("patch(2, 8) bn patch(2, 8) bn patch(2, 8) bn", input=(3, 32, 32)).notes if n.code == "A502"
    ]
    assert len(many) == 1
    assert "3 layers" in many[0].message
    assert warned("conv(8, bias=true) bn conv(8, bias) bn") == []
    assert warned("patch(4, 8, bias=true) bn") == []
    assert warned("patch(4, 8, bias=false) bn") == []
    assert warned("patch(4, 8) bn") == ["A502"]
