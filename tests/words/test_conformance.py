"""What every word of data and training owes: help, examples, its paper or the reason why there is none, a net that really
learns by it, and (for what changes pixels, gradients or rates) a test that holds it to a formula or to another program.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from archdsl.laws.learning import data_text, loss_falls, losses
from archdsl.registry import Entry, entries
from tests.conftest import REPO

OWN = [e for s in ("data", "train") for e in entries(s) if e.make.__module__.startswith("archdsl.")]
SETS = [e for e in OWN if e.slot == "dataset"]
WORDS = [e for e in OWN if e.slot != "dataset"]
KIN = [e for e in entries("net") if "drop" in e.traits or "noise" in e.traits]


@pytest.mark.parametrize("entry", OWN, ids=lambda e: e.name)
def test_help_examples_and_paper(entry: Entry) -> None:
    assert entry.summary.endswith(".")
    assert entry.examples
    assert all(re.search(rf"(?<![a-z]){re.escape(entry.name)}(?![a-z_])", example) for example in entry.examples)
    assert bool(entry.paper) != bool(entry.unpublished), "a paper, or the reason why there is none"
    assert not entry.paper or re.search(r"(19|20)\d\d", entry.paper), "a paper has a year"


def test_every_word_is_held_to_its_formula() -> None:
    """By a test with the mark `holds`, which names the words that it compares with a formula or with another program."""
    marks = re.findall(
        r'^@pytest[.]mark[.]holds[(]\s*"([a-z0-9_ ]+)"',
        "\n".join(path.read_text("utf-8") for path in sorted(Path(REPO, "tests").rglob("test_*.py"))),
        re.MULTILINE,
    )
    held = {word for words in marks for word in words.split()}
    missing, gone = sorted({e.name for e in WORDS} - held), sorted(held - {e.name for e in entries()})
    assert missing == [], (
        f'no test holds {", ".join(missing)}: write a test of the formula with `@pytest.mark.holds("{missing[0]}")` above it'
    )
    assert gone == [], f"these are words no more, take them out of the marks `holds`: {', '.join(gone)}"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Nets this small gain nothing from a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec_of(example: str, kind: str) -> str:
    """A whole text with an example of a word in it."""
    if kind == "data":
        return data_text(example)
    words = example if re.search("epochs|steps", example) else f"{example} epochs(60)"
    rates = "" if re.match("|".join(OPTIMIZERS), words) else "adam(3e-3) "
    return f"data fashion-mini valid(25%)\ntrain {rates}{words}"


OPTIMIZERS = tuple(e.name for e in entries("train") if e.slot == "optimizer")
# Rates, lengths and classes of examples that suit a large net and a long run → those of a small one.
SMALL = {
    "sgd(0.1": "sgd(0.05",
    "lion(1e-4)": "lion(1e-3)",
    "lamb(5e-3": "lamb(0.02",
    "warmup(500": "warmup(5",
    "patience(5": "patience(60",
    "converged(1e-3)": "converged(1e-9)",
    "weights=[1, 1, 1, 1, 1, 1, 1, 1, 1, 4]": "weights=[1, 4]",  # the small data have two classes
}


# `init` needs weights of another run; tests/train/transfer trains with it.
@pytest.mark.parametrize("entry", [e for e in WORDS if e.name != "init"], ids=lambda e: e.name)
def test_a_net_learns_by_every_word(entry: Entry) -> None:
    for example in entry.examples:
        text = spec_of(example, entry.kind)
        for theirs, small in SMALL.items():
            text = text.replace(theirs, small)
        loss_falls(example, text)


PHASES = ("", ", early", ", late=50%")


@pytest.mark.parametrize("entry", KIN, ids=lambda e: e.name)
def test_a_net_learns_by_dropout_and_its_kin(entry: Entry) -> None:
    call = {
        "drop": "drop(0.2{})",
        "spatial": "spatial(0.1{})",
        "cutout": "cutout(3{})",
        "droppath": "droppath(0.2{})",
        "dropblock": "dropblock(0.1, 3{})",
        "dropconnect": "dropconnect(conv(8), 0.2{})",
        "noise": "noise(0.1)",
    }[entry.name]
    for phase in PHASES if "{}" in call else ("",):
        layer = call.format(phase)
        middle = f"add(id | conv(8) {layer})" if entry.name == "droppath" else layer
        found = losses("data fashion-mini\ntrain adam(3e-3)", f"conv(8) bn relu {middle} maxpool(2) flatten linear(2)")
        assert all(math.isfinite(loss) for loss in found)
        assert found[-1] < found[0] * 0.8


@pytest.mark.holds("evalbatch")
def test_the_size_of_an_evaluation_changes_nothing() -> None:
    texts = [f"data fashion-mini valid(25%)\ntrain adam(3e-3) evalbatch({n})" for n in (5, 1000)]
    assert losses(texts[0]) == losses(texts[1])


SHIPPED = "\n".join(p.read_text() for p in sorted(Path(REPO, "specs").rglob("*.arch")))


def test_what_the_lecture_needs_is_in_a_shipped_spec() -> None:
    """The rest is trained by above; these are what a reader looks for first."""
    for word in (
        "sgd",
        "adam",
        "adamw",
        "l2",
        "cosine",
        "onecycle",
        "smooth",
        "flip",
        "crop",
        "valid",
        "batch",
        "epochs",
    ):
        # A statement goes on in the lines that are indented.
        assert re.search(rf"(?m)^(data|train) (.|\n )*\b{word}\b", SHIPPED), word
