"""Fixed designs against an independent computation; amounts; registered plans; the options of a sequential study."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from archdsl.errors import ArchError
from archdsl.study.amounts import Budget, amount, budget, fraction
from archdsl.study.execute.select import SelectionOptions, decision_options, folder_of, select, standalone
from archdsl.study.plan.file import StudyFile, study_of
from archdsl.study.stats.verdicts import contradicted, fixed_verdicts, verdicts
from tests.study.conftest import Cli

BASE = "base: 'net conv(4, s=4) relu gap linear(10)\n\n  data fashion-mini subset(64)\n\n  train sgd(0.05) epochs(1)'\n"


@pytest.mark.parametrize("case", range(30))
def test_a_fixed_design_is_the_paired_t_test_with_holm(case: int) -> None:
    random_ = np.random.default_rng(case)
    m, n, alpha = int(random_.integers(1, 7)), int(random_.integers(2, 12)), float(random_.choice([0.01, 0.05, 0.2]))
    family = {str(k): list(random_.normal(random_.choice([0, 0.5, 2]), 1, n)) for k in range(m)}
    found = fixed_verdicts(family, alpha=alpha)
    ps = np.array([stats.ttest_1samp(d, 0).pvalue for d in family.values()])
    order = np.argsort(ps)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(ps[order] * (m - np.arange(m))))
    for (name, deltas), p in zip(family.items(), adjusted, strict=True):
        verdict = found[name]
        assert verdict.p == pytest.approx(p, rel=1e-9)
        low, high = stats.ttest_1samp(deltas, 0).confidence_interval(1 - alpha / m)
        excluded = not low <= 0 <= high
        assert verdict.low is not None and verdict.high is not None  # noqa: PT018
        if excluded or p > alpha:
            assert (verdict.low, verdict.high) == pytest.approx((low, high), rel=1e-9)
        # One method: decision, p and interval agree.
        assert (verdict.decision != "open") == (p <= alpha) == (not verdict.low < 0 < verdict.high)
        if verdict.decision != "open":
            assert (verdict.decision == "better") == (np.mean(deltas) > 0)


def test_same_is_inside_of_the_margin_and_a_difference_comes_first() -> None:
    small = [0.001, -0.001, 0.0005, -0.0004, 0.0001, 0.0]
    assert fixed_verdicts({"a": small}, same=0.01)["a"].decision == "same"
    assert fixed_verdicts({"a": small}, same=0.0001)["a"].decision == "open"
    assert fixed_verdicts({"a": [x + 0.5 for x in small]}, same=1.0)["a"].decision == "better"
    assert fixed_verdicts({"a": [0.1]}, same=1.0)["a"].decision == "open"  # one pair shows nothing
    assert fixed_verdicts({"a": [0.1, 0.1, 0.1]})["a"].decision == "better"  # no spread at all
    assert fixed_verdicts({"a": [0.0, 0.0, 0.0]})["a"].decision == "open"
    assert fixed_verdicts({"a": [0.1, 0.1]}, resolution=0.1)["a"].decision == "open"  # equal within a counted step
    with pytest.raises(ValueError, match="between 0 and 1"):
        fixed_verdicts({"a": small}, alpha=1.0)


def test_the_order_of_the_seeds_changes_nothing_in_a_fixed_design() -> None:
    random_ = random.Random(0)
    deltas = [random_.gauss(0.1, 1) for _ in range(9)]
    mixed = random_.sample(deltas, k=9)
    one, other = fixed_verdicts({"a": deltas})["a"], fixed_verdicts({"a": mixed})["a"]
    assert one.evidence.delta == other.evidence.delta
    assert one.p == pytest.approx(other.p, rel=1e-12)


def test_a_family_that_is_cut_at_zero_agrees_with_holm() -> None:
    """Holm rejects the second where Bonferroni's interval still holds 0: it is cut there."""
    random_ = np.random.default_rng(0)
    cut = 0
    for _ in range(2000):
        family = {"clear": list(random_.normal(9, 1, 6)), "near": list(random_.normal(1.2, 1, 6))}
        for found in (fixed_verdicts(family), verdicts(family)):
            verdict = found["near"]
            if verdict.low is None or verdict.high is None:
                continue
            cut += 0.0 in (verdict.low, verdict.high)
            assert (verdict.p <= 0.05) == (not verdict.low < 0 < verdict.high)
    assert cut > 20


@pytest.mark.parametrize(
    ("text", "value"), [("1%", 0.01), ("0.5 points", 0.005), ("1 point", 0.01), ("0.02", 0.02), (".5%", 0.005)]
)
def test_amounts(text: str, value: float) -> None:
    assert amount(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "0", "-1%", "1e12%", "1e", "much", "nan", "1 %%", "½"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ArchError, match="is not a difference"):
        amount(text)
    with pytest.raises(ArchError, match="is not between 0 and 1"):
        fraction(text or "1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("200runs", Budget(200)),
        ("1 run", Budget(1)),
        ("2h", Budget(seconds=7200)),
        ("30 min", Budget(seconds=1800)),
        ("90s", Budget(seconds=90)),
        ("1.5h", Budget(seconds=5400)),
        ("1day", Budget(seconds=86400)),
    ],
)
def test_budgets(text: str, found: Budget) -> None:
    assert budget(text) == found


@pytest.mark.parametrize("text", ["", "0h", "2", "1.5runs", "h", "2 weeks", "-1h", "1e10s"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ArchError, match="is not a budget"):
        budget(text)


@pytest.mark.parametrize(
    ("more", "seeds", "sequential"),
    [
        ("", 20, True),
        ("seeds: 5\n", 5, False),
        ("seeds: auto\n", 20, True),
        ("seeds: [3, 1]\n", 2, False),
        ("seeds: 5\nuntil: decided\n", 5, True),
        ("max_seeds: 40\n", 40, True),
        ("seeds: auto\nmax_seeds: 9\n", 9, True),
    ],
)
def test_a_study_that_states_no_number_of_seeds_is_sequential(more: str, seeds: int, sequential: bool) -> None:
    study = study_of(BASE + more)
    assert (len(study.seeds), study.sequential) == (seeds, sequential)
    again = study_of(standalone(study))
    assert (again.seeds, again.sequential, again.alpha, again.same) == (
        study.seeds,
        sequential,
        study.alpha,
        study.same,
    )
    assert folder_of(study, Path()) == folder_of(study_of(BASE + "seeds: 5\nalpha: 1%\nsame: 1%\n"), Path())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("seeds: 5\nmax_seeds: 9\n", "`max_seeds` is of sequential designs"),
        ("seeds: 5\nbudget: 2h\n", "`budget` is of sequential designs"),
        ("max_seeds: 1\n", "2 to 10,000"),
        ("alpha: 2\n", "between 0 and 1"),
        ("same: much\n", "not a difference"),
        ("budget: later\n", "not a budget"),
        ("failures: ignore\n", "chance"),
        ("until: tired\n", "decided"),
        ("seeds: some\n", "or `auto`"),
    ],
)
def test_contradictions_of_a_study_file_have_their_line(more: str, words: str) -> None:
    with pytest.raises(ArchError, match=r"<study>:\d+:\d+") as error:
        study_of(BASE + more)
    assert words in str(error.value) + error.value.help


def chosen(**options: object) -> StudyFile:
    return select("net conv(4, s=4) {norm: bn | } relu gap linear(10)\ndata fashion-mini", SelectionOptions(**options))  # type: ignore[arg-type]


def test_options_choose_the_design() -> None:
    assert chosen().sequential
    assert not chosen(seeds="5").sequential
    assert chosen(seeds="5", until="decided").sequential
    assert chosen(max_seeds=7).seeds == tuple(range(7))
    assert decision_options(chosen(same="0.5%", alpha="1%", budget="40runs")).max_runs == 40
    assert decision_options(chosen(same="0.5%", alpha="1%")).alpha == 0.01
    assert chosen(seeds=(3, 5, 7), until="decided", max_seeds=2).seeds == (3, 5)  # which were trained before
    for options, words in (
        (
            {"seeds": (3, 5, 7), "until": "decided", "max_seeds": 4},
            "--max-seeds 4, and the study has a list of 3 seeds",
        ),
        ({"seeds": "5", "max_seeds": 7}, "--max-seeds is of sequential designs"),
        ({"seeds": "0"}, "1 to 10,000"),
        ({"seeds": "many"}, "or auto"),
        ({"until": "tired"}, "decided"),
        ({"seeds": "5", "budget": "2h"}, "a budget is of sequential designs"),
        ({"failures": "no"}, "chance, exclude"),
        ({"alpha": "0"}, "between 0 and 1"),
        ({"same": "x"}, "not a difference"),
    ):
        with pytest.raises(ArchError, match=words):
            chosen(**options)


TINY = ("tiny.arch", "--max-seeds", "4", "--jobs", "1", "--format", "json")


def test_a_plan_is_registered_before_the_first_run_and_departures_are_named(place: Path, cli: Cli, here: Cli) -> None:
    done = cli("ablate", *TINY, "--register", cwd=place)
    assert "registered as " in done.stderr
    rows = json.loads(done.stdout)
    assert any(note.startswith("registered on ") and "without departures" in note for note in rows["notes"])
    assert [row["runs"] for row in rows["arms"]] == [4, 4]
    page = next((place / "runs" / "studies").glob("*/report.html")).read_text()
    assert "On this test set, and on new images" in page
    made = page[page.index("How it was made") :]
    typed, resolved = re.findall("<pre>(.*?)</pre>", made, re.DOTALL)[0].splitlines()
    assert typed == "archdsl ablate tiny.arch --max-seeds 4 --jobs 1 --format json --register"
    assert re.fullmatch(r"archdsl ablate runs/studies/tiny-[0-9a-f]{8}", resolved)
    assert page.index("registered on ") > page.index("How it was made")
    changed = here("report", "tiny.arch", "--max-seeds", "4", "--alpha", "10%", "--format", "json", cwd=place)
    assert any("departures: alpha 0.05 became 0.1" in note for note in json.loads(changed.stdout)["notes"])
    again = here("ablate", "tiny.arch", "--max-seeds", "6", "--register", cwd=place)
    assert again.returncode == 2
    assert "4 seeds became 6" in again.stderr
    plan = next((place / "runs" / "studies").glob("*/registered.json"))
    plan.write_text(plan.read_text().replace("0.05", "0.50"))
    broken = here("report", "tiny.arch", "--max-seeds", "4", cwd=place)
    assert broken.returncode == 2
    assert "was changed after the plan was registered" in broken.stderr
    plan.unlink()
    late = here("ablate", *TINY, "--register", cwd=place)
    assert late.returncode == 2
    assert "8 runs of the study are there already" in late.stderr


@pytest.mark.slow
def test_a_second_look_at_a_fixed_design_is_said(place: Path, cli: Cli, here: Cli) -> None:
    cli("ablate", "tiny.arch", "--seeds", "2", "--jobs", "1", cwd=place)
    more = cli("ablate", "tiny.arch", "--seeds", "3", "--jobs", "1", cwd=place)
    assert "looked at with 2, 3 seeds" in more.stdout
    auto = here("report", "tiny.arch", "--max-seeds", "3", cwd=place)
    assert "looked at with" not in auto.stdout
    assert "sequential design, 3 seeds so far" in auto.stdout


def test_a_later_mean_of_0_has_no_other_sign() -> None:
    """It contradicted `better`, and not `worse`."""
    for decision, delta, found in (
        ("better", 0.0, False),
        ("worse", 0.0, False),
        ("better", -0.1, True),
        ("worse", 0.1, True),
        ("better", 0.1, False),
        ("open", 0.0, False),
    ):
        assert contradicted(decision, delta, None) is found  # type: ignore[arg-type]
