"""Claims of a study: which arms they name, how they are decided, and where the answers are shown."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.report.text import records
from archdsl.study.execute.register import departures, plan_of
from archdsl.study.execute.select import SelectionOptions, folder_of, select, standalone
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.claims import Claim, ClaimedPair, claim_of_study
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found, planned
from archdsl.study.report.claim_table import table
from archdsl.study.report.html import html
from archdsl.study.report.notes import notes
from archdsl.study.results.decide import Deciding, DecisionOptions
from archdsl.study.results.results import Results, results
from archdsl.study.stats.verdicts import fixed_verdicts, verdicts
from tests.study.test_decide import SCALE, finished, play
from tests.study.test_decide import cells as cells_of

TEXT = """study: claims
base: |
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
factors: {wd: [none, train wd(1e-3), train wd(1e-2)]}
"""
ONE = "claims: [−norm worse than base]\n"


def made(more: str, effects: dict[str, float], spread: float = 0.01, lost: tuple[str, int] | None = None) -> Results:
    """A study whose arms have these accuracies, and losses of one less the accuracy."""
    study = study_of(TEXT + more)
    arms, every = planned(study)
    found = {}
    for cell in every:
        name = arms.arms[cell.arm].name
        value = 0.8 + effects.get(name, 0.0) + random.Random(f"{name} {cell.seed}").gauss(0, spread)
        found[cell.key] = Found("finished", {"test_accuracy": value, "test_loss": 1 - value}, {})
        if (name, cell.seed) == lost:
            found[cell.key] = Found("diverged", {}, {}, own=True)
    options = DecisionOptions(study.sequential, same=0.01 if study.same else None)
    return results(
        "claims", study.metric, arms, study.seeds, every, found, options, study.more, claimed_pairs(study, arms)
    )


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("a better than b", Claim("a", "better", "b")),
        ("width=64, bn worse than −res in train_accuracy", Claim("width=64, bn", "worse", "−res", "train_accuracy")),
        ("wd=1e-4 same as l2=1e-4 in steps_to(94%)", Claim("wd=1e-4", "same", "l2=1e-4", "steps_to(94%)")),
    ],
)
def test_the_form_of_a_claim(text: str, claim: Claim) -> None:
    assert claim_of_study(text) == claim
    assert claim_of_study(claim.text) == claim


@pytest.mark.parametrize(
    ("claim", "words", "remedy"),
    [
        ("-norm worse than basse", "names the arm `basse`, which the study does not have", "did you mean `base`?"),
        ("zzz worse than base", "names the arm `zzz`", "the arms are `base`, "),
        ("base beats -norm", "another form", "ARM better than ARM"),
        ("base better than -norm in tset_loss", "unknown metric `tset_loss`", "did you mean `test_loss`?"),
        ("base same as -norm", "does not say which difference does not matter", "--same 0.5%"),
        ("base better than base", "compares an experiment with itself", "two arms that differ"),
        ("base better than -norm in valid_loss", "needs validation images", "valid(10%)"),
    ],
)
def test_what_is_refused_before_anything_runs(claim: str, words: str, remedy: str) -> None:
    with pytest.raises(ArchError) as error:
        planned(study_of(TEXT + f"claims: ['{claim}']\n"))
    assert words in error.value.message
    assert remedy in error.value.help


def test_a_claim_is_made_once_and_an_error_has_its_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArchError, match="is about the comparison of"):
        planned(study_of(TEXT + "claims: [base better than -norm, -norm worse than base]\n"))
    with pytest.raises(ArchError, match="is a difference of test_accuracy"):
        planned(study_of(TEXT + "same: 1%\nclaims: [base same as -norm in test_loss]\n"))
    (place / "s.yaml").write_text(TEXT + "claims: [nrom better than base]\n")
    assert main(["check", "s.yaml"]) == 2
    assert "s.yaml:7:1" in capsys.readouterr().out
    (place / "s.yaml").write_text(TEXT + "claims: [nrom beats base]\n")
    assert main(["check", "s.yaml"]) == 2
    assert "s.yaml:7:10" in capsys.readouterr().out


def test_names_in_another_order_and_with_a_plain_minus() -> None:
    study = study_of(
        TEXT.replace("factors:", "design: full\nfactors:") + "claims: ['wd=train wd(1e-3), -norm better than base']\n"
    )
    arms = arms_of(study)
    names = [arm.name for arm in arms.arms]
    pair = study_of(TEXT.replace("factors:", "design: full\nfactors:") + f"claims: ['{names[-1]} better than base']\n")
    assert claimed_pairs(pair, arms)[0].arm == len(names) - 1
    swapped = ", ".join(reversed(names[-1].replace("−", "-").split(", ")))
    other = study_of(TEXT.replace("factors:", "design: full\nfactors:") + f"claims: ['{swapped} better than base']\n")
    assert claimed_pairs(other, arms)[0].arm == len(names) - 1


def test_a_claim_keeps_its_metric_where_another_one_is_asked_for(tmp_path: Path) -> None:
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    file = tmp_path / "s.yaml"
    file.write_text(TEXT + f"claims: ['{names[1]} worse than base', '{names[2]} worse than base in test_ece']\n")
    study = select(str(file), SelectionOptions(metric=("test_loss",)))
    assert study.metric == "test_loss"
    assert [claim.metric for claim in study.claims] == ["test_accuracy", "test_ece"]
    assert [claim.metric for claim in select(str(file), SelectionOptions()).claims] == ["", "test_ece"]


def test_a_fixed_design_answers_by_one_family_of_claims() -> None:
    text = "seeds: 6\nsame: 1%\nclaims: ['{a} worse than {b}', "
    text += "'{a} better than base', '{b} same as base', 'base better than {a} in test_loss']\n"
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    a, b = names[1], names[2]
    found = made(text.format(a=a, b=b), {a: -0.2, b: 0.1}, 0.002)
    assert [c.holds for c in found.claims] == [True, False, False, True]
    rows = {x.name: [x.values[s] for s in range(6)] for x in found.arms}
    base, first, second = (rows[n] for n in ("base", a, b))
    deltas = [
        [x - y for x, y in zip(p, q, strict=True)]
        for p, q in ((first, second), (first, base), (second, base), (base, first))
    ]
    expected = fixed_verdicts({str(n): d for n, d in enumerate(deltas)}, same=0.01)
    for n, claim in enumerate(found.claims):
        assert claim.verdict is not None
        assert claim.verdict.p == pytest.approx(expected[str(n)].p)
    loss = found.claims[3].verdict
    assert loss is not None
    assert loss.evidence.delta < 0  # in the metric's own direction: the loss of the base is lower


def test_a_run_that_diverged_counts_in_a_claim_as_in_the_table() -> None:
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    found = made(
        f"seeds: 4\nclaims: ['{names[1]} worse than {names[2]}', '{names[2]} better than {names[1]} in test_loss']\n",
        {},
        0.001,
        (names[1], 2),
    )
    accuracy, loss = (c.verdict for c in found.claims)
    assert accuracy is not None
    assert loss is not None
    assert accuracy.evidence.delta == pytest.approx(-0.7 / 4, abs=0.005)
    assert loss.evidence.delta < -0.4  # log(10) less 0.2, in one of four


def test_a_sequential_study_continues_for_an_open_claim_and_its_error_holds() -> None:
    own = cells_of(4, 20)
    pair = ClaimedPair(Claim("c", "better", "b"), 3, 2, "test_accuracy")
    scale = SCALE.__class__(SCALE.of, True, 0.1, 1 / 2000, "test_accuracy")
    random_ = random.Random(5)
    truth = {f"0/{s}": finished(0.5 + random_.gauss(0, 0.01)) for s in range(20)}
    truth |= {
        f"{a}/{s}": finished(0.8 + 0.012 * (a == 3) + random_.gauss(0, 0.01)) for a in (1, 2, 3) for s in range(20)
    }
    play1 = play(lambda: Deciding(own, [None] * 4, DecisionOptions(True), scale, [pair]), truth, 1, random_)
    runs = [sum(k.startswith(f"{a}/") for k in play1.ran) for a in range(4)]
    assert runs[1] < runs[2] == runs[3] == runs[0]
    decided = [d.verdict for d in play1.deciding.decisions()]
    assert [v.decision for v in decided[1:] if v] == ["better"] * 3
    assert all(v.evidence.n == v.decided for v in decided[1:] if v)  # p and interval are those of the decision
    claimed = play1.deciding.claims.verdicts()["0"]
    deltas = [truth[f"3/{s}"].figures["test_accuracy"] - truth[f"2/{s}"].figures["test_accuracy"] for s in range(20)]
    first = verdicts({"0": deltas}, resolution=1 / 2000)["0"]
    assert (claimed.decision, claimed.decided) == (first.decision, first.decided)
    many = play(lambda: Deciding(own, [None] * 4, DecisionOptions(True), scale, [pair]), truth, 7, random_)
    assert many.deciding.claims.verdicts() == play1.deciding.claims.verdicts()


def test_an_arm_with_further_seeds_for_a_claim_is_named_and_a_contradiction_is_a_warning() -> None:
    def of(arm: str, seed: int, late: float) -> float:
        noise = random.Random(f"{arm} {seed}").gauss(0, 0.01)
        return 0.5 + noise if arm == "base" else (0.8 if seed < 8 else late) + noise

    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    claim = f"claims: ['{names[2]} better than {names[3]}']\nmax_seeds: 40\n"
    said = {}
    for late in (0.8, -1.2):
        study = study_of(TEXT + claim)
        arms, every = planned(study)
        found = {
            c.key: Found("finished", {"test_accuracy": of("base" if c.arm == 0 else names[c.arm], c.seed, late)}, {})
            for c in every
        }
        shown = results(
            "t", study.metric, arms, study.seeds, every, found, DecisionOptions(True), (), claimed_pairs(study, arms)
        )
        two = {a.name: a for a in shown.compared}[names[2]]
        assert two.verdict is not None
        assert two.verdict.decision == "better"
        assert len(two.values) > two.verdict.evidence.n
        said[late] = [*notes(shown)]
        assert "had further seeds after the verdict" in html(shown, "c")
    both = f"`{names[2]}`, `{names[3]}` had further seeds after the verdict, for a claim"
    assert all(any(text.startswith(both) for text in texts) for texts in said.values())
    warnings = {late: [t for t in texts if t.startswith("warning: later seeds")] for late, texts in said.items()}
    assert not warnings[0.8]
    assert len(warnings[-1.2]) == 2
    assert "contradict its verdict: the mean difference over all 40 seeds is −" in warnings[-1.2][0]


def test_wrong_answers_are_rare_where_arms_stop_by_what_others_show() -> None:
    """Three claims among equal arms, in a study whose arms are all far from the reference: any answer is wrong."""
    scale = SCALE.__class__(SCALE.of, True, 0.1, 0.0, "test_accuracy")
    own = cells_of(4, 20)
    pairs = [ClaimedPair(Claim("", "better", ""), a, b, "test_accuracy") for a, b in ((1, 2), (2, 3), (1, 3))]
    wrong = 0
    for case in range(200):
        random_ = random.Random(case)
        truth = {
            f"{a}/{s}": finished(0.5 + 0.03 * (a > 0) + random_.gauss(0, 0.01)) for a in range(4) for s in range(20)
        }
        deciding = Deciding(own, [None] * 4, DecisionOptions(True), scale, pairs)
        deciding.advance(lambda cell, truth=truth: truth[cell.key])  # type: ignore[misc]
        wrong += any(v.decision != "open" for v in deciding.claims.verdicts().values())
    assert wrong <= 16  # 5 % of 200, and three standard deviations


def test_answers_in_words_table_page_and_json() -> None:
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    found = made(
        f"claims: ['{names[1]} worse than base', '{names[1]} better than {names[2]}', 'base better than {names[3]}']\n",
        {names[1]: -0.2},
    )
    said = [text for text in notes(found) if text.startswith("claim ")]
    assert said[0].startswith(f"claim {names[1]} worse than base holds: −")
    assert " points [" in said[0]
    assert ", p " in said[0]
    assert "does not hold" in said[1]
    assert "is open" in said[2]
    machine = records(table(found, people=False))
    assert [row["answer"] for row in machine] == ["holds", "does not hold", "open"]
    assert machine[0]["delta"] == pytest.approx(-0.2, abs=0.02)
    assert records(table(found))[0]["delta"].endswith(" points")
    page = html(found, "archdsl ablate")
    assert "<h2>Claims</h2>" in page
    assert f"{names[1]} worse than base" in page
    assert '<span class="word">does not hold</span>' in page


def test_claims_are_part_of_the_plan_and_not_of_the_name() -> None:
    with_claim, without = study_of(TEXT + ONE), study_of(TEXT)
    assert folder_of(with_claim, Path()) == folder_of(without, Path())
    assert study_of(standalone(with_claim)).claims == with_claim.claims
    arms = arms_of(without)
    every = cells(arms, (0,))
    plans = [plan_of(study, arms, every) for study in (without, with_claim)]
    assert "claims" not in plans[0]
    assert "the claims changed" in list(departures(plans[0], plans[1]))
    assert "the claims changed" in list(departures(plans[1], plans[0]))


def test_a_shell_can_ask(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "s.yaml").write_text(
        TEXT.replace("factors: {wd: [none, train wd(1e-3), train wd(1e-2)]}\n", "seeds: 3\n") + ONE
    )
    assert main(["report", "s.yaml", "--claims", "--format", "json"]) == 3
    out = json.loads(capsys.readouterr().out)
    assert out["claims"] == [
        {
            "claim": "−norm worse than base",
            "answer": "open",
            "metric": "test_accuracy",
            "delta": None,
            "low": None,
            "high": None,
            "p": None,
            "p_sign": None,
            "seeds": None,
            "more": None,
        }
    ]
    assert main(["report", "s.yaml", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["claims"][0]["answer"] == "open"
    (place / "t.yaml").write_text(TEXT)
    assert main(["report", "t.yaml", "--claims"]) == 2
    assert "the study claims nothing" in capsys.readouterr().err
