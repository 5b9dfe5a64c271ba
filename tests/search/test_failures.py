"""Candidates that fail, and bases that are no candidates: a search shown again decides as it did."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from archdsl.errors import ArchError
from archdsl.search import execute
from archdsl.search.candidates import Candidates
from archdsl.search.execute import HowToSearch, SearchExecution
from archdsl.search.page import html
from archdsl.search.plan import Asked, planned
from archdsl.search.report import change
from archdsl.search.results import SearchResults, fresh, results_of, winner
from archdsl.study.amounts import budget
from archdsl.study.execute.cell import _note
from archdsl.study.execute.messages import More, RunRequest, RunResult
from tests.search.conftest import SPACE, Here, engine, facts, search


class Failing(Here):
    """Fails the third request as a run does that has too little memory."""

    count = 0

    def run(self, requests: Sequence[RunRequest], more: More | None = None) -> Iterator[RunResult]:
        waiting = list(requests)
        while more is not None and (waiting := [*waiting, *more(self.many - len(waiting))]):
            request = waiting.pop(0)
            self.count += 1
            if self.count == 3:
                _note(request, self.options, "out of memory")
                yield RunResult(request.key, "failed", "out of memory", "experiment")
            else:
                yield from Here(self.options, most=1).run([request])


@pytest.mark.parametrize("rungs", ["", "1,2,4"])
@pytest.mark.parametrize("seconds", [None, 0.0])
def test_a_search_with_a_failed_candidate_is_shown_again_as_it_was(
    place: Path, rungs: str, seconds: float | None
) -> None:
    first = search(place, rungs=rungs)
    first.run(Failing(engine(place).options))
    (failed,) = first.failed
    assert first.order.finished
    again = search(place, rungs=rungs)
    if seconds is None:
        again.replay()
    else:
        again.seconds = seconds  # no time is left for another try
        again.run(engine(place, most=0))
    assert facts(again) == facts(first)
    assert again.failed == {failed: "out of memory"}


def test_what_failed_is_tried_again_where_there_is_time(place: Path) -> None:
    first = search(place, rungs="")
    first.run(Failing(engine(place).options))
    again = search(place, rungs="")
    again.run(engine(place))
    assert again.trained == 1
    assert not again.failed


def execution(place: Path, text: str, **how: object) -> SearchExecution:
    options, candidates = planned(Asked(str(place / "space.arch"), rungs=text), "space", place / "runs")
    given = {"budget": budget("1s"), "runs": place / "runs", "jobs": 1, **how}
    return SearchExecution(options, candidates, HowToSearch(**given))  # type: ignore[arg-type]


def test_a_budget_is_held_against_what_is_known_of_the_device(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "space.arch").write_text(SPACE.replace("epochs(4)", "epochs(4000)"))
    with pytest.raises(ArchError, match="smaller than one run"):
        execution(place, "", device="cpu").check()
    execution(place, "", device="cuda").check()  # the rate of a GPU depends on the net
    execution(place, "1,4000", device="cpu").check()  # a candidate begins with one epoch
    with pytest.raises(ArchError, match=r"smaller than the first rung of one run \(3,000 epochs\)"):
        execution(place, "3000,4000", device="cpu").check()
    monkeypatch.setattr(execute, "measured_rate", lambda runs, kind: 1e18)
    execution(place, "", device="cpu").check()  # as runs of this machine were


def test_a_check_gives_up_no_candidate(place: Path) -> None:
    first = search(place, rungs="")
    first.run(Failing(engine(place).options))
    now = execution(place, "", device="cpu", budget=budget("1h"))
    now.check()
    assert not now.search.failed


def test_a_base_that_is_not_valid_leaves_a_report(place: Path) -> None:
    (place / "space.arch").write_text(
        SPACE.replace("{width: 2 | 3 | 4}", "{width: 3 | 2 | 4}").replace("{norm: bn | }", "gn(2)")
    )
    found = search(place, rungs="")
    found.run(engine(place))
    assert not found.candidates.has_base
    options, _ = planned(Asked(str(place / "space.arch")), "space", place / "runs")
    one = results_of(options, found, [found.best()[0][0]])
    (said,) = change(one)
    assert said.startswith(f"arm{one.winners[0].number} is the best of the search; without a base nothing is compared")
    assert "The spec of arm" in html(one, "archdsl search")
    assert "Its difference from the base" not in html(one, "archdsl search")


def judged(decision: str) -> SimpleNamespace:
    """The comparison of the candidates 1 and 2 on fresh seeds, the second one better than the first by validation images."""
    arms = [
        SimpleNamespace(
            name=f"arm{n}",
            verdict=SimpleNamespace(decision=decision) if n == 2 else None,
            more={"valid_accuracy": {1000: 0.1 * n, 1001: 0.1 * n}},
            decision=SimpleNamespace(substituted={}, left_out={}),
        )
        for n in (1, 2)
    ]
    return SimpleNamespace(arms=arms, reference=arms[0])


@pytest.mark.parametrize(
    ("decision", "best", "text"),
    [
        ("better", 2, "the best on fresh seeds, by valid accuracy, is arm2"),
        ("open", 1, "no arm is better on fresh seeds than arm1, the best of the search; `arm2` stays open"),
    ],
)
def test_without_a_base_the_best_of_the_search_is_the_reference(
    place: Path, decision: str, best: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search(place, rungs="")
    for _ in range(3):
        found.candidates.propose()
    monkeypatch.setattr(Candidates, "has_base", False)
    options, _ = planned(Asked(str(place / "space.arch")), "space", place / "runs")
    one, two = found.candidates.every[1:3]
    results = SearchResults(options, found, (), (), {}, (one, two), judged(decision))  # type: ignore[arg-type]
    chosen = winner(results)
    assert chosen is not None
    assert chosen.number == best
    assert list(change(results)) == [text]


@pytest.mark.parametrize(("objective", "values"), [("valid_accuracy", (0.5, 0.6)), ("valid_loss", (0.8, 0.7))])
def test_a_run_that_diverged_on_a_fresh_seed_counts_for_its_arm(
    place: Path, objective: str, values: tuple[float, float]
) -> None:
    found = search(place, objective=objective, rungs="")
    for _ in range(3):
        found.candidates.propose()
    compared = judged("better")
    for arm, value in zip(compared.arms, values, strict=True):
        arm.verdict = SimpleNamespace(decision="better")
        arm.more = {objective: dict.fromkeys((1000, 1001, 1002), value)}
    options, _ = planned(Asked(str(place / "space.arch"), objective=objective), "space", place / "runs")
    winners = tuple(found.candidates.every[1:3])
    results = SearchResults(options, found, (), (), {}, winners, compared)  # type: ignore[arg-type]
    assert winner(results) is winners[1]
    del compared.arms[1].more[objective][1002]
    compared.arms[1].decision.substituted[1002] = "diverged"
    assert winner(results) is winners[0]
    bad = 0.1 if objective == "valid_accuracy" else math.log(10)  # as of a net that has learnt nothing
    assert fresh(results)["arm2"] == [values[1]] * 2 + [pytest.approx(bad)]


def test_the_column_of_the_front_is_of_the_totals_that_were_asked_for(place: Path) -> None:
    (place / "space.arch").write_text(SPACE.replace("s=4)", "s={stride: 4 | 7})"))  # MACs differ, parameters do not
    found = search(place, pareto=("macs",), rungs="", sampler="nsga2")
    found.run(engine(place))
    options, _ = planned(Asked(str(place / "space.arch"), pareto=("macs",), sampler="nsga2"), "space", place / "runs")
    rows = results_of(options, found).rows
    points = {r.candidate.number: (-r.value, r.candidate.totals["macs"]) for r in rows}
    for row in rows:
        value, macs = points[row.candidate.number]
        beaten = any(v <= value and m <= macs and (v, m) != (value, macs) for v, m in points.values())
        assert row.on_front == (not beaten), json.dumps(points)
