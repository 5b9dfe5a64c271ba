"""Stretches in a text, and the hash that a run writes into it."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.errors import SpecError
from archdsl.expand.holes import arms
from archdsl.expand.pin import pinned
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse

SHA = "0123456789abcdef"
NET = "net stem: conv(8) body: (conv(8) relu) head: conv(10)\n"


def test_a_stretch_is_written_without_spaces() -> None:
    text = "train adam freeze( stem  ..  body ,until = 2 )\n"
    assert format(text) == "train adam freeze(stem..body, until=2)\n"
    assert format(format(text)) == format(text)
    assert parse(format(text)) == parse(text)
    assert unparse(parse(text)) == format(text)


def test_a_let_of_the_same_name_does_not_matter() -> None:
    text = f"let stem = relu\n{NET.replace('stem: conv(8)', 'stem: conv(8) stem')}train adam freeze(stem)\n"
    assert str(load(text).graph.train[1].value.part) == "stem"


def test_an_end_may_be_a_choice() -> None:
    found = [
        unparse(arm).splitlines()[-1] for _, arm in arms(parse(f"{NET}train adam freeze(stem..{{body | head}})\n"))
    ]
    assert found == ["train adam freeze(stem..body)", "train adam freeze(stem..head)"]


def test_the_place_of_an_unknown_label_is_its_own() -> None:
    with pytest.raises(SpecError, match="A223") as caught:
        load(f"{NET}train adam freeze(stem..bdy)\n")
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert found.span.text == "bdy"
    assert "body" in found.help


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ('init("x")', f'init("x", sha="{SHA}")'),
        ('init("x", reshape)', f'init("x", reshape, sha="{SHA}")'),
        ('init("x", sha="fedcba9876543210")', 'init("x", sha="fedcba9876543210")'),
        ('init("x", false, "fedcba9876543210")', 'init("x", false, "fedcba9876543210")'),
    ],
)
def test_the_hash_is_written_once(word: str, wanted: str) -> None:
    file = pinned(parse(f"{NET}train adam {word} epochs(2)\n"), SHA)
    assert unparse(file).splitlines()[-1] == f"train adam {wanted} epochs(2)"
    assert pinned(file, SHA) == file
    alone = pinned(parse(f"{NET}train {word}\n"), SHA)
    assert unparse(alone).splitlines()[-1] == f"train {wanted}"
