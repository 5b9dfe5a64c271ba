"""The formatter and the way back from the tree, on every text there is, respaced at random."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import Source
from archdsl.laws.texts import a_text_keeps_its_meaning
from archdsl.syntax.parse import parse, pieces
from tests.fuzz.fuzz_text import Maker, corpus

GOOD = corpus()


def respaced(text: str, seed: int) -> str:
    """The text with other spaces, comments and line breaks between its tokens, so that it parses to the same tree."""
    r = random.Random(seed)
    tokens = pieces(Source("", text))[1]
    out, depth, end = [], 0, 0
    for token in tokens:
        gap = text[end : token.start]
        if gap and not gap.strip(" \t"):
            gap = r.choice((" ", "  ", "\t", " \\\n ", gap))
        elif "\n" in gap and not gap.strip():
            gap = r.choice(("\n", "\r\n", "\n\n\n", " # why\n", "\n  # é\n", gap))
            if not token.first:  # a line that is indented goes on with its statement
                gap += r.choice((" ", "    ", "\t"))
        if gap and depth:
            gap += r.choice(("", "", "\n", "  # c\n\n\n", "\r\n"))
        out += [gap, token.text]
        depth += (token.text[-1:] in "([{" or token.text.startswith("{")) - (token.text in ")]}")
        end = token.end
    return "".join(out) + text[end:]


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_laws_hold_for_every_example_and_spec(number: int) -> None:
    a_text_keeps_its_meaning(GOOD[number])


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 2**32))
def test_laws_hold_however_a_text_is_spaced(number: int, seed: int) -> None:
    text = respaced(GOOD[number], seed)
    assert parse(text) == parse(GOOD[number])
    a_text_keeps_its_meaning(text)


@given(st.integers(0, 2**32))
def test_laws_hold_for_made_texts(seed: int) -> None:
    from archdsl.errors import SpecError

    text = Maker(seed, GOOD).text().replace("\ufeff", "")
    try:
        parse(text)
    except SpecError:
        return
    if text.isascii():  # `rstrip` above knows more white space than the language does
        a_text_keeps_its_meaning(text)
