"""A text read in parts is the text read as a whole, whatever was read before it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import SpecError
from archdsl.syntax.parse import parse
from archdsl.syntax.parts import Part, Reader, Reading
from archdsl.syntax.walk import walk
from tests.fuzz.fuzz_text import Maker, corpus

GOOD = corpus()
LONG = "let f(c) = conv(c) bn\nnet stem: f(8)  # a\n    f(8)\n    # b\n    f(8) +res\n\n    cat(f(8)\n  | id)\ntrain adam\n"


def places(reading: Reading, text: str) -> None:
    """Every span of the tree, in its place of the whole text, is what it says it is."""
    for unit in reading.units:
        part = unit.part
        assert text[part.offset : part.offset + len(part.text)] == part.text
        assert part.above == text.count("\n", 0, part.offset)
        for item in unit.items:
            assert all(node.span.source is part for node in walk(item))


def agrees(reader: Reader, text: str) -> None:
    try:
        whole = parse(text)
    except SpecError as error:
        if error.diagnostics[0].code in ("A104", "A401"):
            with pytest.raises(SpecError):
                reader.read(text)
            return
        reading = reader.read(text)
        assert reading.errors, text
    else:
        reading = reader.read(text)
        assert not reading.errors, text
        assert reading.file.items == whole.items, text
    places(reading, text)


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_good_texts(number: int) -> None:
    agrees(Reader("<spec>"), GOOD[number])


@given(st.integers(0, 2**32))
def test_any_text_after_any_other(seed: int) -> None:
    maker, reader = Maker(seed, GOOD), Reader("<spec>")
    text = random.Random(seed).choice([*GOOD, LONG])
    if seed % 3 == 0:
        text = text.replace("\n", "\r\n")
    agrees(reader, text)
    for _ in range(4):
        text = maker.bent(text)
        agrees(reader, text)


def test_unchanged_lines_keep_their_trees() -> None:
    reader = Reader("<spec>")
    before = reader.read(LONG)
    after = reader.read(LONG.replace("    f(8) +res", "    f(16) +res"))
    kept = {id(u) for u in before.units} & {id(u) for u in after.units}
    assert (len(before.units), len(kept)) == (6, 5)


def test_like_lines_are_different_places() -> None:
    reading = Reader("<spec>").read("net conv(8)\n  bn relu\n  bn relu")
    first, second = (u.part for u in reading.units[1:])
    assert isinstance(first, Part)
    assert first != second
    assert (first.above, second.above) == (1, 2)


@pytest.mark.parametrize(
    ("text", "codes", "left"),
    [
        ("net conv(8\ntrain adam", ["A103"], ["train"]),
        ("net conv(8)\n    bn)\n    relu\ntrain adam(", ["A101", "A103"], ["net"]),
        ("let a = = 3\nlet b = 4\nnet conv(b)\ndata ;", ["A101", "A102"], ["let", "net"]),
        ("net (conv(8)\n  relu\ndata cifar10 flip\ntrain adam", ["A103"], ["data", "train"]),
        ("net linear(\nclasses\n)", [], ["net"]),
    ],
)
def test_what_is_broken_spoils_nothing_else(text: str, codes: list[str], left: list[str]) -> None:
    reading = Reader("<spec>").read(text)
    assert [d.code for d in reading.errors] == codes
    assert [getattr(i, "kind", "let") for i in reading.file.items] == left
