"""`tune` of a study file: what it may say, the draws, and the settings of each arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.errors import ArchError, SpecError
from archdsl.limits import Limits
from archdsl.study.execute.select import folder_of, standalone
from archdsl.study.plan.checks import study_findings
from archdsl.study.plan.file import read_study
from archdsl.study.plan.levels import number
from archdsl.study.plan.tune import FIRST_SEED, Range, Tune
from archdsl.study.plan.tuning import TuningPlan

from .tuned import BASE, TUNED, plan_of, study


@pytest.fixture(scope="module")
def plan() -> TuningPlan:
    return plan_of(TUNED.replace("runs: 3", "runs: 5"))


def test_a_study_file_has_it_and_is_written_with_it(tmp_path: Path) -> None:
    chosen = study(TUNED)
    assert chosen.tune is not None
    assert [(r.name, r.text) for r in chosen.tune.ranges] == [("rate", "log(1e-3..1)"), ("train.wd", ("none", "1e-4"))]
    again = study(standalone(chosen))
    assert again.tune == chosen.tune
    plain = study(BASE + "seeds: 2\n")
    assert folder_of(chosen, tmp_path) != folder_of(plain, tmp_path)
    assert study(TUNED + "presets:\n  plain: {tune: none}\n").tune == chosen.tune
    (tmp_path / "s.yaml").write_text(TUNED + "presets:\n  plain: {tune: none}\n")
    assert read_study(tmp_path / "s.yaml", "plain").tune is None


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("  runs: 3\n", "", "s.yaml:8:3: `tune` does not say how many runs each arm gets", "runs: 12"),
        ("runs: 3", "runs: 1", "s.yaml:8:9: `runs` of `tune` is a number from 2 to 256", ""),
        ("runs: 3", "runs: 3\n  seeds: 0", "`seeds` of `tune` is a number from 1 to 100", ""),
        ("  train.wd: [none, 1e-4]\n", "  rate: [1, 2]\n", "s.yaml:10:3: the key `rate` is given twice", ""),
        ("train.wd: [none", "train.wdd: [none", "s.yaml:10:3: `tune`: there is no train word `wdd`", "`wd`"),
        ("train.wd: [none", "train.seed: [1", "s.yaml:10:3: `tune`: `train.seed` cannot be tuned", "seeds: 2"),
        ("train.wd: [none, 1e-4]", "data.valid: [10%, 20%]", "`data.valid` cannot be tuned", "in the base"),
        ("train.wd: [none, 1e-4]", "data.cifar10: [on, off]", "`data.cifar10` cannot be tuned", "a factor"),
        ("train.wd: [none, 1e-4]", "evaluate.mc: [2, 3]", "`evaluate.mc` is not a setting", "train.adam"),
        (
            "log(1e-3..1)",
            "log(1..1e-3)",
            "s.yaml:9:3: `tune`: the range `log(1..1e-3)` of `rate` has no values",
            "smaller",
        ),
        ("log(1e-3..1)", "log(0..1)", "the range `log(0..1)` of `rate` has no values", "log(1e-4..1e-1)"),
        ("log(1e-3..1)", "lin(1%..2)", "the range `lin(1%..2)` of `rate` has no values", ""),
        (
            "[none, 1e-4]",
            "[1e-4, 1e-4]",
            "s.yaml:10:3: `tune`: `train.wd` needs two different levels",
            "log(1e-4..1e-1)",
        ),
        ("[none, 1e-4]", "{a: b}", "s.yaml:10:13: one value is expected here", ""),
    ],
)
def test_what_a_file_cannot_have(old: str, new: str, message: str, remedy: str) -> None:
    assert old in TUNED
    with pytest.raises(ArchError) as refused:
        study(TUNED.replace(old, new))
    assert message in refused.value.message
    assert remedy in refused.value.help


def test_a_tune_that_is_not_one() -> None:
    for value, message in (("12", "`key: value` lines are expected here"), ("{runs: 4}", "`tune` names no setting")):
        with pytest.raises(ArchError, match=message):
            study(BASE + f"tune: {value}\n")


def test_draws_depend_on_nothing_but_names_and_begin_alike() -> None:
    few, many = (study(TUNED.replace("runs: 3", f"runs: {n}")).tune for n in (4, 40))
    assert few is not None
    assert many is not None
    assert many.draws()[:4] == few.draws()
    assert [d["rate"] for d in few.draws()] == [d["rate"] for d in Tune(4, few.ranges[:1]).draws()]
    values = [float(d["rate"]) for d in many.draws()]
    assert all(1e-3 <= v <= 1 and v == float(f"{v:.3g}") for v in values)
    assert 10 < sum(v < 10**-1.5 for v in values) < 30
    assert len({tuple(d.values()) for d in many.draws()}) == 40


@pytest.mark.parametrize(
    ("text", "low", "high", "whole"),
    [
        ("log(4..64)", 4, 64, True),
        ("lin(0..0.5)", 0, 0.5, False),
        ("log(1e-4..1e-1)", 1e-4, 1e-1, False),
        ("lin(10%..90%)", 0.1, 0.9, False),
    ],
)
def test_values_of_a_range(text: str, low: float, high: float, whole: bool) -> None:
    tune = study(BASE + f"tune: {{runs: 2, rate: '{text}'}}\n").tune
    assert tune is not None
    for n in range(100):
        value = tune.ranges[0].at(n / 100)
        assert low <= (number(value) or 0) <= high
        assert value.isdecimal() == whole or value == "0"
        assert value.endswith("%") == ("%" in text)


def test_a_value_that_is_rounded_beyond_an_end_is_that_end() -> None:
    """Three digits of 0.12355 are more than the upper end, which is nearer than the lower one."""
    rate = Range("rate", "", ends=("0.01234", "0.1236"))
    assert rate.at(0.9999) == "0.1236"
    assert rate.at(0.0) == "0.01234"
    percent = Range("x", "", ends=("1.234%", "12.36%"))
    assert (percent.at(0.0), percent.at(0.9999)) == ("1.234%", "12.36%")


def test_the_end_of_a_range() -> None:
    rate = Range("rate", "", geometric=True, ends=("1e-4", "1e-1"))
    assert [rate.end(v) for v in ("1.2e-4", "3e-3", "0.09", "1", "none")] == ["lower", "", "upper", "", ""]
    levels = Range("width", "", ("4", "8", "16"))
    assert [levels.end(v) for v in ("4", "8", "16")] == ["lower", "", "upper"]
    assert Range("wd", "", ("", "1e-4", "1e-3", "1e-2")).end("1e-2") == "upper"
    assert Range("norm", "", ("+bn", "+ln", "")).end("+bn") == ""
    assert Range("two", "", ("1", "2")).end("1") == ""


def test_every_arm_gets_equally_many_settings_and_the_same_draws(plan: TuningPlan) -> None:
    assert [len(own) for own in plan.settings] == [5, 5]
    first, second = plan.settings
    assert dict(first[0]) == {"rate": "0.05", "train.wd": ""}
    assert first[1:] == second[1:] == tuple(plan.tune.draws()[:4])
    assert [c.seed for c in plan.cells] == [FIRST_SEED] * 10
    assert len({c.key for c in plan.cells}) == 10
    tuned, cells = plan.selected((0, 2))
    assert tuned.arms[0].spec.hash == plan.untuned.arms[0].spec.hash
    assert f"let rate = {second[2]['rate']}" in tuned.arms[1].spec.canonical
    assert {c.seed for c in cells} == {0, 1}
    assert [a.name for a in tuned.arms] == [a.name for a in plan.untuned.arms]


def test_a_draw_that_is_an_arms_own_setting_is_not_tried_twice() -> None:
    found = plan_of(TUNED.replace("rate: log(1e-3..1)", "rate: [0.05, 0.1, 0.2]"))
    assert [len(own) for own in found.settings] == [3, 3]
    texts = [arm.spec.canonical for arm in found.arms.arms]
    assert len(set(texts)) == 6


def test_fewer_settings_than_runs_are_all_tried_once() -> None:
    found = plan_of(TUNED.replace("rate: log(1e-3..1)", "rate: [0.05, 0.1]").replace("runs: 3", "runs: 12"))
    assert [len(own) for own in found.settings] == [4, 4]
    assert found.notes == ("`tune` asks for 12 runs of each arm, and there are 4 settings: each is tried once",)


def test_words_of_net_and_data_are_tuned_as_well() -> None:
    found = plan_of(
        BASE + "tune:\n  runs: 6\n  drop: ['drop(0.1)', none]\n  data.flip: [on, none]\n  let.rate: lin(0.1..0.2)\n"
    )
    assert {"drop" in a.spec.canonical for a in found.arms.arms} == {True, False}
    assert {"flip" in a.spec.canonical for a in found.arms.arms} == {True, False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TUNED.replace(" valid(50%)", ""),
            "s.yaml:9:3: `tune` selects by valid_accuracy, and the arm `base` sets no validation",
        ),
        (TUNED.replace("rate: log", "speed: log"), "s.yaml:9:3: `tune`: the arm `base` has no `let speed`"),
        (
            TUNED.replace("{norm: bn | }", "bn")
            .replace("sgd(rate)", "{opt: sgd(rate) | adam(rate)}")
            .replace("rate: log", "train.lion: log"),
            "the arms `base` and `opt=adam(rate)` differ in nothing but what `tune` sets",
        ),
        (TUNED.replace("seeds: 2", "seeds: [1, 1000000]"), "the seed 1000000 of the study is one of the tuning runs"),
        (TUNED.replace("epochs(1)", "epochs(1) {start: | init(arm base)}"), "begins with the weights of another arm"),
    ],
)
def test_what_cannot_be_tuned(text: str, message: str) -> None:
    with pytest.raises(ArchError) as refused:
        plan_of(text)
    assert message in refused.value.message
    assert refused.value.help


def test_too_many_settings_are_refused_before_any_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "STUDY", 5)
    with pytest.raises(ArchError, match="`tune` asks for 6 settings with 1 seed each, more than 5 settings"):
        plan_of(TUNED)


def test_a_check_shows_the_line() -> None:
    text = TUNED.replace(" valid(50%)", "")
    (finding,) = study_findings(text, Path("s.yaml"))
    assert finding.span is not None
    assert finding.span.text == "rate"
    with pytest.raises(SpecError):
        plan_of(TUNED.replace("train.wd: [none, 1e-4]", "train.wd: [none, -3]"))
    assert not study_findings(TUNED, Path("s.yaml"))
