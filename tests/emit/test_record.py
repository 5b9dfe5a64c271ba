"""What a word's function asks of its values is written as a text that computes the same."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import fx

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.record import Expr, Recorder
from archdsl.emit.source import source
from archdsl.errors import ArchError
from archdsl.ir.layer import Layer
from archdsl.ir.trace import Trace
from archdsl.registry import op
from archdsl.registry.types import Shape
from tests.emit.test_source import network
from tests.train.laws import no_word_stays

Function = Callable[..., Any]  # of `torch` and two values, as a word's `call`
NUMBERS = st.sampled_from([2, -2, 0, 0.5, -1.5, 1e-5, True, math.inf, -math.inf])
SIGNS = [operator.neg, operator.pos]
SUMS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, operator.add, operator.sub]
COMPARED = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]


def leaf(number: int) -> Function:
    return lambda torch, *values: values[number]


def unary(act: Function, inner: Function) -> Function:
    return lambda torch, *values: act(inner(torch, *values))


def binary(act: Function, one: Function, other: Function) -> Function:
    return lambda torch, *values: act(one(torch, *values), other(torch, *values))


def with_number(act: Function, inner: Function, number: Any, left: bool) -> Function:
    """A value and a number, in either order: the reflected forms."""
    return lambda torch, *v: act(number, inner(torch, *v)) if left else act(inner(torch, *v), number)


METHODS: list[Function] = [
    lambda v: v.sum(1, keepdim=True),
    lambda v: v[:, 0:2].flip(1).repeat(1, 2)[:, ::2].repeat(1, 2),
    lambda v: v[..., [0, 1, 2, 3]],
    lambda v: v[:, None].squeeze(1),
    abs,
    lambda v: v.clamp(min=-math.inf, max=3.0),
    lambda v: v.T.mT.T,
    lambda v: v / v.shape[0],
]
FUNCTIONS: list[Callable[[Function], Function]] = [
    lambda inner: lambda torch, *values: torch.nn.functional.pad(inner(torch, *values), (0, 1))[:, :4],
    lambda inner: lambda torch, *values: inner(torch, *values).to(torch.float64),
    lambda inner: lambda torch, *values: torch.stack([(v := inner(torch, *values)), v * 2]).mean(0),
]


def trees(actions: list[Any], signs: list[Any], methods: list[Function]) -> st.SearchStrategy[Function]:
    """Functions that are made of operators, methods and functions, at any depth."""

    def deeper(inner: st.SearchStrategy[Function]) -> st.SearchStrategy[Function]:
        kinds = [
            st.builds(unary, st.sampled_from(signs + methods), inner),
            st.builds(binary, st.sampled_from(actions), inner, inner),
            st.builds(with_number, st.sampled_from(actions), inner, NUMBERS if methods else st.just(2), st.booleans()),
        ]
        return st.one_of(*kinds, st.builds(lambda f, i: f(i), st.sampled_from(FUNCTIONS), inner) if methods else inner)

    return st.recursive(st.builds(leaf, st.integers(0, 1)), deeper, max_leaves=12)


def agrees(function: Function, x: torch.Tensor, y: torch.Tensor) -> None:
    wanted = function(torch, x, y)
    text = str(function(Recorder("torch"), Expr("x"), Expr("y")))
    got = eval(text, {"torch": torch, "x": x, "y": y})  # noqa: S307 - what was written is to be run
    assert torch.equal(got.nan_to_num(7.25), wanted.nan_to_num(7.25)), text


@given(trees([*SUMS, operator.matmul], SIGNS, METHODS))
def test_the_text_computes_what_the_function_computes(function: Function) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(4, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    try:
        function(torch, x, y)
    except (RuntimeError, IndexError, TypeError, AttributeError):
        return  # what torch refuses, such as a product of a matrix and a number
    agrees(function, x, y)


@given(trees([*BITS, *COMPARED], [operator.invert, operator.neg], []))
def test_bits_and_comparisons(function: Function) -> None:
    x, y = torch.arange(16).view(4, 4), torch.arange(16).flip(0).view(4, 4) % 5
    try:
        function(torch, x, y)
    except (RuntimeError, TypeError):
        return  # `-` of truth values
    agrees(function, x, y)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda torch, v, w: (v * v).sum(1, keepdim=True), "(x * x).sum(1, keepdim=True)"),
        (lambda torch, v, w: v / (1 + v.abs()), "x / (1 + x.abs())"),
        (lambda torch, v, w: v - (w - v) - w, "x - (y - x) - y"),
        (lambda torch, v, w: (v + w) * v * (v * w), "(x + y) * x * (x * y)"),
        (lambda torch, v, w: v + v * w, "x + x * y"),
        (lambda torch, v, w: (-v) ** -2 + -(v**2), "(-x) ** -2 + -x ** 2"),
        (lambda torch, v, w: (v**w) ** v ** (w**v), "(x ** y) ** x ** y ** x"),
        (lambda torch, v, w: (-2) ** v, "(-2) ** x"),
        (lambda torch, v, w: ((v < w) == (v > 0)) & ~(w != v), "((x < y) == (x > 0)) & ~(y != x)"),
        (lambda torch, v, w: (v @ w)[0], "(x @ y)[0]"),
        (lambda torch, v, w: torch.cat((v, w), 2), "torch.cat((x, y), 2)"),
        (lambda torch, v, w: v.clamp(max=math.inf), 'x.clamp(max=float("inf"))'),
        (lambda torch, v, w: v.to(torch.float32) * v.shape[1], "x.to(torch.float32) * x.shape[1]"),
        (lambda torch, v, w: v[::2, ..., None, w > 0], "x[::2, ..., None, y > 0]"),
    ],
)
def test_parentheses_are_those_that_are_needed(function: Function, text: str) -> None:
    assert str(function(Recorder("torch"), Expr("x"), Expr("y"))) == text


@given(trees([*SUMS, operator.matmul], SIGNS, METHODS[:3]))
def test_what_can_be_built_can_be_written(function: Function) -> None:
    """The net is built of torch.fx's proxies, which have the same operators."""
    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    function(torch, *(fx.Proxy(graph.placeholder(name), tracer) for name in "xy"))
    function(Recorder("torch"), Expr("x"), Expr("y"))


@pytest.fixture(autouse=True)
def new_words() -> Iterator[None]:
    with no_word_stays():
        yield


WORDS: dict[str, tuple[Function, str]] = {
    "chosen": (lambda torch, v: v if v.sum() > 0 else -v, "torch.where"),
    "looped": (lambda torch, v: sum(part for part in v), "torch.stack"),
    "rounded": (lambda torch, v: round(v), "torch.round"),
    "counted": (lambda torch, v: v * math.sqrt(v), "numbers of the values"),
    "given": (lambda torch, v: v.clamp(object()), "give numbers"),
    "asked": (lambda torch, v: v + 1 if 3 in v else v, "any()"),
    "parted": (lambda torch, v: operator.setitem(v, 0, 1), "torch.where"),
    "missing": (lambda v: v, "an nn.Module"),
    "typed": (lambda torch, v: v if isinstance(v, torch.Tensor) else -v, "an nn.Module"),
    "constant": (lambda torch, v: 3, "give what `torch`"),
}


def trace_with(name: str, call: Function) -> Trace:
    """Of a net with a new word, which is this function."""

    @op(f"conv(8) {name}", name=name)
    def made(x: Shape) -> Layer:
        """A word that is made here."""
        return Layer(out=x, call=call)

    return load(f"conv(8) {name} gap linear(10)", input=(3, 8, 8), classes=10).trace


@pytest.mark.parametrize("name", WORDS)
def test_what_has_no_text_names_its_word(name: str) -> None:
    call, remedy = WORDS[name]
    trace = trace_with(name, call)
    with pytest.raises(ArchError) as refused:
        source(trace)
    assert f"`{name}` cannot be written as source: " in refused.value.message
    assert remedy in refused.value.help


@pytest.mark.parametrize("name", ["chosen", "looped", "parted", "missing", "constant"])
def test_what_cannot_be_built_names_its_word(name: str) -> None:
    trace = trace_with(name, WORDS[name][0])
    with pytest.raises(ArchError, match=f"`{name}` cannot be built: "):
        build(trace)


def test_a_word_of_operators_is_one_function() -> None:
    """(1 - x)² / (1 + the mean of x² over channels), and 1 more where x is above 0."""
    trace = trace_with("soft", lambda torch, v: (1 - v) ** 2 / (1 + (v * v).mean(1, keepdim=True)) + (v > 0))
    model, x = build(trace), torch.randn(2, 3, 8, 8)
    other = network(source(trace))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))
