"""Searches on real runs: what is trained, what is found, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.errors import ArchError, SpecError
from archdsl.evaluate.proxies import scores
from archdsl.runs.run import find_run, read_events
from archdsl.search.page import CAPTIONS, html
from archdsl.search.plan import Asked, planned
from archdsl.search.results import results_of
from archdsl.train.fit import fit
from tests.conftest import Cli, command_line
from tests.search.conftest import MANY, SPACE, engine, facts, search


def test_a_search_is_the_same_on_any_workers_and_when_it_is_interrupted(place: Path) -> None:
    straight = search(place, "straight")
    straight.run(engine(place, "straight"))
    assert straight.order.finished
    assert [len(f) for f in straight.order.halving.found] == [9, 4, 2]
    for run in range(3):
        interrupted = search(place, "broken")
        with pytest.raises(KeyboardInterrupt):
            interrupted.run(engine(place, "broken", many=1 + run, backwards=bool(run % 2), most=3))
    last = search(place, "broken")
    last.run(engine(place, "broken", many=3, backwards=True))
    assert facts(last) == facts(straight)
    assert last.reused >= 9  # jobs that were done before the interruptions
    again = search(place, "straight")
    again.run(engine(place, "straight", most=0))  # nothing is trained
    assert facts(again) == facts(straight)
    assert again.trained == 0


def test_a_promoted_run_is_the_run_that_train_makes(place: Path) -> None:
    found = search(place)
    found.run(engine(place))
    candidate, rung, _ = found.best()[0]
    assert rung == 2
    run = find_run(place / "runs", candidate.experiment)
    assert run is not None
    assert run.result is not None
    assert [e["event"] for e in read_events(run.folder)].count("epochdone") == 4
    spec = load(candidate.experiment.text)
    other = fit(build(spec.trace), candidate.experiment, out=place / "alone", device="cpu", speed="fp32")
    assert other.result is not None
    assert run.result["weights_sha256"] == other.result["weights_sha256"]


def test_a_candidate_that_is_not_promoted_keeps_its_checkpoint_and_sees_no_test_image(place: Path) -> None:
    found = search(place)
    found.run(engine(place))
    low = next(n for n in found.order.halving.found[0] if n not in found.order.halving.promoted[0])
    run = find_run(place / "runs", found.candidates.every[low].experiment)
    assert run is not None
    assert run.result is None
    assert not any("test_accuracy" in e for e in read_events(run.folder))


def test_warnings_of_a_candidate_that_was_stopped_early_are_kept(place: Path) -> None:
    """It has no result that could have them."""
    rows = [f"{n % 7},{n % 3},1,{'ab'[n % 2]}\n" for n in range(80)]
    (place / "table.csv").write_text("x,y,same,kind\n" + "".join(rows))
    data = f'data csv("{place / "table.csv"}") valid(25%)'
    net = "net linear({width: 2 | 3 | 4}) relu linear(classes)"
    (place / "space.arch").write_text(f"{net}\n{data}\ntrain sgd({{lr: 5e-3..0.5 log}}) epochs(4) batch(20)\n")
    found = search(place)
    found.run(engine(place))
    runs = [(c, find_run(place / "runs", c.experiment)) for c in found.candidates.every]
    stopped = next(c for c, run in runs if run is not None and run.result is None)
    again = search(place).scores
    assert again.score(stopped, 0) is not None
    assert any("one value alone" in text for text in again.warned)


def test_decisions_do_not_depend_on_test_figures(place: Path) -> None:
    found = search(place)
    found.run(engine(place))
    for path in (place / "runs").glob("*/result.json"):
        result = json.loads(path.read_text())
        path.write_text(json.dumps({**result, "test_accuracy": 0.123, "test_loss": 9.9}))
    again = search(place)
    again.run(engine(place, most=0))
    assert facts(again) == facts(found)


def test_arms_that_differ_in_spelling_alone_are_trained_once(place: Path) -> None:
    (place / "space.arch").write_text(
        SPACE.replace("{width: 2 | 3 | 4}", "{width: 2 | 3}").replace("{norm: bn | } relu", "{act: relu | relu() | id relu}")
        .replace("{lr: 5e-3..0.5 log}", "0.1")
    )  # fmt: skip
    found = search(place, rungs="")
    found.run(engine(place))
    assert found.order.exhausted
    keys = {c.key for c in found.candidates.every}
    assert len(keys) == len(found.candidates.every)
    assert found.candidates.counts.twins + len(keys) == 6


def test_conditions_and_invalid_arms_cost_nothing(place: Path) -> None:
    (place / "space.arch").write_text(SPACE.replace("{norm: bn | }", "{norm: gn(2) | }"))  # invalid with 3 channels
    found = search(place, where=("params > 30",), rungs="")
    found.run(engine(place))
    counts = found.candidates.counts
    assert counts.invalid > 0
    assert len(found.candidates.every) == MANY
    assert all(c.totals["params"] > 30 for c in found.candidates.every)
    assert len(list((place / "runs").glob("*/result.json"))) == MANY


def test_a_proxy_chooses_the_first_candidates(place: Path) -> None:
    found = search(place, proxy="naswot", rungs="")
    numbers = [found.candidates.propose() for _ in range(6)]
    assert numbers == list(range(6))
    again = search(place, proxy="naswot", rungs="")
    assert [again.candidates.propose() for _ in range(6)] == numbers
    assert [c.label for c in again.candidates.every] == [c.label for c in found.candidates.every]
    spec = [found.candidates.arms.spec(c.point) for c in found.candidates.every[1:]]
    values = [scores(one, ["naswot"])["naswot"] for one in spec]
    assert values == sorted(values, key=lambda v: -(v or 0.0))


def test_a_proxy_chooses_ten_arms_of_a_small_space_too(place: Path) -> None:
    """Arms that are drawn twice, that are written in two ways, or that are the base, take no place of another one."""
    space = SPACE.replace("{norm: bn | } relu", "{norm: bn | | bn relu} relu {last: relu | id | id relu}")
    found = search(place, space=space.replace("{lr: 5e-3..0.5 log}", "0.1"), proxy="naswot", rungs="")
    numbers = [found.candidates.propose() for _ in range(11)]
    assert numbers == list(range(11))
    spec = [found.candidates.arms.spec(c.point) for c in found.candidates.every[1:]]
    values = [scores(one, ["naswot"])["naswot"] for one in spec]
    assert values == sorted(values, key=lambda v: -(v or 0.0))


def test_several_objectives(place: Path) -> None:
    found = search(place, pareto=("params",), rungs="", sampler="nsga2")
    found.run(engine(place))
    options, _ = planned(Asked(str(place / "space.arch"), pareto=("params",), sampler="nsga2"), "space", place / "runs")
    results = results_of(options, found)
    page = html(results, "archdsl search")
    assert CAPTIONS["pareto"][0] in page
    assert page.count("<svg") >= 4  # for wide and for narrow pages
    front = [row for row in results.rows if row.on_front]
    assert front
    for row in front:
        assert not any(
            other.value >= row.value
            and other.candidate.totals["params"] <= row.candidate.totals["params"]
            and (other.value, -other.candidate.totals["params"]) != (row.value, -row.candidate.totals["params"])
            for other in results.rows
        )


def test_arms_with_different_epochs_are_trained_whole(place: Path) -> None:
    found = search(place, space=SPACE.replace("epochs(4)", "epochs({1 | 2})"), rungs="")
    options, _ = planned(Asked(str(place / "space.arch")), "space", place / "runs")
    found.run(engine(place))
    rows = results_of(options, found).rows
    assert {row.epochs for row in rows} == {1, 2}
    for row in rows:
        assert row.epochs == row.candidate.experiment.train.epochs
        run = find_run(place / "runs", row.candidate.experiment)
        assert run is not None
        assert run.result is not None
        assert run.result["epochs"] == row.epochs
        assert run.result["valid_accuracy"] == row.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "test_accuracy"}, "test images"),
        ({"objective": "gap", "rungs": ""}, "test images"),
        ({"objective": "gap(loss)", "rungs": ""}, "test images"),
        ({"objective": "residual_variance", "rungs": ""}, "test images"),
        ({"objective": "evaluations", "rungs": ""}, "test images"),
        ({"objective": "seconds", "rungs": ""}, "depends on the clock"),
        ({"objective": "speed", "rungs": ""}, "depends on the clock"),
        ({"objective": "valid_ece"}, "not measured after each epoch"),
        ({"objective": "nonsense"}, "unknown metric"),
        ({"objective": "params"}, "known before training"),
        ({"objective": "macs", "rungs": ""}, "known before training"),
        ({"pareto": ("accuracy",)}, "not a total"),
        ({"sampler": "grid"}, "one of gp"),
        ({"sampler": "gp", "pareto": ("params",)}, "is of one objective"),
        ({"sampler": "nsga2"}, "whole runs"),
        ({"proxy": "naswott"}, "unknown proxy"),
        ({"rungs": "1,3"}, "is not a whole run, which has 4 epochs"),
        ({"rungs": "1,4", "space": SPACE.replace("epochs(4)", "epochs({4 | 8})")}, r"epochs \(4 and 8\), so rungs"),
        ({"where": ("params <",)}, "params"),
        ({"where": ("nonsense > 3",)}, "unknown column"),
        ({"space": "net conv(8) gap linear(10)\ndata fashion-mini valid(10%)\ntrain sgd(0.1) epochs(4)"}, "no holes"),
        ({"space": SPACE.replace("valid(25%)", "")}, "validation images"),
    ],
)
def test_bad_input_is_refused_before_any_run(place: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ArchError, match=message):
        search(place, **change)
    assert not (place / "runs").exists()


def test_a_space_without_a_candidate_is_refused_at_once(place: Path) -> None:
    found = search(place, where=("params < 10",))
    with pytest.raises(
        ArchError, match=r"no candidate of the space was found: of 521 arms drawn .* excluded by `where`"
    ):
        found.run(engine(place))
    listed = search(place, where=("params < 10",), space=SPACE.replace("{lr: 5e-3..0.5 log}", "0.1"))
    with pytest.raises(ArchError, match=r"has no candidate: of .* 6 are excluded by `where` and .* were drawn before"):
        listed.run(engine(place))
    (place / "space.arch").write_text(SPACE.replace("gap linear(10)", "linear(7) conv(3)"))
    with pytest.raises(SpecError):
        search(place)


def test_a_space_of_a_thousand_million_arms_answers_at_once(place: Path) -> None:
    holes = " ".join("conv({2..11})" for _ in range(9))
    found = search(place, space=SPACE.replace("conv({width: 2 | 3 | 4}, s=4)", f"conv(4, s=4) {holes}"), rungs="")
    assert found.candidates.arms.space.size is None
    listed = search(
        place,
        space=f"net conv(4, s=4) {holes} gap linear(10)\n"
        + SPACE.split("\n", 1)[1].replace("{lr: 5e-3..0.5 log}", "0.1"),
        rungs="",
    )
    assert listed.candidates.arms.space.size == 10**9
    for search_ in (found, listed):
        assert len(list(search_.more(2))) == 2


def test_the_command_ends_in_winners_on_fresh_seeds(place: Path) -> None:
    args = (
        "search",
        "space.arch",
        "--budget",
        "6runs",
        "--rungs",
        "1,2,4",
        "--winners",
        "1",
        "--format",
        "json",
        "-j",
        "2",
    )
    done = command_line(*args, cwd=place)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert len(first["candidates"]) == 6
    winner = first["winners"][-1]
    assert winner["runs"] >= 2
    assert winner["fresh_valid_accuracy"] is not None
    assert {row["arm"] for row in first["winners"]} == {"base", winner["arm"]} or len(first["winners"]) == 1
    folder = next((place / "runs/searches").iterdir())
    assert load(folder / f"{winner['arm']}.arch").cost.params == winner["params"]
    assert "<h2>Winners</h2>" in (folder / "report.html").read_text()
    shutil.rmtree(folder)  # only a record: the results are in the runs
    again = command_line(*args, cwd=place)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["winners"] == first["winners"]


def test_the_command_refuses(place: Path, cli: Cli) -> None:
    assert cli("search", "space.arch", cwd=place).returncode == 2
    small = cli("search", "space.arch", "--budget", "0.1s", cwd=place)
    assert small.returncode == 2
    assert "smaller than one run" in small.stderr
    assert not (place / "runs").exists()
    shown = cli("search", "space.arch", "--budget", "1h", "--dry-run", cwd=place)
    assert shown.returncode == 0
    assert "lr" in shown.stdout


def test_results_under_other_conditions_than_are_asked_for_are_refused(place: Path) -> None:
    (place / "space.arch").write_text(SPACE.replace("{lr: 5e-3..0.5 log}", "0.1").replace("epochs(4)", "epochs(1)"))
    args = ("search", "space.arch", "--budget", "2runs", "--winners", "1", "--max-seeds", "2", "-j", "1", "-q")
    done = command_line(*args, "--precision", "fp32", "--device", "cpu", cwd=place)
    assert done.returncode == 0, done.stderr
    again = command_line(*args, "--device", "cpu", cwd=place)
    assert again.returncode == 0, again.stderr
    other = command_line(*args, "--precision", "bf16", cwd=place)
    assert other.returncode == 2
    assert "--precision bf16 conflicts with the existing run runs/space-" in other.stderr
    assert "which has precision fp32" in other.stderr
    assert "leave the option out to keep the existing runs" in other.stderr
