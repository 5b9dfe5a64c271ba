"""What is refused of a study before anything trains, and what counts once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archdsl.cli.main import main
from archdsl.errors import ArchError, SpecError
from archdsl.expand.metrics import metric_of
from archdsl.runs.writer import RunFolder
from archdsl.study.execute.messages import RunResult
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.checks import study_findings
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found, planned
from archdsl.study.report.tables import notes, table
from archdsl.study.report.verdict import verdict
from archdsl.study.results.results import Results, results
from archdsl.study.stats import holm
from tests.cli.folders import finished
from tests.study.conftest import metrics_as_written

BASE = """base: |
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
seeds: 6
"""
VALIDATED = [m for m in metrics_as_written() if metric_of(m).needs_validation]


@pytest.mark.parametrize("metric", VALIDATED)
def test_a_metric_that_no_arm_has_is_refused(metric: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("ablate", "report"):
        for more in ((), ("--dry-run",)):
            if command == "ablate" or not more:
                assert main([command, "tiny.arch", "--metric", metric, *more]) == 2
                said = capsys.readouterr()
                assert f"the metric {metric} needs validation images, and no arm sets any aside" in said.err
                assert "add valid(10%)" in said.err
                assert not said.out
    assert not (place / "runs").exists()
    (place / "s.yaml").write_text(BASE + f"metric: {metric}\n")
    assert main(["check", "s.yaml"]) == 2
    said = capsys.readouterr()
    assert f"the metric {metric} needs validation images" in said.out
    assert "s.yaml:6:1" in said.out


def test_a_metric_that_some_arms_lack_names_them() -> None:
    text = BASE + "factors: {v: [data valid(10%), none]}\nmetric: valid_loss\n"
    with pytest.raises(ArchError, match=r"the arms? `.*−v.*` do(es)? not set any aside"):
        planned(study_of(text))
    assert planned(study_of(text.replace("valid_loss", "test_loss")))


def test_every_arm_that_cannot_be_trained_is_told_once() -> None:
    text = BASE + "factors:\n  stop: [none, train patience(3)]\n  big: [none, data subset(90000)]\ndesign: full\n"
    with pytest.raises(SpecError) as error:
        planned(study_of(text.replace(" subset(64)", "")))
    said = [d.message for d in error.value.diagnostics]
    assert len(said) == len(set(said)) == 2
    assert "of 8 arms cannot be trained" in str(error.value)
    assert "first in the arm `" in str(error.value)


def test_a_word_without_effect_is_a_note_of_the_study() -> None:
    text = BASE + "factors: {opt: [train muon(0.02), none]}\n"
    found, _ = planned(study_of(text.replace("sgd(0.05) ", "")))
    (note,) = [n for n in found.notes if "muon" in n]
    assert "has no weight to work on" in note
    assert "−opt" not in note
    (finding,) = study_findings(text.replace("sgd(0.05) ", ""), Path("s.yaml"))
    assert finding.severity == "warning"


def test_an_editor_looks_at_few_arms_and_fetches_nothing(tmp_path: Path) -> None:
    wrong = BASE + "factors: {stop: [none, train patience(3)]}\n"
    assert study_findings(wrong, tmp_path / "s.yaml", edited=True)
    levels = ", ".join(f"train wd(1e-{n})" for n in range(1, 70))
    many = BASE + f"factors:\n  stop: [none, train patience(3)]\n  w: [{levels}]\n"
    assert study_findings(many, tmp_path / "s.yaml", edited=True) == ()
    zoo = wrong.replace("batch(32)", 'batch(32) init("torchvision:resnet18")')
    assert study_findings(zoo, tmp_path / "s.yaml", edited=True) == ()


@pytest.mark.parametrize(
    ("where", "words", "help"),
    [
        ("inti", "unknown factor or word `inti`", "did you mean `init`"),
        ("nrom", "unknown factor or word `nrom`", "did you mean `norm`"),
        ("not (-init and freeze)", "`-init` is the name of a change", "write `not init`"),
        ("not −norm", "`−norm` is the name of a change", "write `not norm`"),
        ("norm = bnn", "the factor `norm` has no level `bnn`", "did you mean `bn`"),
        ("norm != ln8", "the factor `norm` has no level `ln8`", "its levels are `bn`, `none`"),
        ("bn(zero)", "unknown factor or word `bn(zero)`", ""),
        ("parms < 1M", "unknown column `parms`", "did you mean `params`"),
    ],
)
def test_a_name_in_a_condition_that_nothing_has(
    where: str, words: str, help: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ArchError) as error:
        arms_of(study_of(BASE + f'where: "{where}"\n'))
    assert words in error.value.message
    assert help in error.value.help
    for command in (["ablate", "tiny.arch", "--dry-run"], ["report", "tiny.arch"], ["params", "tiny.arch"]):
        assert main([*command, "--where", where]) == 2
        assert words in capsys.readouterr().err


def test_names_that_are_known_stay_so() -> None:
    for where in ("norm", "bn", "relu and conv", "not (res and mixup)", "norm = bn or patience"):
        arms_of(study_of(BASE + f'where: "{where}"\n'))
    for where in ("not norm", "norm = none"):
        arms_of(study_of(BASE + f'baseline: {{norm: none}}\nwhere: "{where}"\n'))
    lets = BASE.replace("base: |\n", "base: |\n  let block = conv(4)\n").replace("gap linear", "block gap linear")
    assert len(arms_of(study_of(lets + "where: block\n")).arms) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "train.epochs=1) adam(1"),
        ("--set", "train.epochs=1) wd(1e-3"),
        ("--set", "data.subset=9) flip(0.5"),
        ("--set", "train.adam=on) wd(1"),
        ("--data", "cifar10 flip"),
        ("--data", "cifar10 flip(0.5) crop"),
        ("--data", "flip"),
        ("--input", "3x32x32 4"),
        ("--input", "3x32x32 conv(4)"),
        ("--set", "input=3x32x32 4"),
        ("--set", "classes=10 11"),
    ],
)
def test_a_setting_is_one_value(arguments: tuple[str, str], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params", "net conv(4) gap linear(classes)\ndata fashion-mini\ntrain adam epochs(2)", *arguments]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "one value" in said.err or "is not a data set" in said.err
    option, _, value = arguments[0], None, arguments[1]
    if option == "--set":
        key, _, text = value.partition("=")
        (place / "s.yaml").write_text(BASE + f"set: {{{key}: '{text}'}}\n")
        assert main(["check", "s.yaml"]) == 2
        assert "more than one value" in capsys.readouterr().out


def made(text: str, values: dict[str, list[float]]) -> Results:
    """The results of a study whose arms have these values of the metric, seed by seed."""
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {
        c.key: Found("finished", {study.metric: values[arms.arms[c.arm].name][c.seed]}, {})
        for c in every
        if arms.arms[c.arm].name in values
    }
    return results("t", study.metric, arms, study.seeds, every, found)


def test_two_arms_that_are_one_experiment_count_once() -> None:
    text = BASE + "factors:\n  lr: [train.sgd(0.05), 0.1, 0.10]\n"
    text = BASE.replace("{norm: bn | } ", "").replace(
        "sgd(0.05)", "{lr: sgd(0.05) | sgd(0.1) | sgd(0.10) | sgd(0.05, 0.9) | sgd(0.2)}"
    )
    low, high = [0.5, 0.51, 0.52, 0.53, 0.54, 0.55], [0.61, 0.63, 0.64, 0.66, 0.68, 0.69]
    names = [a.name for a in arms_of(study_of(text)).arms]
    found = made(text, dict(zip(names, (low, high, high, low, low), strict=True)))
    assert [a.twin for a in found.arms] == ["", "", names[1], names[0], ""]
    alone = holm([found.arms[1].comparison.p, found.arms[4].comparison.p])  # type: ignore[union-attr]
    assert [found.arms[n].verdict.p_symmetric for n in (1, 4)] == alone  # type: ignore[union-attr]
    assert found.arms[2].verdict == found.arms[1].verdict
    assert found.arms[3].comparison is None
    assert found.arms[3].verdict is None
    assert len(found.compared) == 2
    assert f"“{names[1]}” (+12.67 points" in verdict(found)
    assert table(found).rows[2][5:] == table(found).rows[1][5:]
    assert "over 2 comparisons" in " ".join(notes(replace(found, seeds=(0, 1))))


def test_machines_get_numbers_and_people_words() -> None:
    text = BASE.replace("{norm: bn | }", "{n: bn | }").replace("sgd(0.05)", "sgd({lr: 0.05 | 0.1})")
    names = [a.name for a in arms_of(study_of(text)).arms]
    found = made(text, dict.fromkeys(names, [0.5] * 6))
    people, machines = table(found), table(found, people=False)
    assert people.rows[0][:4] == ("base", "bn", "0.05", None)
    assert table(found, columns=["runs"]).rows[0] == ("base", "6/6")
    assert machines.rows[0][:5] == ("base", "bn", 0.05, 6, 6)
    assert [c.id for c in machines.columns[:5]] == ["arm", "factor n", "factor lr", "finished", "runs"]


@pytest.mark.parametrize(
    ("status", "becomes", "words"),
    [
        ("finished", "failed", "ended as `finished`, and its result could not be stored"),
        ("diverged", "failed", "ended as `diverged`, and its result could not be stored"),
        ("oom", "oom", "said"),
        ("timeout", "timeout", "said"),
        ("failed", "failed", "said"),
        ("interrupted", "interrupted", "said"),
        ("strange", "failed", "said"),
    ],
)
def test_an_outcome_that_could_not_be_stored_keeps_its_kind(status: str, becomes: str, words: str, place: Path) -> None:
    arms = arms_of(study_of(BASE))
    every = cells(arms, [0])
    runner = StudyRunner(arms, every, place / "runs")

    class Engine:
        def run(self, requests: object) -> object:
            yield RunResult(every[0].key, status, "said")

    runner.carry_out(Engine(), [every[0]])  # type: ignore[arg-type]
    found = runner.found[every[0].key]
    assert found.status == becomes
    assert words in found.message


def test_a_run_whose_data_changed_is_foreign_and_not_lost(place: Path) -> None:
    arms = arms_of(study_of(BASE))
    every = cells(arms, [0])
    runner = StudyRunner(arms, every, place / "runs")
    folder = RunFolder.open(place / "runs", every[0].experiment)
    folder.describe("cpu", {}, {})
    changed = {**finished(), "data_changed": "the data of x has changed"}
    folder.finish({"w": torch.zeros(1)}, changed)
    folder.close()

    class Engine:
        def run(self, requests: object) -> object:
            yield RunResult(every[0].key, "finished", figures=changed)

    runner.carry_out(Engine(), [every[0]])  # type: ignore[arg-type]
    found = runner.found[every[0].key]
    assert (found.status, found.message) == ("foreign", "the data of x has changed; --again trains it again")


def test_old_names_of_metrics_are_read_with_a_note(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for old in ("accuracy", "loss"):
        assert main(["ablate", "tiny.arch", "--metric", old, "--dry-run"]) == 0
        assert f"the metric `{old}` is that of training, and is called `train_{old}` now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("base: net conv(8) relu gap linear(10)\nfactors: {w: [1,2]}\n", ["2:15", "2:17"]),
        ("base: net conv(8) relu gap linear(10)\nfactors:\n  w:\n  - '1'\n  - relu 1 1\n", ["4:6", "5:10", "5:12"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {w: [conv(12) bad, conv(12)]}\n", ["2:24"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {v: [relu, bad], w: [train bad, none]}\n", ["2:37", "2:21"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {net: [conv(8) gap linear(10), bad gap]}\n", ["2:41"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {train.sgd: [0.1, train]}\n", ["2:28"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {v: [relu, id], w: [+bad, none]}\n", ["2:26"]),
        ("base: net conv(8) relu gap linear(10)\nfactors: {w: 1..2}\n", ["2:14", "2:14"]),
        ("base: net conv(8) relu gap linear(10)\npresets:\n  more: {factors: {w: [1, relu]}}\n", ["3:24"]),
    ],
)
def test_a_level_is_shown_where_the_file_has_it(text: str, places: list[str]) -> None:
    """And not where the same text stands before, such as the `1` of `linear(10)`."""
    found = study_findings(text + "data: fashion-mini\n", Path("s.yaml"))
    assert [str(d.span).removeprefix("s.yaml:") for d in found if d.severity == "error"] == places


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("set: {train.sgd: 0.1, nonsense: 1e-2}", "s.yaml:5:23 `set: {nonsense: 1e-2}` sets nothing"),
        ("factors: {a: relu}\ndesign: half", "s.yaml:6:1 unknown design `half`"),
        ("factors: {a: relu}\nlabels: {b: c}", "s.yaml:6:1 `labels`: `b` is of no factor of the study"),
        ("metric: test_loss\nsame: 1%", "s.yaml:6:7 `same: 1%` is a difference of fractions"),
    ],
)
def test_a_complaint_of_a_file_names_its_key(text: str, said: str) -> None:
    base = (
        "base: |\n  net conv(4, s=4) relu gap linear(10)\n  data fashion-mini subset(64)\n  train sgd(0.05) epochs(2)\n"
    )
    found = study_findings(base + text + "\n", Path("s.yaml"))
    assert f"{found[0].span} {found[0].message}".startswith(said)
