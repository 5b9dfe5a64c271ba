"""Settings given beside the text, worked into it."""

from __future__ import annotations

import pytest

from archdsl.errors import ArchError
from archdsl.expand.overrides import override
from archdsl.expand.text import canonical_text
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse

TEXT = "let p = 0.3\nconv(8) drop(p)\ndata fashion-mini valid(10%) flip\ntrain sgd(0.1) epochs(3)"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("train.epochs=1", "train sgd(0.1) epochs(1)"),
        ("train.adam=1e-3", "train adam(1e-3) epochs(3)"),
        ("train.sgd=0.1, momentum=0", "train sgd(0.1, momentum=0) epochs(3)"),
        ("train.cosine=on", "train sgd(0.1) epochs(3) cosine"),
        ("train.epochs=off", "train sgd(0.1)"),
        ("data.crop=4", "data fashion-mini valid(10%) flip crop(4)"),
        ("data.flip=off", "data fashion-mini valid(10%)"),
        ("data.valid=500", "data fashion-mini valid(500) flip"),
        ("data.fashion-mini=off", "data valid(10%) flip"),
        ("data.cifar10=on", "data cifar10 valid(10%) flip"),
        ("let.p=50%", "let p = 50%"),
        ("input=3x32x32", "input 3x32x32"),
        ("classes=7", "classes 7"),
    ],
)
def test_sets(given: str, line: str) -> None:
    assert line in unparse(override(parse(TEXT), [given])).split("\n")


def test_options_and_order() -> None:
    file = override(parse("conv(8)"), ["train.epochs=2", "data.flip=on"], input="1x8x8", classes=3, data="mnist")
    assert unparse(file) == "input 1x8x8\nclasses 3\nconv(8)\ndata mnist flip\ntrain epochs(2)\n"


def test_a_choice_of_one_slot_is_replaced_whole() -> None:
    file = override(parse("net a\ntrain {adam | sgd(0.1)} epochs(3)"), ["train.adamw=0.1"])
    assert "train adamw(0.1) epochs(3)\n" in unparse(file)


def test_of_several_words_of_one_name_none_is_replaced_unasked() -> None:
    text = "net a\ntrain adam freeze(stem) freeze(head) rate(stem, 0.1)"
    with pytest.raises(ArchError, match=r"has `freeze` 2 times.*\n.*`--set train.freeze=off`"):
        override(parse(text), ["train.freeze=body"])
    file = override(parse(text), ["train.freeze=off", "train.freeze=body", "train.rate=head, 2"])
    assert "train adam rate(head, 2) freeze(body)\n" in unparse(file)


@pytest.mark.parametrize(
    "given",
    [
        "epochs=1",
        "train.epochs",
        "train.epoch=1",
        "net.conv=3",
        "let.q=1",
        "train.epochs=1\nlet x = 1",
        "let.p=",
        "input=",
        "train.cosine=off",
        "data.flip=1 # x",
        "train.epochs=)",
    ],
)
def test_what_sets_nothing_is_an_error(given: str) -> None:
    with pytest.raises(ArchError):
        override(parse(TEXT), [given])


def test_messages_point_into_the_setting() -> None:
    with pytest.raises(ArchError, match=r"--set let.p=\(:1:"):
        override(parse(TEXT), ["let.p=("])


def test_canonical_text_is_whole_and_ordered(tmp_path: object) -> None:
    text = "train epochs(2)\nlet used = relu\nlet other = bn\n# note\nlet inner = used\nconv(8) inner\ninput 3x8x8"
    found = canonical_text(parse(text))
    assert found == "let used = relu\nlet inner = used\ninput 3x8x8\nnet conv(8) inner\ntrain epochs(2)\n"
    assert canonical_text(parse(found)) == found
