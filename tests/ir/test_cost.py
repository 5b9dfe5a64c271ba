"""Counts: the cases that other counters get wrong, additivity, depth and memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.expand import expand
from archdsl.ir.cost import Cost, cost
from archdsl.ir.trace import trace_node
from archdsl.syntax.parse import parse


def counted(text: str, shape: tuple[int, ...] = (3, 32, 32)) -> Cost:
    """The cost of exactly what is written: no head is added."""
    from archdsl.expand.bias import decide_biases

    return cost(trace_node(decide_biases(expand(parse(text)).root), shape, 10))


# Multiply-accumulates that torchinfo, fvcore, ptflops, thop, calflops or FlopCounterMode miss or count twice on the
# identical module (measured with torch 2.13).
WRONG_ELSEWHERE = [
    ("a matrix product with a bare weight", "linear(100, bias=false)", (100,), 10_000),
    ("a convolution with a bare weight", "conv(1, 3, bias=false)", (3, 32, 32), 27_648),
    ("a linear layer on tokens counts every token", "linear(100)", (10, 100), 100_000),
    ("weights used twice work twice", "shared(linear(100, bias=false), 2)", (100,), 20_000),
    (
        "attention's two products of tokens with tokens",
        "attention(4)",
        (64, 128),
        4 * 64 * 128 * 128 + 2 * 64 * 64 * 128,
    ),
    ("groups divide the work", "conv(8, 3, groups=4)", (8, 10, 10), 8 * 100 * 2 * 9),
    ("a 1x1 gate works once", "gap(keep) conv(4, 1)", (8, 10, 10), 32),
]


@pytest.mark.parametrize(("what", "text", "shape", "macs"), WRONG_ELSEWHERE, ids=[w[0] for w in WRONG_ELSEWHERE])
def test_macs_that_others_get_wrong(what: str, text: str, shape: tuple[int, ...], macs: int) -> None:
    total = counted(text, shape)
    assert total.macs == macs
    assert total.flops == 2 * macs


def test_a_shared_weight_counts_once() -> None:
    assert counted("shared(linear(100, bias=false), 2)", (100,)).params == 10_000
    assert counted("linear(100, bias=false)*2", (100,)).params == 20_000


LAYERS = st.sampled_from(["conv(4)", "conv(6, 1)", "bn", "relu", "conv(8, 5)", "cat(conv(2) | id)", "res(conv(4))"])


@given(st.lists(LAYERS, min_size=1, max_size=6), st.lists(LAYERS, min_size=1, max_size=6))
def test_costs_add_up(first: list[str], second: list[str]) -> None:
    whole, one = counted(" ".join(first + second)), counted(" ".join(first))
    from archdsl.expand.bias import decide_biases

    # biases are decided by what follows, so the parts are cut from the whole's decisions
    root = decide_biases(expand(parse(" ".join(first + second))).root)
    trace = trace_node(root, (3, 32, 32), 10)
    assert whole.params == sum(n for r in trace.rows for n in map(_size, r.layer.weights.values()))
    assert whole.macs == sum(r.layer.macs for r in trace.rows) >= one.macs
    assert whole.activations == sum(_size(r.layer.out) for r in trace.rows)


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


@given(st.integers(1, 5))
def test_copies_multiply(n: int) -> None:
    one, many = counted("conv(3, bias=true) relu"), counted(f"(conv(3, bias=true) relu)*{n}")
    assert (many.params, many.macs, many.layers, many.depth) == (n * one.params, n * one.macs, n * one.layers, n)


def test_depth_is_the_longest_path() -> None:
    assert counted("conv(8) cat(conv(8) conv(8) | conv(8) | id) conv(8)").depth == 4
    assert counted("conv(8) shared(conv(8) relu conv(8), 3)").depth == 7


def test_memory_of_a_pass_and_of_a_step() -> None:
    total = counted("conv(8) relu conv(8)")
    image = 8 * 32 * 32
    assert total.activations == 3 * image
    assert total.peak == 2 * image  # a value dies with its last reader
    assert counted("conv(8) as a relu conv(8) cat(id | @a)").peak == 4 * image
    step = total.training_bytes(10, dtype_bytes=2, optimizer_states=2)
    assert step == total.params * 4 * 4 + 3 * image * 10 * 2
