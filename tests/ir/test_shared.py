"""A network that runs several times with the same weights costs what it costs written out, but for its parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.expand import expand
from archdsl.ir.cost import Cost, cost
from archdsl.ir.trace import trace_node
from archdsl.syntax.parse import parse

SHAPE = (4, 16, 16)


def counted(text: str, shape: tuple[int, ...] = SHAPE) -> Cost:
    return cost(trace_node(expand(parse(text)).root, shape, 10))


def work(text: str, shape: tuple[int, ...] = SHAPE) -> Cost:
    """All figures but those of storage."""
    return replace(counted(text, shape), params=0, buffers=0)


# Layers that keep the shape 4x16x16, in the language and nested: what may stand inside a shared network.
ATOMS = st.sampled_from(
    [
        "conv(4)",
        "conv(4, 5)",
        "dwconv(1x3)",
        "relu",
        "bn",
        "maxpool(3, s=1, p=1)",
        "conv(4, 3, dilation=2)",
        "se(2)",
        "conv(8, 1) relu conv(4, 1)",
        "conv(4, 4, s=2, p=1) upsample(2)",
        "conv(8, s=2) upconv(4)",
        "drop(0.1)",
        "spacetodepth(2) depthtospace(2)",
        "resize(7) resize(16)",
        "trim(1, 1, 1, 1) zeropad(1)",
        "tokens untokens",
    ]
)


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(" ".join)
    times = st.integers(1, 4)
    return st.one_of(
        body.map(lambda b: f"res({b})"),
        st.tuples(body, body).map(lambda p: f"add({p[0]} | {p[1]} | id)"),
        st.tuples(body, body).map(lambda p: f"mul({p[0]} | {p[1]})"),
        body.map(lambda b: f"mul({b} | gap(keep) sigmoid)"),
        body.map(lambda b: f"(relu as a {b} cat(id | @a) conv(4, 1))"),
        st.tuples(body, times).map(lambda p: f"({p[0]})*{p[1]}"),
        st.tuples(body, times).map(lambda p: f"SHARED({p[0]} ENDS {p[1]})"),
        st.tuples(body, times).map(lambda p: f"EULER({p[0]} ENDS {p[1]})"),
        body.map(lambda b: f"WRAP({b} ENDS 0)"),
    )


NETS = st.lists(st.recursive(ATOMS, _wrapped, max_leaves=8), min_size=1, max_size=4).map(" ".join)


def spelled(text: str, out: bool) -> str:
    """The network with its weights shared, or written out."""
    while "ENDS" in text:  # the innermost first: no other one ends before it
        end = text.index(" ENDS ")
        start = max(text.rfind(f"{kind}(", 0, end) for kind in ("SHARED", "EULER", "WRAP"))
        stop = text.index(")", end)
        kind, body, n = (
            text[start : text.index("(", start)],
            text[text.index("(", start) + 1 : end],
            text[end + 6 : stop],
        )
        new = {
            ("SHARED", False): f"shared({body}, {n})",
            ("SHARED", True): f"({body})*{n}",
            ("EULER", False): f"ode({body}, solver=euler, steps={n})",
            ("EULER", True): f"(add({body} | id))*{n}",
            ("WRAP", False): f"dropconnect({body}, 0.1)",
            ("WRAP", True): f"({body})",
        }[kind, out]
        text = text[:start] + new + text[stop + 1 :]
    return text


@given(NETS)
@settings(max_examples=50)
def test_figures_are_those_of_the_network_written_out(net: str) -> None:
    assert work(spelled(net, False)) == work(spelled(net, True))


@given(NETS, NETS)
@settings(max_examples=20)
def test_they_are_in_the_middle_of_a_network_and_of_branches(first: str, second: str) -> None:
    for around in ("conv(4, s=2) upsample(2) {} conv(4)", "add({} | conv(4) | id) relu", "relu as v {} add(id | @v)"):
        inner = f"SHARED({first} ENDS 3) {second}"
        assert work(around.format(spelled(inner, False))) == work(around.format(spelled(inner, True)))


@given(NETS, st.integers(1, 5))
@settings(max_examples=20)
def test_parameters_count_once(net: str, n: int) -> None:
    once, shared = counted(spelled(net, False)), counted(f"shared({spelled(net, False)}, {n})")
    assert (shared.params, shared.buffers, shared.macs) == (once.params, once.buffers, n * once.macs)


def test_the_figures_of_the_report() -> None:
    shared, out = (
        counted(t, (3, 32, 32))
        for t in ("conv(8) shared(conv(8) relu, 3) gap linear(10)", "conv(8) (conv(8) relu)*3 gap linear(10)")
    )
    assert (shared.field, shared.depth, shared.activations) == ((9, 9), 5, 57_362)
    assert replace(shared, params=0) == replace(out, params=0)
    assert shared.params == out.params - 2 * (8 * 8 * 9 + 8)


def test_training_memory_keeps_the_activations_of_every_pass() -> None:
    shared, out = (counted(t) for t in ("shared(conv(4) relu, 5)", "(conv(4) relu)*5"))
    assert shared.training_bytes(7, 2, 2) - shared.params * 16 == out.training_bytes(7, 2, 2) - out.params * 16


def test_a_solve_backwards_in_time_keeps_one_evaluation() -> None:
    body = "ode(conv(4) tanh conv(4){})"
    through, back = counted(body.format("")), counted(body.format(", adjoint"))
    image = 4 * 16 * 16
    assert through.activations == back.activations == through.kept == 14 * 4 * image
    assert back.kept == (4 + 1) * image


@pytest.mark.parametrize("shape", [(6, 4), (8,)])
def test_tokens_and_vectors_too(shape: tuple[int, ...]) -> None:
    width = shape[-1]
    text = f"linear({width}) relu"
    assert work(f"shared({text}, 3)", shape) == work(f"({text})*3", shape)


def test_many_passes_are_counted_at_once() -> None:
    total = counted("shared(shared(conv(4), 900000000), 900000000)")
    assert total.depth == 81 * 10**16
    assert total.field == (1 + 2 * 81 * 10**16,) * 2
    assert counted("shared(conv(4, s=2), 900000000)", (4, 1, 1)).field is None  # a step that no number of ours holds
