"""Arms of studies: conditions, equal budgets, baselines, wrong ones."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import ArchError, SpecError
from archdsl.expand.text import canonical_text
from archdsl.study.plan.arms import TOTALS, Arms, arms_of
from archdsl.study.plan.file import study_of
from archdsl.study.plan.match import match
from archdsl.study.plan.where import condition

BASE = "base: |\n  net vgg[8x1, 16x1] {norm: +bn | +ln | } {res: +res | }\n  data fashion-mini\n"


def arms(more: str = "", base: str = BASE) -> Arms:
    return arms_of(study_of(base + more))


def names(found: Arms) -> list[str]:
    return [a.name for a in found.arms]


def test_a_space_is_a_grid_and_its_first_arm_the_reference() -> None:
    assert names(arms()) == ["base", "−res", "norm=+ln", "norm=+ln, −res", "−norm", "−norm, −res"]
    assert names(arms("design: one-out\n")) == ["base", "norm=+ln", "−norm", "−res"]
    assert names(arms("design: one-in\n")) == ["base", "+bn", "+ln", "+res"]


def test_conditions_leave_arms_out() -> None:
    assert names(arms("where: not (+ln and +res)\n")) == ["base", "−res", "norm=+ln, −res", "−norm", "−norm, −res"]
    found = arms("where: [norm = +bn or res = none, params < 10k]\n")
    assert names(found) == ["base", "−res", "norm=+ln, −res", "−norm, −res"]
    assert found.left_out == 2


def test_another_reference() -> None:
    found = arms("baseline: {norm: none, res: none}\n")
    assert names(found)[0] == "−norm, −res"
    assert found.reference.choice == {"norm": "", "res": ""}
    assert sorted(names(found)) == sorted(names(arms()))  # `base` is the base, whatever is compared with
    assert next(a.choice for a in found.arms if a.name == "base") == {"norm": "+bn", "res": "+res"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("where: params < 1\n", "no arm of the study is left"),
        ("where: not +bn\n", "is excluded by `where`"),
        ("baseline: {norn: none}\n", "unknown factor `norn`"),
        (
            "design: one-out\nbaseline: {norm: +ln, res: none}\n",
            "the design `one-out` has no arm with norm +ln, res none",
        ),
        ("baseline: {norm: +ln}\nwhere: not norm = +ln\n", "is excluded by `where`"),
        ("baseline: {norm: +gn}\n", "no level `+gn`"),
    ],
)
def test_studies_without_an_arm_to_compare_with(more: str, words: str) -> None:
    with pytest.raises(ArchError) as error:
        arms(more)
    assert words in str(error.value)


def test_wrong_arms_are_told_with_their_place_before_anything_runs() -> None:
    with pytest.raises(SpecError) as error:
        arms(base="base: |\n  net {conv(8) | maxpool(99) | conv(8)} gap linear(10)\n  data fashion-mini\n")
    assert "maxpool(99)" in str(error.value)
    assert "1 of 3 arms are not valid networks" in str(error.value)


def test_twins_are_noted() -> None:
    found = arms(base="base: |\n  net conv(8) {x: relu | (relu)} gap linear(10)\n  data fashion-mini\n")
    assert any("are the same experiment" in note for note in found.notes)


def test_several_bases_are_a_factor() -> None:
    found = arms_of(study_of("base: {a: 'conv(4) gap linear(10)', b: 'conv(8) gap linear(10)'}\ndata: fashion-mini\n"))
    assert [dict(a.choice) for a in found.arms] == [{"base": "a"}, {"base": "b"}]
    assert names(found) == ["a", "b"]


@pytest.mark.parametrize("quantity", ["params", "macs"])
def test_equal_budgets(quantity: str) -> None:
    plain, matched = (
        arms(base=BASE.replace("8x1, 16x1", "32x2, 64x2")),
        arms(f"match: {quantity}\n", BASE.replace("8x1, 16x1", "32x2, 64x2")),
    )
    target = plain.reference.totals[quantity]
    assert matched.reference.spec.hash == plain.reference.spec.hash
    assert any(a.totals[quantity] != target for a in plain.arms)
    for arm in matched.arms[1:]:
        assert arm.matched is not None
        assert arm.totals[quantity] == pytest.approx(target, rel=0.03)
        assert arm.spec.classes == 10
        assert f"(wanted {target:,})" in str(arm.matched)


@pytest.mark.parametrize(
    ("net", "kept"),
    [
        ("conv(16, k=4x5) relu conv(32, k=3x9) relu gap linear(10)", ["k=4x5", "k=3x9"]),
        ("conv(16, s=2x2) avgpool(4x2) resize(9x9) conv(32) gap linear(10)", ["s=2x2", "avgpool(4x2)", "resize(9x9)"]),
        ("vgg[16x2(k=3x1), 32x2^1]", ["x2(k=3x1)"]),
    ],
)
def test_equal_budgets_change_widths_alone(net: str, kept: list[str]) -> None:
    """A window, a stride and the size of an image are written like a stage, and are none."""
    spec = arms(base=f"base: '{net}'\ndata: fashion-mini\n").reference.spec
    found, how = match(spec, "params", 2 * spec.cost.params)
    assert how.after == pytest.approx(how.target, rel=0.03)
    for text in kept:
        assert text in canonical_text(found.file)


def test_a_budget_out_of_reach_is_said() -> None:
    with pytest.raises(ArchError, match="no width gives this arm"):
        arms_of(
            study_of(
                "base: |\n  net {a: gap linear(10) | conv(64) conv(64) gap linear(10)}\n  data fashion-mini\nmatch: params\n"
            )
        )


FACTORS, NUMBERS = (
    {"norm": ("+bn", "+ln", "gn(8)", ""), "res": ("+res", "")},
    {"params": 1500, "macs": 2_000_000, "flops": 1, "layers": 3, "depth": 2, "activations": 9},
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("params < 1.5k", False),
        ("params <= 1.5k", True),
        ("macs=2M and depth>1", True),
        ("not params>1k or res", False),
        ("norm", True),
        ("res", False),
        ("norm = +bn", True),
        ("norm != +bn", False),
        ("res = none", True),
        ("bn and conv", True),
        ("(norm or res) and not ln", True),
        ("norm=gn(8)", False),
        ("MACs > 1M", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    test = condition(text, TOTALS, FACTORS)
    assert test(NUMBERS, {"norm": "+bn", "res": ""}, frozenset({"bn", "conv"})) is holds


@pytest.mark.parametrize(
    "text", ["", "params", "params <", "params < x", "norm < +bn", "(norm", "norm)", "and", "parms < 1", "not"]
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ArchError):
        condition(text, TOTALS, FACTORS)


@given(st.text(alphabet="params<>=!()andornt 1.5kM+é\n", max_size=40))
def test_conditions_raise_nothing_else(text: str) -> None:
    with suppress(ArchError):
        condition(text, TOTALS, FACTORS)(NUMBERS, {"norm": "", "res": ""}, frozenset())


DATA = "\ndata: fashion-mini\n"
NAMES = {
    "arguments": (
        "base: conv(4)\nfactors: {train.wd: [none, 1e-4], data.valid: [none, 10%], train.epochs: [1, 3]}\n",
        ["base", "wd=1e-4", "valid=10%", "epochs=3"],
    ),
    "put in": (
        "base: conv(4)\nfactors: {mix: [none, mixup(0.2)], ema: [none, train ema(0.9)], act: [none, relu]}\n",
        ["base", "+mixup(0.2)", "+ema(0.9)", "+relu"],
    ),
    "a stage list": ("base: 'vgg[4x{1..2}^{1..2}]'\n", ["base", "stages=2", "repeats=2", "repeats=2, stages=2"]),
    "there or not": ("base: 'vgg[4x1] {+bn | }'\n", ["base", "−bn"]),
    "alternatives": ("base: 'vgg[4x1] {+bn | +ln | }'\n", ["base", "+bn → +ln", "−bn"]),
    "arguments left open": (
        "base: 'conv({4 | 8}) conv(4, k={3 | 5}) drop({0.1 | 0.2})'\ndesign: one-out\n",
        ["base", "conv=8", "k=5", "drop=0.2"],
    ),
    "one name twice": ("base: 'conv({4 | 8}) relu conv({4 | 8})'\ndesign: one-out\n", ["base", "conv=8", "conv 2=8"]),
    "a let": ("base: |\n  let p = {0.1 | 0.3}\n  net conv(4) drop(p)\n", ["base", "p=0.3"]),
    "one level of two factors": (
        "base: 'conv(4) {a: relu | } {b: relu | }'\ndesign: one-in\n",
        ["base", "+relu (a=relu, b=none)", "+relu (a=none, b=relu)"],
    ),
    "bases": (
        "base: [resnet20, plain20]\nfactors: {train.epochs: [1, 3]}\ndesign: grid\n",
        ["resnet20", "resnet20, epochs=3", "plain20", "plain20, epochs=3"],
    ),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_say_what_differs(kind: str) -> None:
    text, expected = NAMES[kind]
    found = names(arms(base=text + DATA))
    assert found == expected
    assert len(set(found)) == len(found)


def test_runs_do_not_depend_on_what_arms_are_called() -> None:
    """A hole with a name and one without are the same experiments."""
    bare, named = (arms(base=f"base: 'vgg[4x1] {hole}'{DATA}") for hole in ("{+bn | }", "{norm: +bn | }"))
    assert [a.spec.hash for a in bare.arms] == [a.spec.hash for a in named.arms]
    assert names(named) == ["base", "−norm"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            "{drop: | drop(50%)}",
            "the factor `drop` has the levels none, `drop(30%)` in the base `small` and none, `drop(50%)`",
        ),
        ("{drop: | drop(30%)} {act: relu | gelu}", "the base `large` has the hole `act`, which the base `small` lacks"),
    ],
)
def test_a_hole_has_the_same_levels_in_every_base(second: str, message: str) -> None:
    head = "net flatten linear({}) relu {} linear(10)\ndata fashion-mini\n"
    base = (("small", head.format(8, "{drop: | drop(30%)}")), ("large", head.format(64, second)))
    with pytest.raises(ArchError, match=re.escape(message)):
        arms_of(replace(study_of("base: lenet5\ndesign: grid\n"), base=base))


def test_a_let_holds_what_differs_between_bases() -> None:
    head = "let p = {}\nnet flatten linear({}) relu {{drop: | drop(p)}} linear(10)\ndata fashion-mini\n"
    base = (("small", head.format("30%", 8)), ("large", head.format("50%", 64)))
    arms = arms_of(replace(study_of("base: lenet5\ndesign: grid\n"), base=base))
    assert [a.name for a in arms.arms] == ["small", "small, +drop(p)", "large", "large, +drop(p)"]
