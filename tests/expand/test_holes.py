"""Spaces: axes, counts, arms, and what cannot be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import SpecError
from archdsl.expand.holes import arms, axes, count
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse


def texts(text: str) -> list[str]:
    return [unparse(arm).strip() for _, arm in arms(parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv({8 | 16})", ["conv(8)", "conv(16)"]),
        ("conv({8, 16}) bn", ["conv(8) bn", "conv(16) bn"]),
        ("vgg[64x{1..2}^{1..2}]", ["vgg[64x1^1]", "vgg[64x1^2]", "vgg[64x2^1]", "vgg[64x2^2]"]),
        ("a {relu | } b", ["a relu b", "a b"]),
        ("vgg[8] {+res | } {norm: +bn | }", ["vgg[8] +res +bn", "vgg[8] +res", "vgg[8] +bn", "vgg[8]"]),
        ("{a b | c} d", ["a b d", "c d"]),
        ("{a b | c} +bn", ["(a b) +bn", "c +bn"]),
        ("vgg[8] {+bn +res | +ln} d", ["vgg[8] +bn +res d", "vgg[8] +ln d"]),
        ("{a b | c}*2", ["(a b)*2", "c*2"]),
        ("x: {a b | c}", ["x: (a b)", "x: c"]),
        ("conv({n: 8 | 16}) conv({n: 1 | 2})", ["conv(8) conv(1)", "conv(16) conv(2)"]),
        ("conv(8, k={3 | })", ["conv(8, k=3)", "conv(8)"]),
        ("cat(a | {b | })", ["cat(a | b)", "cat(a)"]),
        ("vgg[8, {16x2 | }]", ["vgg[8, 16x2]", "vgg[8]"]),
        ("{a {b | c} | d}", ["a b", "a c", "d"]),
        ("conv({-1..1})", ["conv(-1)", "conv(0)", "conv(1)"]),
        ("conv(c*{1 + 1 | 2})", ["conv(c*(1 + 1))", "conv(c*2)"]),
        ("data cifar10 {flip crop(4) | }\nnet a", ["data cifar10 flip crop(4)\nnet a", "data cifar10\nnet a"]),
        ("data {cifar10 | }\nnet a", ["data cifar10\nnet a", "net a"]),
        ("let p = {1 | 2}\nnet f(p) g(p)", ["let p = 1\nnet f(p) g(p)", "let p = 2\nnet f(p) g(p)"]),
        ("a b", ["a b"]),
    ],
)
def test_arms(text: str, expected: list[str]) -> None:
    assert texts(text) == expected
    assert count(parse(text)) == len(expected)


@pytest.mark.parametrize(
    "text",
    [
        "{n: a {m: b | c} | d} {m: b | c}",
        "{a {1..3} {x | {y | z}} | b {1..4}} {p | q}",
        "{n: a {b | c} | d} {n: e | f {g | h | i}}",
        "{m: p | q} {{r | f({m: 1 | 2})} | }",
    ],
)
def test_nested_holes_are_counted_as_they_are_listed(text: str) -> None:
    listed = texts(text)
    assert count(parse(text)) == len(listed)
    assert len(set(listed)) == len(listed)


def test_every_arm_parses_to_itself() -> None:
    net = "conv(w) {norm: +bn | +ln(axis=[1, 2]) | } (conv({1..3}) {relu | gelu bn})*{2, 3} as x @x"
    text = f"let w = {{8 | 2*4}}\nnet {net}"
    for _, arm in arms(parse(text)):
        assert parse(unparse(arm)) == arm


def test_choices_name_the_axes() -> None:
    found = [choice for choice, _ in arms(parse("conv({8, 16}) conv({8, 16}) {act: relu | }"))]
    assert found[0] == {"{8, 16}": "8", "{8, 16}#2": "8", "act": "relu"}
    assert found[-1] == {"{8, 16}": "16", "{8, 16}#2": "16", "act": ""}
    assert [a.name for a in axes(parse("{x: a | b} c {1..2}"))] == ["x", "{1..2}"]


@given(st.integers(1, 7))
def test_processes_share_the_arms(of: int) -> None:
    file = parse("{a {x | y} | b} {1..5} {p | q | }")
    whole = sorted(unparse(arm) for _, arm in arms(file))
    assert sorted(unparse(arm) for part in range(of) for _, arm in arms(file, part, of)) == whole


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("conv({4..1})", "A208", "{4..1}"),
        ("conv({a..b})", "A208", "{a..b}"),
        ("conv({0.5..2})", "A208", "{0.5..2}"),
        ("conv({n: 1 | 2}) conv({n: 1 | 2 | 3})", "A221", "{n: 1 | 2 | 3}"),
        ("a*{2 | }", "A222", "{2 | }"),
        ("net {a | }", "A222", "net {a | }"),
        ("vgg[{64x2 | }] gap", "A222", "vgg[{64x2 | }]"),
        ("f([{1 | }])", "A222", "[{1 | }]"),
        ("conv({1..2000000})", "A408", "{1..2000000}"),
        ("conv({1..1000}) conv({1..1001})", "A408", "{1..1000}"),
    ],
)
def test_what_is_no_space(text: str, code: str, place: str) -> None:
    with pytest.raises(SpecError) as error:
        list(arms(parse(text)))
    found = error.value.diagnostics[0]
    assert (found.code, found.span and found.span.text) == (code, place)


def test_a_million_arms_are_the_limit() -> None:
    assert count(parse("conv({1..1000}) conv({1..1000})")) == 1_000_000
