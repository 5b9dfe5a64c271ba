"""`tune`: equal budgets, selection on validation images, curves with bands."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from archdsl.errors import ArchError, SpecError
from archdsl.study.execute.execution import Execution, ExecutionOptions
from archdsl.study.execute.stages import prepared
from archdsl.study.plan.checks import study_findings
from archdsl.study.plan.file import StudyFile, read_study, study_of
from archdsl.study.plan.plan import Found, planned
from archdsl.study.plan.tune import FIRST_SEED, Range, Tune
from archdsl.study.plan.tuning import TuningPlan, tuning_plan
from archdsl.study.results.tuning import Tuning, tuning_of
from archdsl.study.stats.tuning_curve import band, envelopes, expected_best, joint
from tests.conftest import Cli

BASE = """\
base: |
  let rate = 0.05
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(200) valid(50%)
  train sgd(rate) epochs(1) batch(50)
"""
TUNED = BASE + "seeds: 2\ntune:\n  runs: 3\n  rate: log(1e-3..1)\n  train.wd: [none, 1e-4]\n"


def study(text: str) -> StudyFile:
    return study_of(text, "s.yaml")


def plan_of(text: str) -> TuningPlan:
    chosen = study(text)
    arms, every = planned(chosen)
    assert chosen.tune is not None
    return tuning_plan(chosen, chosen.tune, arms, every)


@pytest.fixture(scope="module")
def plan() -> TuningPlan:
    return plan_of(TUNED.replace("runs: 3", "runs: 5"))


# -- the file and the draws -------------------------------------------------------------------------------


def test_a_study_file_has_it_and_is_written_with_it(tmp_path: Path) -> None:
    chosen = study(TUNED)
    assert chosen.tune is not None
    assert [(r.name, r.text) for r in chosen.tune.ranges] == [("rate", "log(1e-3..1)"), ("train.wd", ("none", "1e-4"))]
    from archdsl.study.execute.select import folder_of, standalone

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
        ("log(1e-3..1)", "log(1..1e-3)", "s.yaml:9:3: `tune`: the range `log(1..1e-3)` of `rate` has no values", "smaller"),
        ("log(1e-3..1)", "log(0..1)", "the range `log(0..1)` of `rate` has no values", "log(1e-4..1e-1)"),
        ("log(1e-3..1)", "lin(1%..2)", "the range `lin(1%..2)` of `rate` has no values", ""),
        ("[none, 1e-4]", "[1e-4, 1e-4]", "s.yaml:10:3: `tune`: `train.wd` needs two different levels", "log(1e-4..1e-1)"),
        ("[none, 1e-4]", "{a: b}", "s.yaml:10:13: one value is expected here", ""),
    ],
)  # fmt: skip
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
        ("log(4..64)", 4, 64, True), ("lin(0..0.5)", 0, 0.5, False), ("log(1e-4..1e-1)", 1e-4, 1e-1, False),
        ("lin(10%..90%)", 0.1, 0.9, False),
    ],
)  # fmt: skip
def test_values_of_a_range(text: str, low: float, high: float, whole: bool) -> None:
    tune = study(BASE + f"tune: {{runs: 2, rate: '{text}'}}\n").tune
    assert tune is not None
    from archdsl.study.plan.levels import number

    for n in range(100):
        value = tune.ranges[0].at(n / 100)
        assert low <= (number(value) or 0) <= high
        assert value.isdecimal() == whole or value == "0"
        assert value.endswith("%") == ("%" in text)


def test_the_end_of_a_range() -> None:
    rate = Range("rate", "", geometric=True, ends=("1e-4", "1e-1"))
    assert [rate.end(v) for v in ("1.2e-4", "3e-3", "0.09", "1", "none")] == ["lower", "", "upper", "", ""]
    levels = Range("width", "", ("4", "8", "16"))
    assert [levels.end(v) for v in ("4", "8", "16")] == ["lower", "", "upper"]
    assert Range("wd", "", ("", "1e-4", "1e-3", "1e-2")).end("1e-2") == "upper"
    assert Range("norm", "", ("+bn", "+ln", "")).end("+bn") == ""
    assert Range("two", "", ("1", "2")).end("1") == ""


# -- the plan ---------------------------------------------------------------------------------------------


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
        (TUNED.replace(" valid(50%)", ""), "s.yaml:9:3: `tune` selects by valid_accuracy, and the arm `base` sets no validation"),
        (TUNED.replace("rate: log", "speed: log"), "s.yaml:9:3: `tune`: the arm `base` has no `let speed`"),
        (TUNED.replace("{norm: bn | }", "bn").replace("sgd(rate)", "{opt: sgd(rate) | adam(rate)}")
         .replace("rate: log", "train.lion: log"), "the arms `base` and `opt=adam(rate)` differ in nothing but what `tune` sets"),
        (TUNED.replace("seeds: 2", "seeds: [1, 1000000]"), "the seed 1000000 of the study is one of the tuning runs"),
        (TUNED.replace("epochs(1)", "epochs(1) {start: | init(arm base)}"), "begins with the weights of another arm"),
    ],
)  # fmt: skip
def test_what_cannot_be_tuned(text: str, message: str) -> None:
    with pytest.raises(ArchError) as refused:
        plan_of(text)
    assert message in refused.value.message
    assert refused.value.help


def test_too_many_settings_are_refused_before_any_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.limits import Limits

    monkeypatch.setattr(Limits, "STUDY", 5)
    with pytest.raises(ArchError, match="`tune` asks for 6 settings with 1 seeds each, more than 5 settings"):
        plan_of(TUNED)


def test_a_check_shows_the_line() -> None:
    text = TUNED.replace(" valid(50%)", "")
    (finding,) = study_findings(text, Path("s.yaml"))
    assert finding.span is not None
    assert finding.span.text == "rate"
    with pytest.raises(SpecError):
        plan_of(TUNED.replace("train.wd: [none, 1e-4]", "train.wd: [none, -3]"))
    assert not study_findings(TUNED, Path("s.yaml"))


# -- selection --------------------------------------------------------------------------------------------


class Blind(Mapping[str, Any]):
    """Figures of a run that nobody may read the test figures of."""

    def __init__(self, **figures: float) -> None:
        self.figures = figures

    def __getitem__(self, key: str) -> Any:
        assert not key.startswith("test"), f"{key} was read"
        return self.figures[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)


def found_of(plan: TuningPlan, score: Callable[[int, int], float | str]) -> dict[str, Found]:
    """What the store would have: the validation accuracy of each arm's setting, or how its run ended."""
    numbers = [(arm, n) for arm, own in enumerate(plan.settings) for n in range(len(own))]
    found = {}
    for cell in plan.cells:
        value = score(*numbers[cell.arm])
        found[cell.key] = (
            Found(value, {}, {}, own=value in ("diverged", "failed"))  # type: ignore[arg-type]
            if isinstance(value, str)
            else Found("finished", Blind(valid_accuracy=value, train_accuracy=value, test_accuracy=1 - value), {})
        )
    return found


def selected(plan: TuningPlan, score: Callable[[int, int], float | str]) -> Tuning:
    return tuning_of(plan, found_of(plan, score))


def test_the_best_is_selected_and_the_earlier_of_equal_ones(plan: TuningPlan) -> None:
    scores = ((0.5, 0.7, 0.7, 0.6, 0.2), (0.8, 0.7, 0.6, 0.5, 0.8))
    outcome = selected(plan, lambda arm, n: scores[arm][n])
    assert outcome.picks == (1, 0)
    assert [t.score for t in outcome.arms[0].trials] == list(scores[0])


def test_settings_that_diverge_or_do_not_train_lose(plan: TuningPlan) -> None:
    scores = (("diverged", 0.05, "failed", 0.4, "oom"), ("diverged", "failed", 0.05, 0.08, "timeout"))
    outcome = selected(plan, lambda arm, n: scores[arm][n])
    assert outcome.picks == (3, 3)
    assert outcome.arms[0].lost == {"diverged": 1, "did not train": 1, "failed": 1, "oom": 1}
    assert outcome.arms[0].trials[1].score is None
    assert outcome.arms[1].trials[3].score == 0.08
    assert selected(plan, lambda arm, n: "diverged").picks == (0, 0)


@pytest.mark.parametrize("status", ["missing", "interrupted", "running", "foreign"])
def test_nothing_is_selected_before_every_run_has_ended(plan: TuningPlan, status: str) -> None:
    outcome = selected(plan, lambda arm, n: status if (arm, n) == (1, 4) else 0.5)
    assert outcome.picks is None
    assert (outcome.ended, outcome.planned) == (9, 10)
    assert all(arm.pick is None and not arm.curve for arm in outcome.arms)


def test_a_score_is_the_mean_over_the_tuning_seeds() -> None:
    plan = plan_of(TUNED.replace("runs: 3", "runs: 2\n  seeds: 2"))
    assert [c.seed for c in plan.cells[:2]] == [FIRST_SEED, FIRST_SEED + 1]
    found = found_of(plan, lambda arm, n: 0.5)
    by_seed = {FIRST_SEED: 0.9, FIRST_SEED + 1: 0.3}
    for cell in plan.cells[:2]:
        found[cell.key] = Found("finished", Blind(valid_accuracy=by_seed[cell.seed], train_accuracy=0.9), {})
    assert tuning_of(plan, found).arms[0].trials[0].score == pytest.approx(0.6)
    found[plan.cells[0].key] = Found("diverged", {}, {}, own=True)
    assert tuning_of(plan, found).picks == (1, 0)


# -- curves -----------------------------------------------------------------------------------------------


def test_the_expectation_is_the_mean_over_all_sets_of_draws() -> None:
    scores = [0.3, 0.1, 0.7, 0.7, 0.5, 0.2]
    for k, value in enumerate(expected_best(scores), 1):
        best = [max(some) for some in combinations(scores, k)]
        assert value == pytest.approx(fsum(best) / len(best), rel=1e-12)


def test_the_curve_of_an_arm_begins_with_its_own_setting(plan: TuningPlan) -> None:
    scores = (0.4, 0.6, 0.2, "diverged", 0.5)
    outcome = selected(plan, lambda arm, n: scores[n])
    curve = outcome.arms[0].curve
    assert [p.runs for p in curve] == [1, 2, 3, 4, 5]
    assert (curve[0].expected, curve[0].low, curve[0].high) == (0.4, 0.4, 0.4)
    draws = [0.6, 0.2, 0.1, 0.5]  # a run that diverged counts as chance
    for point in curve[1:]:
        best = [max(0.4, *some) for some in combinations(draws, point.runs - 1)]
        assert point.expected == pytest.approx(fsum(best) / len(best))
        assert point.low is not None
        assert point.high is not None
        assert 0.4 <= point.low <= point.expected <= point.high <= 1
    assert curve[-1].expected == 0.6


def test_a_curve_over_every_setting_has_no_band() -> None:
    plan = plan_of(TUNED.replace("rate: log(1e-3..1)", "rate: [0.05, 0.1]").replace("runs: 3", "runs: 12"))
    curve = selected(plan, lambda arm, n: 0.2 + 0.1 * n).arms[0].curve
    assert [p.low for p in curve] == [pytest.approx(0.2), None, None, None]
    assert curve[-1].expected == pytest.approx(0.5)


def test_the_joint_level_is_that_of_simulated_draws() -> None:
    low, high = (0.05, 0.1, 0.3, 0.5), (0.5, 0.75, 0.9, 0.97)
    random_ = random.Random(1)

    def inside() -> bool:
        draws = sorted(random_.random() for _ in low)
        return all(a <= u <= b for a, u, b in zip(low, draws, high, strict=True))

    assert joint(low, high) == pytest.approx(sum(inside() for _ in range(20_000)) / 20_000, abs=0.015)
    assert joint((0.0, 0.0), (1 - 1e-12, 1 - 1e-12)) == pytest.approx(1)
    assert joint((0.5,), (0.75,)) == pytest.approx(0.25)
    assert joint((0.2, 0.6), (0.1, 0.7)) == 0
    for n in (1, 2, 7):
        assert 0.95 <= joint(*envelopes(n)) < 0.951


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_the_band_holds_the_whole_curve_as_often_as_it_says(power: float) -> None:
    """Scores U^power, of which the largest of k has the mean k / (k + power)."""
    random_, n, times = random.Random(7), 11, 600
    truth = [k / (k + power) for k in range(1, n + 1)]

    def holds() -> bool:
        ends = band([random_.random() ** power for _ in range(n)], 0.0, 1.0)
        return all(low <= value <= high for (low, high), value in zip(ends, truth, strict=True))

    held = sum(holds() for _ in range(times)) / times
    assert held >= 0.95 - 3 * (0.95 * 0.05 / times) ** 0.5


# -- on the command line ----------------------------------------------------------------------------------

COMMAND = ("ablate", "s.yaml", "--jobs", "1", "--format", "json")


@pytest.fixture
def tuned(place: Path) -> Path:
    (place / "s.yaml").write_text(TUNED)
    return place


def test_a_study_that_is_killed_while_it_tunes_ends_as_one_that_was_not(cli: Cli, here: Cli, tuned: Path) -> None:
    before = here("ablate", "s.yaml", "--dry-run", cwd=tuned)
    assert "6 of 6 tuning runs are missing; about" in before.stdout
    assert not (tuned / "runs").exists()
    process = subprocess.Popen(
        [sys.executable, "-m", "archdsl", *COMMAND, "--register"],
        cwd=tuned,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(list(tuned.glob("runs/*/result.json"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in tuned.glob("runs/*/result.json")}
    assert 2 <= len(kept) < 6
    half = json.loads(here("report", "s.yaml", "--format", "json", cwd=tuned).stdout)
    assert f"tuning: {len(kept)} of 6 runs have ended; the arms are compared once all have" in half["notes"]
    resumed = cli(*COMMAND, cwd=tuned)
    assert resumed.returncode == 0, resumed.stderr
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    whole = cli(*COMMAND, "--runs", "other", cwd=tuned)
    one, other = (json.loads(done.stdout) for done in (resumed, whole))
    assert any(n.startswith("registered on") and n.endswith("without departures") for n in one["notes"])
    assert [n for n in one.pop("notes") if not n.startswith("registered")] == other.pop("notes")
    assert one == other
    assert [row["tuning_settings"] for row in one["arms"]] == [3, 3]
    results = list(tuned.glob("runs/*/result.json"))
    assert len(results) == 10

    # A report trains nothing, and reads no test figure of a tuning run.
    tables = here("report", "s.yaml", "--tuning", "--format", "csv", cwd=tuned).stdout
    for path in results:
        run = json.loads(path.read_text())
        if json.loads((path.parent / "settings.json").read_text())["train"]["seed"] >= FIRST_SEED:
            path.write_text(json.dumps({**run, "test_accuracy": 0.001, "test_loss": 99.0}))
    again = here("report", "s.yaml", "--tuning", "--format", "csv", cwd=tuned)
    assert again.stdout == tables
    assert "<h2>Tuning</h2>" in next(tuned.glob("runs/studies/*/report.html")).read_text()
    assert "6 of 6" not in here("ablate", "s.yaml", "--dry-run", cwd=tuned).stdout
    with_words = here("report", "s.yaml", cwd=tuned).stdout
    assert "selected by valid accuracy, and compared with other seeds" in with_words
    # With more runs the first ones are found again.
    (tuned / "s.yaml").write_text(TUNED.replace("runs: 3", "runs: 4"))
    assert "2 of 8 tuning runs are missing" in here("ablate", "s.yaml", "--dry-run", cwd=tuned).stdout


def test_runs_that_a_machine_lost_are_named_and_waited_for(tmp_path: Path) -> None:
    chosen, runner = prepared(study(TUNED), tmp_path)
    assert runner.tuning is not None
    assert runner.waits
    first = runner.tuning.plan.cells[0]
    lost = Found("failed", {}, {}, message="no space left\non the disk")
    after = runner.tuning.after({first.key: lost})
    assert after.tuning is not None
    assert after.tuning.outcome.notes == ("tuning run `base: own setting, seed 1000000`: failed: no space left",)
    execution = Execution(chosen, after, ExecutionOptions())
    assert execution.todo
    assert not execution.needed
    assert runner.again().tuning == runner.tuning


def test_a_study_without_it_has_no_such_table(here: Cli, place: Path) -> None:
    (place / "s.yaml").write_text(BASE + "seeds: 2\n")
    refused = here("report", "s.yaml", "--tuning", cwd=place)
    assert refused.returncode == 2
    assert "the study tunes nothing" in refused.stderr
