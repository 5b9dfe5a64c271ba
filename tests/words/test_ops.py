"""The laws that every layer, join, block and modifier obeys, tried on the examples of its entry."""

from __future__ import annotations

import pytest

from archdsl.laws.law import LAWS, Law
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries
from archdsl.registry.lookup import SPACES

# A network of published size takes as long as all other examples of layers; its family has a small example, too.
CASES = [
    pytest.param(law, text, id=f"{e.name}-{law.name}-{text}", marks=[pytest.mark.slow] if "672x6" in text else [])
    for e in (*entries("net"), *entries("modifier"))
    for law in laws_of(e)
    if law.name != "ONNX"  # tests/emit/test_onnx_words.py, since a file takes seconds
    for text in e.examples
]


@pytest.mark.parametrize(("law", "text"), CASES)
def test_laws_hold(law: Law, text: str) -> None:
    law.check(text)


def test_each_word_has_laws() -> None:
    words: list[Entry] = entries()
    assert {e.kind for e in words} == set(SPACES)
    assert [e.name for e in words if not laws_of(e)] == []
    assert {law.name for law in LAWS if "op" in law.kinds} == {
        "text",
        "weights",
        "shapes",
        "MACs",
        "gradients",
        "source",
        "ONNX",
    }
