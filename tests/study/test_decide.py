"""Sequential designs: what is decided depends on the outcomes alone, whatever the order, the workers or the interruptions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from archdsl.study.plan.cells import Cell
from archdsl.study.plan.plan import Found
from archdsl.study.report.notes import limits
from archdsl.study.results.decide import ArmDecision, Deciding, DecisionOptions, decide_fixed
from archdsl.study.results.scale import Scale
from tests.study.test_projection import made


def scale(metric: str, higher: bool, chance: float | None, resolution: float = 0.0) -> Scale:
    return Scale(lambda cell, found: found.figures.get(metric), higher, chance, resolution)


SCALE = scale("test_accuracy", True, 0.1, 1 / 2000)
MISSING = Found("missing", {}, {})


def cells(arms: int, seeds: int) -> list[list[Cell]]:
    return [[Cell(a, s, None, f"{a}/{s}", 1 + a) for s in range(seeds)] for a in range(arms)]  # type: ignore[arg-type]


def finished(value: float, metric: str = "test_accuracy") -> Found:
    return Found("finished", {metric: value, "seconds": 1.0}, {})


def study(random_: random.Random, effects: Sequence[float], seeds: int, sd: float = 0.01) -> dict[str, Found]:
    """What every run would give: the reference, and an arm for each effect."""
    found = {f"0/{s}": finished(0.8 + random_.gauss(0, sd)) for s in range(seeds)}
    for arm, effect in enumerate(effects, 1):
        found |= {
            f"{arm}/{s}": finished(found[f"0/{s}"].figures["test_accuracy"] + effect + random_.gauss(0, sd))
            for s in range(seeds)
        }
    return found


@dataclass
class Played:
    """A study that was played on workers which end in random order, and may be killed."""

    deciding: Deciding
    ran: set[str] = field(default_factory=set)


def play(
    make: Callable[[], Deciding], truth: dict[str, Found], workers: int, random_: random.Random, kills: float = 0.0
) -> Played:
    store: dict[str, Found] = {}
    while True:
        deciding, begun, tried, busy = make(), set[str](), set[str](), list[Cell]()
        played = Played(deciding)
        look = lambda cell: store.get(cell.key, MISSING)  # noqa: E731
        deciding.advance(look, tried)
        while True:
            wanted = deciding.wanted(look, begun)
            while len(busy) < workers and (cell := next(wanted, None)) is not None:
                busy.append(cell)
                begun.add(cell.key)
            if not busy:
                played.ran = set(store)
                return played
            if random_.random() < kills:
                break
            cell = busy.pop(random_.randrange(len(busy)))
            store[cell.key] = truth[cell.key]
            tried.add(cell.key)
            deciding.advance(look, tried)


@pytest.mark.parametrize("case", range(40))
def test_the_decisions_do_not_depend_on_workers_order_or_kills(case: int) -> None:
    random_ = random.Random(case)
    effects = [random_.choice((0.0, 0.002, -0.01, 0.03, 0.1)) for _ in range(random_.randint(1, 6))]
    truth = study(random_, effects, 12)
    for key in random_.sample(sorted(truth), k=random_.randint(0, 3)):
        truth[key] = random_.choice(
            (Found("diverged", {}, {}, own=True), Found("failed", {}, {}), Found("oom", {}, {}, own=False))
        )
    options = DecisionOptions(
        True,
        same=random_.choice((None, 0.02)),
        failures=random_.choice(("chance", "exclude")),
        max_runs=random_.choice((None, 5, 30)),
    )
    own = cells(len(effects) + 1, 12)
    make = lambda: Deciding(own, [None] * len(own), options, SCALE)  # noqa: E731
    seen = {repr(play(make, truth, 1, random.Random(0)).deciding.decisions())}
    for workers in (1, 2, 4, 17):
        for kills in (0.0, 0.05):
            played = play(make, truth, workers, random_, kills)
            seen.add(repr(played.deciding.decisions()))
            again = make()
            again.advance(lambda cell, ran=played.ran: truth[cell.key] if cell.key in ran else MISSING)  # type: ignore[misc]
            assert [d.verdict for d in again.decisions()] == [d.verdict for d in played.deciding.decisions()]
            if options.max_runs is not None and not kills:
                assert len(played.ran) <= options.max_runs
    assert len(seen) == 1


def test_decided_arms_get_no_more_runs_and_workers_stay_busy() -> None:
    random_ = random.Random(3)
    truth = study(random_, (0.2, -0.2, 0.0), 20)
    own = cells(4, 20)
    played = play(lambda: Deciding(own, [None] * 4, DecisionOptions(True), SCALE), truth, 1, random_)
    runs = [sum(key.startswith(f"{arm}/") for key in played.ran) for arm in range(4)]
    verdicts = [d.verdict for d in played.deciding.decisions()]
    assert [v and v.decision for v in verdicts] == [None, "better", "worse", "open"]
    assert runs[1] == runs[2] == played.deciding.least + (verdicts[1].decided - played.deciding.least)  # type: ignore[union-attr]
    assert runs[0] == runs[3] == 20
    assert "20 seeds are the most" in played.deciding.decisions()[3].why
    # With many workers no more runs are wasted than there are workers.
    many = play(lambda: Deciding(own, [None] * 4, DecisionOptions(True), SCALE), truth, 8, random_)
    assert len(many.ran) <= len(played.ran) + 8


def test_a_run_that_diverged_counts_as_chance_and_is_shown() -> None:
    truth = {f"{a}/{s}": finished(0.8 + 0.001 * s) for a in range(2) for s in range(4)}
    truth["1/2"] = Found("diverged", {}, {}, own=True)
    own = cells(2, 4)
    fixed = decide_fixed(own, [None, None], lambda c: truth[c.key], DecisionOptions(), SCALE)
    assert fixed[1].values[2] == 0.1
    assert fixed[1].substituted == {2: "diverged"}
    out = decide_fixed(own, [None, None], lambda c: truth[c.key], DecisionOptions(failures="exclude"), SCALE)
    assert out[1].seeds == (0, 1, 3)
    assert not out[1].substituted


def test_a_diverged_loss_counts_as_the_worst_of_chance_and_what_was_seen() -> None:
    losses = scale("test_loss", False, 2.302585)
    truth = {f"{a}/{s}": finished(0.5 + a, "test_loss") for a in range(2) for s in range(3)}
    truth["1/0"] = Found("diverged", {}, {}, own=True)
    decided = decide_fixed(cells(2, 3), [None, None], lambda c: truth[c.key], DecisionOptions(), losses)
    assert decided[1].values[0] == 2.302585
    truth["0/1"] = finished(9.0, "test_loss")
    decided = decide_fixed(cells(2, 3), [None, None], lambda c: truth[c.key], DecisionOptions(), losses)
    assert decided[1].values[0] == 9.0


def test_a_run_that_failed_where_neither_chance_nor_a_value_is_known_is_left_out() -> None:
    """Not counted as 0, which is the best possible error."""
    errors = scale("test_rmse", False, None)
    truth = {
        f"{a}/{s}": finished(1.0 + 0.01 * s + 0.02 * a * (-1) ** s, "test_rmse") for a in range(2) for s in range(6)
    }
    truth |= {f"{a}/0": Found("diverged", {}, {}, own=True) for a in range(2)}
    truth["1/3"] = Found("diverged", {}, {}, own=True)
    own = cells(2, 6)
    deciding = Deciding(own, [None, None], DecisionOptions(True), errors)
    deciding.advance(lambda c: truth[c.key])
    base, arm = deciding.decisions()
    assert (base.seeds, arm.seeds) == ((1, 2, 3, 4, 5),) * 2
    assert (base.left_out, arm.left_out) == ({0: "diverged"},) * 2
    assert (arm.substituted, arm.values[3]) == ({3: "diverged"}, pytest.approx(1.04))
    assert arm.verdict is not None
    assert arm.verdict.evidence.n == 5
    fixed = decide_fixed(own, [None, None], lambda c: truth[c.key], DecisionOptions(), errors)
    assert (
        fixed[1].values[0] == fixed[1].values[3] == pytest.approx(1.06)
    )  # one looks once, so that the worst of all is known
    lost = decide_fixed(
        own, [None] * 2, lambda c: Found("diverged", {}, {}, own=True), DecisionOptions(same=0.1), errors
    )
    assert [(d.values, d.verdict, len(d.left_out)) for d in lost] == [({}, None, 6)] * 2
    found = made([0.5] * 6)
    arms = (found.arms[0], replace(found.arms[1], decision=replace(found.arms[1].decision, left_out={0: "diverged"})))
    said = " ".join(limits(replace(found, arms=arms)))
    assert "1 run is left out, having no result: neither chance nor" in said
    assert f"`{found.arms[1].name}` seed 0 (diverged)" in said


def test_a_loss_that_falls_is_better_and_its_interval_is_turned() -> None:
    losses = scale("test_loss", False, 2.3)
    truth = {
        f"{a}/{s}": finished(1.0 - 0.5 * a + 0.01 * ((s * (7 + a)) % 5), "test_loss")
        for a in range(2)
        for s in range(8)
    }
    own = cells(2, 8)
    deciding = Deciding(own, [None, None], DecisionOptions(True), losses)
    deciding.advance(lambda c: truth[c.key])
    for decision in (
        deciding.decisions()[1],
        decide_fixed(own, [None] * 2, lambda c: truth[c.key], DecisionOptions(), losses)[1],
    ):
        verdict = decision.verdict
        assert verdict is not None
        assert verdict.decision == "better"
        assert verdict.low is not None and verdict.high is not None  # noqa: PT018
        assert verdict.low <= verdict.evidence.delta <= verdict.high < 0


def outcomes(decisions: Sequence[ArmDecision]) -> list[str]:
    return [d.verdict.decision if d.verdict else "" for d in decisions]


def test_what_the_machine_lost_holds_an_arm_open_and_the_others_go_on() -> None:
    random_ = random.Random(5)
    truth = study(random_, (0.2, 0.2), 12)
    truth["1/2"] = Found("oom", {}, {})
    own = cells(3, 12)
    played = play(lambda: Deciding(own, [None] * 3, DecisionOptions(True), SCALE), truth, 2, random_)
    decisions = played.deciding.decisions()
    assert outcomes(decisions) == ["", "open", "better"]
    assert "seed 2 has no result (oom)" in decisions[1].why
    truth["0/3"] = Found("failed", {}, {}, message="its process died")
    played = play(lambda: Deciding(own, [None] * 3, DecisionOptions(True), SCALE), truth, 2, random_)
    assert "seed 3 of the reference has no result" in played.deciding.decisions()[2].why


def test_a_report_of_a_study_half_done_takes_complete_blocks() -> None:
    truth = study(random.Random(1), (0.0, 0.0), 6)
    own = cells(3, 6)
    there = {k: f for k, f in truth.items() if int(k[2:]) < 3} | {"0/3": truth["0/3"], "1/3": truth["1/3"]}
    deciding = Deciding(own, [None] * 3, DecisionOptions(True), SCALE)
    deciding.advance(lambda c: there.get(c.key, MISSING))
    assert deciding.blocks == 3
    # A run that was lost while the study went on does not hold the others up.
    there |= {"0/4": truth["0/4"], "1/4": truth["1/4"]}
    deciding = Deciding(own, [None] * 3, DecisionOptions(True), SCALE)
    deciding.advance(lambda c: there.get(c.key, MISSING))
    assert deciding.blocks == 5
    assert "seed 3 has no result" in deciding.decisions()[2].why


def test_twins_count_once() -> None:
    truth = study(random.Random(2), (0.1, 0.1), 6)
    deciding = Deciding(cells(3, 6), [None, None, 1], DecisionOptions(True), SCALE)
    assert deciding.family.size == 1
    assert deciding.compared == [1]
    deciding.advance(lambda c: truth[c.key])
    assert deciding.decisions()[2].verdict is None


def test_wrong_decisions_are_rare_where_nothing_differs() -> None:
    """A family of eight equal arms, looked at after each of 20 seeds: at most 5 % of studies decide anything."""

    def studies() -> Iterator[bool]:
        for case in range(120):
            truth = study(random.Random(1000 + case), (0.0,) * 8, 20)
            deciding = Deciding(cells(9, 20), [None] * 9, DecisionOptions(True), SCALE)
            deciding.advance(lambda c, truth=truth: truth[c.key])  # type: ignore[misc]
            yield any(o in ("better", "worse") for o in outcomes(deciding.decisions()))

    assert sum(studies()) <= 12  # 5 % of 120, and three standard deviations
