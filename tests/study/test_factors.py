"""Levels become holes in the right place of the base, and an arm is the spec that one would write by hand."""

from __future__ import annotations

import re

import pytest

from archdsl.api import load
from archdsl.errors import ArchError, Source, SpecError
from archdsl.expand.text import canonical_text
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.factors import added, factor, present
from archdsl.study.plan.file import study_of
from archdsl.study.plan.place import put
from archdsl.syntax.parse import parse

BASE = (
    "net conv(8) vgg[8x1, 16x1] +res +bn drop(0.3) gap linear(10)\ndata fashion-mini flip\ntrain adam(1e-3) epochs(2)"
)


def placed(levels: tuple[str, ...], name: str = "x", base: str = BASE) -> list[str]:
    return canonical_text(put(parse(Source("base", base)), factor(name, levels))).splitlines()


@pytest.mark.parametrize(
    ("name", "levels", "line", "text"),
    [
        ("res", ("+res",), 0, "net conv(8) vgg[8x1, 16x1] {res: +res | } +bn drop(0.3) gap linear(10)"),
        (
            "n",
            ("+bn", "+ln", "+gn(8)", "none"),
            0,
            "net conv(8) vgg[8x1, 16x1] +res {n: +bn | +ln | +gn(8) | } drop(0.3) gap linear(10)",
        ),
        ("se", ("+se",), 0, "net conv(8) vgg[8x1, 16x1] +res +bn {se: +se | } drop(0.3) gap linear(10)"),
        ("d", ("drop(0.5)", "none"), 0, "net conv(8) vgg[8x1, 16x1] +res +bn {d: drop(0.5) | } gap linear(10)"),
        (
            "s",
            ("spatial(0.2)",),
            0,
            "net conv(8) vgg[8x1, 16x1] +res +bn drop(0.3) {s: spatial(0.2) | } gap linear(10)",
        ),
        ("net", ("conv(4) gap linear(10)", "mlp[64]"), 0, "net {net: conv(4) gap linear(10) | mlp[64]}"),
        ("flip", ("flip",), 1, "data fashion-mini {flip: flip | }"),
        ("m", ("mixup(0.2)",), 1, "data fashion-mini flip {m: mixup(0.2) | }"),
        ("o", ("sgd(0.1)", "adam(1e-3)"), 2, "train {o: sgd(0.1) | adam(1e-3)} epochs(2)"),
        ("w", ("train wd(1e-3)", "off"), 2, "train adam(1e-3) epochs(2) {w: wd(1e-3) | }"),
    ],
)
def test_where_a_factor_stands(name: str, levels: tuple[str, ...], line: int, text: str) -> None:
    assert placed(levels, name)[line] == text


def test_arguments_of_a_word_and_values_of_a_let() -> None:
    study = study_of(
        "base: |\n  let p = 0.1\n  net conv(8) drop(p) gap linear(10)\n  data fashion-mini\n"
        "factors: {train.epochs: [1, 3], let.p: [0.1, 0.3]}\ndesign: full\n"
    )
    found = arms_of(study)
    assert [dict(a.choice) for a in found.arms] == [
        {"train.epochs": e, "let.p": p} for e in ("1", "3") for p in ("0.1", "0.3")
    ]
    assert "drop(p)" in found.arms[1].spec.canonical
    assert "let p = 0.3" in found.arms[1].spec.canonical


def test_an_arm_is_the_spec_that_one_would_write() -> None:
    study = study_of(
        f"base: |\n  {BASE.replace(chr(10), chr(10) + '  ')}\nfactors: {{res: +res, norm: [+bn, +ln, none]}}\n"
    )
    found = {a.name: a.spec.hash for a in arms_of(study).arms}
    assert found == {
        "base": load(BASE).hash,
        "−res": load(BASE.replace("+res ", "")).hash,
        "norm=+ln": load(BASE.replace("+bn", "+ln")).hash,
        "−norm": load(BASE.replace("+bn ", "")).hash,
    }


def test_a_word_of_the_data_is_no_layer_of_the_net() -> None:
    base = "net conv(8) gap linear(10)\ndata fashion-mini noise(0.1)\ntrain adam(1e-3)"
    lines = placed(("net noise(0.2)",), base=base)
    assert lines[0] == "net conv(8) {x: noise(0.2) | } gap linear(10)"
    assert lines[1] == "data fashion-mini noise(0.1)"


def test_modifiers_inside_lets_and_groups_vary_together() -> None:
    base = "let block = (conv(8) conv(8)) +bn\nnet block*2 (conv(8) +bn) gap linear(10)\ndata fashion-mini"
    assert "\n".join(placed(("+bn",), "n", base)).count("{n: +bn | }") == 2


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (("+bn", "+bn"), "two different levels"),
        (("none",), "two different levels"),
        (("drop(0.3", "late)"), "open bracket"),
        (("+bn", "mixup(0.2)"), "different statements"),
        (("+bn", "conv(8)"), "mixes modifiers and layers"),
        (("cutout(8)",), "is a word of"),
    ],
)
def test_levels_that_say_nothing(levels: tuple[str, ...], words: str) -> None:
    with pytest.raises(ArchError, match=words):
        placed(levels)


def test_where_no_place_is_right_a_hole_is_asked_for() -> None:
    with pytest.raises(ArchError, match="put a hole there") as error:
        placed(("+se",), "se", "net conv(8) conv(8) gap linear(10)\ndata fashion-mini")
    assert "{se: +se | }" in error.value.help


def test_what_is_taken_out_and_put_in() -> None:
    file = parse(Source("base", BASE))
    assert present(file, "res").levels == ("+res", "")
    assert present(file, "data.flip").levels == ("data flip", "")
    assert present(file, "drop").levels == ("drop(0.3)", "")
    assert added("+se").levels == ("", "+se")
    assert added("mixup(0.2)").name == "mixup"
    with pytest.raises(ArchError, match="has no `rse`") as error:
        present(file, "rse")
    assert "res" in error.value.help


def test_forms_of_one_ingredient_vary_together() -> None:
    base = "let stem = conv(8) bn relu\nnet stem vgg[8x1] +bn drop(0.1) conv(8) drop(0.2) gap linear(10)\ndata fashion-mini"
    file = parse(Source("b", base))
    assert present(file, "bn").levels == ("bn & +bn", "")
    assert present(file, "drop").levels == ("drop(0.1) & drop(0.2)", "")
    both = put(put(file, present(file, "bn")), present(file, "drop"))
    assert canonical_text(both).splitlines()[:2] == [
        "let stem = conv(8) {bn: bn | } relu",
        "net stem vgg[8x1] {bn: +bn | } {drop: drop(0.1) | } conv(8) {drop: drop(0.2) | } gap linear(10)",
    ]
    study = study_of("base: |\n  " + base.replace("\n", "\n  ") + "\nfactors: {norm: [bn & +bn, ln & +ln, none]}\n")
    found = {a.name: a.spec.hash for a in arms_of(study).arms}
    assert found["norm=ln & +ln"] == load(base.replace("+bn", "+ln").replace(" bn ", " ln ")).hash
    assert found["−norm"] == load(base.replace(" +bn", "").replace(" bn ", " ")).hash
    assert len(found) == 3


@pytest.mark.parametrize(
    ("levels", "words"), [(("bn & +bn", "+ln"), "different numbers"), (("bn & +gn", ""), "has no `.gn`")]
)
def test_forms_that_do_not_stand_in_the_base(levels: tuple[str, ...], words: str) -> None:
    with pytest.raises(ArchError, match=words):
        placed(levels, base="net conv(8) bn vgg[8x1] +bn gap linear(10)\ndata fashion-mini")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("flatten linear(10)", "factor `rse`: unknown modifier `+rse`"),
        ("vgg[8x1] gap linear(10)", "unknown modifier `+rse`"),
    ],
)
def test_an_unknown_modifier_is_called_so(base: str, message: str) -> None:
    study = study_of(f"base: |\n  net {base}\n  data fashion-mini\nfactors: {{rse: +rse}}\n")
    with pytest.raises((ArchError, SpecError), match=re.escape(message)):
        arms_of(study)
