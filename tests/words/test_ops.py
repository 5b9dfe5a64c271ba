"""The laws that every layer, join, block and modifier obeys, tried on the examples of its entry."""

from __future__ import annotations

import pytest

from archdsl.laws.law import LAWS, Law
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries

# A network of published size takes as long as all other examples of layers; its family has a small example, too.
CASES = [
    pytest.param(law, text, id=f"{e.name}-{law.name}-{text}", marks=[pytest.mark.slow] if "672x6" in text else [])
    for e in (*entries("net"), *entries("modifier"))
    for law in laws_of(e)
    for text in e.examples
]


@pytest.mark.parametrize(("law", "text"), CASES)
def test_laws_hold(law: Law, text: str) -> None:
    law.check(text)


def test_each_word_has_laws() -> None:
    words: list[Entry] = [e for space in ("net", "modifier", "data", "train") for e in entries(space)]
    assert all(laws_of(entry) for entry in words)
    assert {law.name for law in LAWS if "op" in law.kinds} == {
        "text",
        "weights",
        "shapes",
        "MACs",
        "gradients",
        "source",
    }
