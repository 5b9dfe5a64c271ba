"""A bare word where a flag may be: a let or a parameter of that name comes first, as everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from archdsl.api import load
from archdsl.errors import SpecError
from archdsl.ir.nodes import arg


def argument(text: str, word: str, name: str) -> Any:
    spec = load(text, input=(3, 32, 32), classes=10)
    return next(arg(r.op, name) for r in spec.trace.rows if r.op.name == word)


BLOCK = "let block(c, causal=false) = res(ln attention(4, causal)) res(ln linear(4*c) gelu linear(c))\n"


@pytest.mark.parametrize(
    ("call", "causal"),
    [
        ("block(64)", False),
        ("block(64, false)", False),
        ("block(64, causal=true)", True),
        ("block(64, causal)", True),
    ],
)
def test_a_parameter_with_the_name_of_a_flag(call: str, causal: bool) -> None:
    assert argument(f"{BLOCK}net patch(8, 64) tokens {call} gap linear(10)", "attention", "causal") is causal


def test_a_parameter_goes_through_several_lets() -> None:
    text = f"{BLOCK}let deep(causal) = block(64, causal)*2\nnet patch(8, 64) tokens deep({{}}) gap linear(10)"
    assert argument(text.format("false"), "attention", "causal") is False
    assert argument(text.format("causal"), "attention", "causal") is True


def test_a_share_with_the_name_of_a_flag() -> None:
    assert argument("let d(p, late=0.9) = drop(p, late)\nnet conv(8) d(0.3)", "drop", "late") == 0.9
    assert argument("let late = 60%\nnet conv(8) drop(0.3, late)", "drop", "late") == 0.6
    assert argument("net conv(8) drop(0.3, late)", "drop", "late") == 0.5


def test_a_stage_takes_the_parameter_too() -> None:
    text = "let net8(bias) = vgg[8(bias)]\nnet net8(false) gap linear(10)"
    assert argument(text, "conv", "bias") is False


def test_a_network_of_that_name_is_no_value() -> None:
    assert argument("let keep(c) = conv(c)\nnet keep(8) gap(keep) flatten linear(10)", "gap", "keep") is True
    assert argument("let b(keep=relu) = conv(8) keep gap(keep)\nnet b flatten linear(10)", "gap", "keep") is True


def test_a_value_that_is_no_flag_is_refused_with_a_remedy() -> None:
    with pytest.raises(SpecError) as caught:
        load("let b(keep=0.5) = drop(keep) gap(keep)\nnet conv(8) b flatten", input=(3, 8, 8), classes=10)
    (found,) = caught.value.diagnostics
    assert found.code == "A208"
    assert "for the flag write `keep=true`" in found.help
