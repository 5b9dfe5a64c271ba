"""Fits: curves through several sizes, their intervals, and a size that is held out."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit as reference
from scipy.stats import t

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.report.text import records
from archdsl.study.execute.select import folder_of, standalone
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.file import study_of
from archdsl.study.plan.fits import Fit, parse_fit
from archdsl.study.plan.fitted import fit_lines
from archdsl.study.plan.plan import Found, planned
from archdsl.study.report.fit_table import table
from archdsl.study.report.html import html
from archdsl.study.report.notes import notes
from archdsl.study.results.results import Results, results
from archdsl.study.stats.curve_fit import Runs, fit_curve

TEXT = """study: scaling
base: |
  let w = 4
  net conv(w, s=4) bn relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
factors: {w: [4, 8, 16, 32, 64]}
seeds: 4
"""


def runs(curve: Callable[[float], float], xs: list[float], seeds: int = 5, sd: float = 0.0, case: int = 0) -> Runs:
    random_ = random.Random(case)
    return tuple((x, tuple((s, curve(x) * (1 + random_.gauss(0, sd))) for s in range(seeds))) for x in xs)


def made(more: str, curve: Callable[[float, int], float | None], text: str = TEXT) -> Results:
    """A study whose runs have this test loss, by parameters and seed; None for a run that diverged."""
    study = study_of(text + more)
    arms, every = planned(study)
    found = {}
    for cell in every:
        loss = curve(arms.arms[cell.arm].totals["params"], cell.seed)
        figures = {"test_accuracy": 0.5, "test_loss": loss}
        found[cell.key] = Found("finished", figures, {}) if loss is not None else Found("diverged", {}, {}, own=True)
    return results(
        "scaling",
        study.metric,
        arms,
        study.seeds,
        every,
        found,
        None,
        study.more,
        claimed_pairs(study, arms),
        fit_lines(study, arms, every),
    )


@pytest.mark.parametrize(
    ("kind", "log", "curve", "expected"),
    [
        ("power", False, lambda x: 5 * x**-0.4 + 0.3, {"a": 5, "b": 0.4, "c": 0.3}),
        ("power", False, lambda x: 5 * x**-0.4, {"a": 5, "b": 0.4, "c": 0}),
        ("power", False, lambda x: 0.9 - 0.6 * x**-0.5, {"a": -0.6, "b": 0.5, "c": 0.9}),
        ("linear", False, lambda x: 2 - 0.01 * x, {"a": 2, "b": -0.01}),
        ("linear", True, lambda x: 2 - 0.1 * math.log(x), {"a": 2, "b": -0.1}),
        ("logistic", True, lambda x: 0.9 / (1 + math.exp(-1.5 * (math.log(x) - 2))), {"c": 0.9, "k": 1.5, "m": 2}),
        ("logistic", False, lambda x: 0.9 / (1 + math.exp(0.05 * (x - 60))), {"c": 0.9, "k": -0.05, "m": 60}),
    ],
)
def test_exact_curves_are_found_again(
    kind: str, log: bool, curve: Callable[[float], float], expected: dict[str, float]
) -> None:
    fitted = fit_curve(
        kind, log, runs(curve, [2.0, 5.0, 10.0, 40.0, 100.0]), (300.0, ((0, curve(300)), (1, curve(300))))
    )
    assert {k: e.value for k, e in fitted.coefficients.items()} == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert fitted.held is not None
    assert fitted.held.value == pytest.approx(curve(300), rel=1e-5)
    assert fitted.curve[-1][0] == pytest.approx(300)


def test_a_noisy_power_law_is_that_of_scipy() -> None:
    data = runs(lambda x: 5 * x**-0.4 + 0.3, [1e3, 1e4, 1e5, 1e6, 1e7], 5, 0.03)
    fitted = fit_curve("power", False, data)
    x = np.array([x for x, row in data for _ in row])
    y = np.array([v for _, row in data for _, v in row])
    means = np.repeat([np.mean([v for _, v in row]) for _, row in data], 5)
    own, _ = reference(
        lambda x, a, b, c: a * x**-b + c, x, y, (3, 0.3, 0.1), sigma=means, bounds=([-99, 0, 0], [99, 8, 9])
    )
    assert [e.value for e in fitted.coefficients.values()] == pytest.approx(own, rel=1e-3)


def test_the_interval_of_a_straight_line_is_about_that_of_t() -> None:
    """Seeds with a level of their own: the intercept varies as a mean of five values does."""
    levels = [random.Random(s).gauss(0, 0.1) for s in range(5)]
    data = tuple((float(x), tuple((s, 2 + 0.5 * x + levels[s]) for s in range(5))) for x in range(1, 6))
    fitted = fit_curve("linear", False, data)
    half = t.ppf(0.975, 4) * np.std(levels, ddof=1) / math.sqrt(5)
    a, b = fitted.coefficients["a"], fitted.coefficients["b"]
    assert a.low is not None
    assert a.high is not None
    assert (a.high - a.low) / 2 == pytest.approx(half, rel=0.12)
    assert b.high is not None
    assert b.high - b.value < 1e-6


@pytest.mark.slow
def test_a_prediction_holds_as_often_as_its_interval_says() -> None:
    held = 0
    for case in range(20):
        random_ = random.Random(case)
        curve = lambda x: 5 * x**-0.4 + 0.3  # noqa: E731
        data = runs(curve, [10.0, 30.0, 100.0, 300.0], 5, 0.02, case)
        last = (1000.0, tuple((s, curve(1000) * (1 + random_.gauss(0, 0.02) + 0.01)) for s in range(5)))
        held += bool(fit_curve("power", False, data, last).holds)
    assert held >= 16
    steps = runs(lambda x: 5 * x**-0.4 + 0.3, [10.0, 30.0, 100.0, 300.0], 5, 0.005)
    assert fit_curve("power", False, steps, (1000.0, tuple((s, 0.9 + 0.001 * s) for s in range(5)))).holds is False


def test_one_seed_has_no_interval_and_missing_seeds_are_left_out() -> None:
    one = fit_curve("linear", False, runs(lambda x: x, [1.0, 2.0, 3.0], 1), (4.0, ((0, 4.0),)))
    assert one.coefficients["b"].low is None
    assert one.holds is None
    ragged = tuple((x, row[: 2 + n]) for n, (x, row) in enumerate(runs(lambda x: x, [1.0, 2.0, 3.0, 4.0], 5, 0.01)))
    assert fit_curve("linear", False, ragged).coefficients["b"].value == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("text", "words", "remedy"),
    [
        ("power(params, test_loss)", "another form", "power(params -> test_loss)"),
        ("cubic(params -> test_loss)", "there is no `cubic`", "one of power"),
        ("power(log params -> test_loss)", "not supported", "linear"),
        ("power(params -> tset_loss)", "unknown metric", "test_loss"),
        ("power(param -> test_loss)", "unknown size `param`", "did you mean `params`?"),
        ("linear(norm -> test_loss)", "unknown size `norm`", "one of w, params"),
        ("linear(params -> valid_loss)", "needs validation images", "valid(10%)"),
    ],
)
def test_what_is_refused_before_anything_runs(text: str, words: str, remedy: str) -> None:
    with pytest.raises(ArchError) as error:
        planned(study_of(TEXT + f"fit: {text}\n"))
    assert words in str(error.value)
    assert remedy in error.value.help


def test_too_few_sizes_are_refused_with_the_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = TEXT.replace("[4, 8, 16, 32, 64]", "[4, 8, 16]") + "fit: power(params -> test_loss)\n"
    with pytest.raises(ArchError, match="has 3 coefficients and needs 4 sizes; there are 3"):
        planned(study_of(few))
    with pytest.raises(ArchError, match="needs 5 sizes, one of which is held out; there are 4"):
        planned(
            study_of(
                TEXT.replace("[4, 8, 16, 32, 64]", "[4, 8, 16, 32]") + "fit: power(w -> test_loss)\nholdout: largest\n"
            )
        )
    (place / "s.yaml").write_text(few)
    assert main(["check", "s.yaml"]) == 2
    assert "s.yaml:9:1" in capsys.readouterr().out
    with pytest.raises(ArchError, match="has the value 0"):
        planned(
            study_of(
                TEXT.replace("w: [4, 8, 16, 32, 64]", "train.wd: [0, 0.1, 0.2, 0.3, 0.4]")
                + "fit: power(train.wd -> test_loss)\n"
            )
        )


def test_a_fit_has_a_line_for_each_choice_that_x_does_not_depend_on() -> None:
    text = TEXT.replace("conv(w, s=4) bn", "conv(w, s=4) {norm: bn | }") + "design: grid\n"
    study = study_of(text + "fit: linear(w -> test_loss)\n")
    lines = fit_lines(study, *planned(study))
    assert [line.name for line in lines] == ["norm=bn", "norm=none"]
    assert [list(line.arms) for line in lines] == [[4, 8, 16, 32, 64]] * 2
    both = study_of(text + "fit: linear(params -> test_loss)\n")
    assert len(fit_lines(both, *planned(both))) == 1  # a norm has parameters, so x depends on it


def test_arms_of_one_size_all_count() -> None:
    """Of two arms with the same depth the curve, and the mean at the held-out size, have the runs of both."""
    text = """study: depths
base: |
  net vgg[16x{layers: 1 | 2 | 3}^{blocks: 1 | 2 | 3}]
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
design: grid
seeds: 3
fit: linear(depth -> test_loss)
holdout: largest
"""
    study = study_of(text)
    arms, every = planned(study)
    (line,) = fit_lines(study, arms, every)
    held = max(line.arms)
    assert sorted(map(len, line.arms.values())) == [1, 1, 1, 2, 2, 2]
    shift = {n: 0.2 * place for numbers in line.arms.values() for place, n in enumerate(numbers)}
    depth = {n: x for x, numbers in line.arms.items() for n in numbers}
    loss = {c.key: 3 - 0.1 * depth[c.arm] + shift[c.arm] + 0.01 * c.seed for c in every}
    found = {key: Found("finished", {"test_accuracy": 0.5, "test_loss": value}, {}) for key, value in loss.items()}
    (one,) = results("depths", study.metric, arms, study.seeds, every, found, fits=fit_lines(study, arms, every)).fitted
    assert one.fitted is not None
    points = [(depth[c.arm], loss[c.key]) for c in every]
    b, a = np.polyfit(*zip(*[(x, y) for x, y in points if x != held], strict=True), 1)
    assert {k: e.value for k, e in one.fitted.coefficients.items()} == pytest.approx({"a": a, "b": b})
    assert one.fitted.measured == pytest.approx(np.mean([y for x, y in points if x == held]))
    twice = tuple((x, (*row, *((s, v + 1) for s, v in row))) for x, row in runs(lambda x: x, [1.0, 2.0, 3.0]))
    held_out = (4.0, ((0, 4.0), (0, 6.0), (1, 5.0)))
    assert fit_curve("linear", False, twice, held_out).measured == pytest.approx(5)


def test_a_study_with_a_held_out_size() -> None:
    law = lambda n, s: 8 * n**-0.5 + 0.2 + random.Random(f"{n} {s}").gauss(0, 0.002)  # noqa: E731
    found = made("fit: power(params -> test_loss)\nholdout: largest\n", law)
    (one,) = found.fitted
    assert one.fitted is not None
    assert one.fitted.holds
    assert one.fitted.coefficients["b"].value == pytest.approx(0.5, abs=0.1)
    said = next(text for text in notes(found) if text.startswith("fit "))
    assert said.startswith("fit power(params -> test_loss): a·x^−b + c with a ")
    assert "at params 1,354 it predicts" in said
    assert said.endswith("and 4 runs gave 0.417: the prediction held")
    rows = records(table(found))
    assert [row["figure"] for row in rows] == ["a", "b", "c", "prediction"]
    assert rows[-1]["answer"] == "the prediction held"
    page = html(found, "archdsl ablate")
    assert "<h2>Fits</h2>" in page
    assert "the prediction held" in page
    broken = made("fit: power(params -> test_loss)\nholdout: largest\n", lambda n, s: 2.0 if n > 1000 else law(n, s))
    assert broken.fitted[0].fitted.holds is False  # type: ignore[union-attr]


def test_coefficients_that_the_sizes_do_not_determine_are_named() -> None:
    flat = made("fit: power(params -> test_loss)\n", lambda n, s: 2.0 + random.Random(f"{n} {s}").gauss(0, 0.05))
    (one,) = flat.fitted
    assert one.fitted is not None
    assert one.fitted.loose
    assert all(e.low is None or e.low >= 0 for k, e in one.fitted.coefficients.items() if k in "bc")
    assert "hardly determined by these sizes" in " ".join(notes(flat))


def test_runs_that_failed_are_left_out_and_too_few_are_said() -> None:
    found = made("fit: linear(w -> test_loss)\n", lambda n, s: None if n > 300 else 1.0 + 0.01 * s)
    (one,) = found.fitted
    assert one.fitted is None
    assert "2 of 5 sizes have a finished run, and 3 are needed" in one.why
    assert html(found, "x")


def test_a_fit_is_written_and_is_no_part_of_the_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(TEXT + "fit: logistic(log w -> test_accuracy)\nholdout: largest\n")
    assert study.fits == (Fit("logistic", "w", True, "test_accuracy"),)
    assert study.fits[0].formula == "c / (1 + exp(−k (log x − m)))"
    assert (parse_fit(study.fits[0].text), parse_fit("power( params → test_loss )").x) == (study.fits[0], "params")
    again = study_of(standalone(study))
    assert (again.fits, again.holdout) == (study.fits, True)
    assert folder_of(study, place) == folder_of(study_of(TEXT), place)
    (place / "s.yaml").write_text(TEXT + "fit: linear(w -> test_loss)\n")
    assert main(["report", "s.yaml", "--fits", "--format", "json"]) == 0
    assert "0 of 5 sizes" in json.loads(capsys.readouterr().out)["fits"][0]["answer"]
    (place / "s.yaml").write_text(TEXT)
    assert main(["report", "s.yaml", "--fits"]) == 2
    assert "fits nothing" in capsys.readouterr().err
