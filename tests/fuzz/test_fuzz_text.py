"""A few thousand random texts in every test run; `make fuzz` takes more, `fuzz_text.py` a million."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from tests.fuzz.fuzz_text import Tally, fuzz, try_text


@pytest.fixture(autouse=True)
def only_its_own_garbage() -> Iterator[None]:
    """What other tests left in this process is not looked at again and again while a text is timed."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def check(tally: Tally) -> None:
    assert not tally.escaped
    assert not tally.slow


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_only_our_own_errors_escape(seed: int) -> None:
    tally = fuzz(10_000 + seed, 500)
    check(tally)
    assert tally.networks > 20
    assert len(tally.codes) > 15


# What the first million let escape; each was mended.
ESCAPED_ONCE = [
    "net conv(8)\ntrain sgd(0.1) step(cin//230)",
    "net conv(8)\ntrain adam seed(cin//21)",
    "conv(8) ode(as x , rtol=1e-4, adjoint)",
    "conv(32) (conv(32) relu conv(32))*2 +groups(cin//2)",
    "conv(8) as a shared(conv(8) add(id | @a), 2)",
]


@pytest.mark.parametrize("text", ESCAPED_ONCE)
def test_what_escaped_once_does_not_again(text: str) -> None:
    tally = Tally()
    try_text(text, tally)
    check(tally)


@pytest.mark.fuzz
def test_many_texts() -> None:
    check(fuzz(77, int(os.environ.get("ARCHDSL_FUZZ", "20000"))))


LEVELS = range(1, 31)


def doubling(first: str, twice: str = "a{0} a{0}") -> str:
    """Thirty lets, each of which has the one before twice."""
    return f"let a0 = {first}\n" + "".join(f"let a{n} = {twice.format(n - 1)}\n" for n in LEVELS)


HARD = {
    "lets that double": doubling("relu") + "net a30",
    "errors that double": doubling("rellu") + "net a30",
    "marks that double": doubling("as x") + "net conv(3) a30",
    "values that double": doubling("0", "a{0} + a{0}") + "net conv(a30)",
    "cin that doubles": "let d(x) = x + x\nnet conv(" + "d(" * 40 + "cin" + ")" * 41,
    "arguments that double": "let d(x) = x x\nnet conv(3) " + "d(" * 40 + "as y" + ")" * 40,
    "branches that double": "let d(x) = add(x | x)\nnet " + "d(" * 40 + "relu" + ")" * 40,
    "marks repeated": "net conv(3) (((as x)*1000)*1000)*1000",
    "nested holes": "net conv(8) " + " ".join("{relu | {gelu | {silu | }}}" for _ in range(12)),
    "deep holes": "net " + "{a | " * 60 + "b" + "}" * 60,
    "empty choices": "{" + "|" * 60_000 + "}",
    "ten thousand layers": "((conv(3) bn relu)*1000)*3 (relu)*990",
    "three thousand branches": "cat(" + "|".join(["id"] * 3000) + ")",
    "a long line": "conv(3) " + "relu " * 9000,
    "a long comment": "#" * 60_000 + "\nrelu",
    "brackets and lets": doubling("relu", "(" * 60 + "a{0}" + ")" * 60) + "net a30",
}


@pytest.mark.parametrize("what", HARD)
def test_texts_that_grow(what: str) -> None:
    tally = Tally()
    try_text("input 3x32x32\nclasses 10\n" + HARD[what], tally)
    check(tally)
