"""One experiment, one hash; and the unfolded text that means the same."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import archdsl
from archdsl.api import experiment_of, load
from archdsl.cli.commands.show import _graph
from archdsl.conditions import number as of_condition
from archdsl.errors import Source
from archdsl.files import specs
from archdsl.study.amounts import fraction as fraction_of
from archdsl.study.plan.levels import number
from archdsl.words.data.parts import amount_text

HEAD = "input 3x16x16\nclasses 10\n"
BASE = HEAD + "net conv(8) bn relu vgg[8x2, 16x2] +res +bn drop(0.3) gap linear(10)\ntrain adam(1e-3) epochs(3)"

SAME = {
    "spaces": BASE.replace("[8x2, 16x2]", "[8x2,16x2 ]").replace(" drop", "   drop"),
    "comments": "# a note\n" + BASE.replace("\ntrain", "  # one\n\ntrain"),
    "modifiers": BASE.replace("+res +bn", "+bn +res"),
    "percent": BASE.replace("0.3", "30%"),
    "defaults of layers": BASE.replace("net conv(8)", "net conv(8, k=3x3, s=1, p=1, groups=1)"),
    "defaults of training": BASE + " batch(128)",
    "layout": BASE.replace(" drop", "\n    drop"),
    "float": BASE.replace("1e-3", "0.001"),
    "let": BASE.replace("input", "let p = 0.3\nlet stem = conv(8) bn relu\ninput").replace("drop(0.3)", "drop(p)"),
    "block": BASE.replace("input", "let stem(c) = conv(c) bn relu\ninput").replace(
        "net conv(8) bn relu", "net stem(8)"
    ),
    "group": BASE.replace("conv(8) bn relu", "(conv(8) (bn) relu)"),
    "keywords": BASE.replace("conv(8)", "conv(out=8, s=1)"),
    "statements": "\n".join(reversed(BASE.split("\n"))),
    "words": BASE.replace("adam(1e-3) epochs(3)", "epochs(3) adam"),
    "classes": BASE.replace("linear(10)", "linear(classes)"),
    "head": BASE.replace(" gap linear(10)", ""),
    "bare": BASE.replace("net ", ""),
    "stages": BASE.replace("8x2, 16x2", "8x2^2"),
}

OTHER = {
    "width": BASE.replace("16x2", "16x3"),
    "rate": BASE.replace("0.3", "0.31"),
    "label": BASE.replace("conv(8)", "stem: conv(8)"),
    "group label": BASE.replace("conv(8) bn relu", "stem: (conv(8) bn relu)"),
    "input": BASE.replace("16x16", "17x17"),
    "train": BASE.replace("epochs(3)", "epochs(4)"),
    "modifier": BASE.replace(" +res", ""),
}


@pytest.mark.parametrize("how", SAME)
def test_spellings_of_one_experiment_have_one_hash(how: str) -> None:
    assert SAME[how] != BASE
    assert load(SAME[how]).hash == load(BASE).hash


@pytest.mark.parametrize("how", OTHER)
def test_another_experiment_has_another_hash(how: str) -> None:
    assert load(OTHER[how]).hash != load(BASE).hash


def test_unrolled_repeats_are_the_same() -> None:
    assert load(HEAD + "(conv(8) relu)*3").hash == load(HEAD + "conv(8) relu conv(8) relu conv(8) relu").hash


def test_which_value_is_read_counts_not_its_name() -> None:
    one = load(HEAD + "conv(8) as x relu add(conv(8) | id @x)").hash
    assert one == load(HEAD + "conv(8) as y relu add(conv(8) | @y)").hash
    assert one != load(HEAD + "conv(8) relu as x add(conv(8) | @x)").hash


def test_the_order_of_branches_counts() -> None:
    assert load(HEAD + "cat(conv(8) | conv(9))").hash != load(HEAD + "cat(conv(9) | conv(8))").hash


def test_augmentations_are_a_sequence_and_settings_are_not() -> None:
    one = "conv(8)\ndata fashion-mini valid(10%) flip crop(4)"
    assert load(one).hash == load(one.replace("fashion-mini valid(10%)", "valid(0.1) fashion-mini")).hash
    assert load(one).hash != load(one.replace("flip crop(4)", "crop(4) flip")).hash


@given(st.integers(1, 9999), st.integers(0, 4))
def test_a_percentage_is_the_fraction_that_it_names(digits: int, places: int) -> None:
    """99.99 % is the number 0.9999, wherever it is written, and is said as it is written."""
    percent = Decimal(digits).scaleb(-places)
    assume(percent < 100)
    text, fraction = f"{percent:f}%", f"{percent / 100:f}"
    one = "net conv(8) gap linear(10)\ndata fashion-mini valid({})"
    found = [load(one.format(value)) for value in (text, fraction)]
    assert found[0].hash == found[1].hash
    experiment = experiment_of(found[0], checked=False)
    assert experiment.data.valid is not None
    amount = experiment.data.valid.amount
    assert amount == number(text) == fraction_of(text) == of_condition(text) == float(fraction)
    assert amount_text(amount) == f"{percent.normalize():f}%"


def test_the_hash_is_the_same_in_every_process() -> None:
    code = f"from archdsl.api import load; print(load({BASE!r}).hash)"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "4711")
    }
    assert found == {load(BASE).hash}


WIRED = (
    "conv(8) res(conv(8) as x relu cat(id | @x) conv(8, 1))*2 ode(conv(8) relu conv(8)) "
    "conv(cin*2, groups=cin/2) ln(axis=[1, 2, 3])"
)


MINUS = "let h = 2\nlet k = 1\nlet low = - 1\nlet f(a, b=-k) = conv(8) slice(b) roll(-h, -a)\n" + HEAD + "net f(low)"


@pytest.mark.parametrize("text", [BASE, *OTHER.values(), HEAD + WIRED, MINUS])
def test_the_unfolded_text_is_the_same_experiment(text: str) -> None:
    spec = load(text)
    assert load(Source("<ir>", _graph(spec))).hash == spec.hash
    assert load(Source("<text>", spec.canonical)).hash == spec.hash


@pytest.mark.parametrize("name", [str(p) for p in specs()], ids=lambda p: p.rsplit("specs/", 1)[-1])
def test_shipped_specs_survive_unfolding(name: str) -> None:
    spec = load(name)
    if len(text := _graph(spec)) < 60_000:
        again = load(Source("<ir>", text))
        assert (again.hash, again.cost) == (spec.hash, spec.cost)
    assert load(Source(spec.name, spec.canonical)).hash == spec.hash


def test_a_train_word_of_later_leaves_hashes_as_they_are() -> None:
    """Only what differs from the defaults is hashed; changing this number makes every stored run another one."""
    text = "net conv(8) bn relu gap linear(classes)\ndata fashion-mini flip\ntrain {}\n"
    assert archdsl.load(text.format("sgd(0.1) epochs(3)")).hash == "2dda8fbd4dfbded7"
    same = {
        archdsl.load(text.format(t)).hash for t in ("adam", "adam(1e-3) epochs(10) batch(128)", "epochs(10)", "seed(0)")
    }
    assert len(same) == 1


@pytest.mark.parametrize(
    "net",
    ["a: (b: (conv(8) relu))", "(f: (conv(8) relu))*2", "u(8) u(16)", "(f: conv(3) res(conv(3)))*2", "u(3) again(f)"],
)
def test_labels_that_are_there_again_survive_unfolding(net: str) -> None:
    spec = load(f"{HEAD}let u(c) = f: conv(c) relu\nnet {net} gap linear(10)")
    again = load(Source("<ir>", _graph(spec)))
    assert (again.hash, again.cost) == (spec.hash, spec.cost)
