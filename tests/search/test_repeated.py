"""Searches that are continued, repeated or extended: what is on a rung stays, and what was spent counts."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from archdsl.cli.views.search_progress import Following
from archdsl.errors import ArchError
from archdsl.runs.run import read_events
from archdsl.search import execute
from archdsl.search.execute import HowToSearch, SearchExecution
from archdsl.search.options import Record, begun, keep
from archdsl.search.plan import Asked, planned
from archdsl.search.report import notes
from archdsl.search.results import results_of
from archdsl.study.amounts import budget
from archdsl.study.execute.execution import Execution
from archdsl.study.execute.messages import More, RunRequest, RunResult
from tests.conftest import Cli
from tests.search.conftest import SPACE, Here, engine, facts, search


class Changing(Here):
    """Changes the folder of each run that pauses at, or ends behind, an epoch."""

    change: Callable[[Path], RunResult | None]
    until = 0

    def run(self, requests: Sequence[RunRequest], more: More | None = None) -> Iterator[RunResult]:
        waiting = list(requests)
        while more is not None and (waiting := [*waiting, *more(self.many - len(waiting))]):
            request = waiting.pop(0)
            (result,) = Here(self.options, most=1).run([request])
            yield (request.until == self.until and self.change(Path(result.folder))) or result


def changing(place: Path, until: int, change: Callable[[Path], None]) -> Changing:
    found = Changing(engine(place).options)
    found.until, found.change = until, change  # type: ignore[assignment]
    return found


def rewritten(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    events = map(change, read_events(folder))
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events if e is not None))


def diverged(folder: Path) -> None:
    """The run diverged in its second epoch."""
    rewritten(folder, lambda e: None if e.get("epoch") == 2 else e)
    (folder / "result.json").write_text(json.dumps({"status": "diverged", "epoch": 2, "step": 6}))


def test_a_candidate_that_diverged_on_a_higher_rung_keeps_its_place_on_the_lower_one(place: Path) -> None:
    first = search(place)
    first.run(changing(place, 2, diverged))
    lost = [job for job, score in first.order.learnt if score.values is None]
    assert [job.rung for job in lost] == [1] * len(lost)
    assert lost
    again = search(place)
    again.replay()
    assert again.order.finished
    assert facts(again) == facts(first)


def test_an_epoch_without_a_number_is_a_result_of_its_rung(place: Path) -> None:
    def overflow(folder: Path) -> None:
        rewritten(folder, lambda e: e | ({"valid_loss": None} if e.get("epoch") == 1 else {}))

    found = search(place, objective="valid_loss")
    found.run(changing(place, 1, overflow))
    assert found.order.finished
    assert all(score.values is None for job, score in found.order.learnt if job.rung == 0)


def execution(place: Path, amount: str = "3runs", rungs: str = "") -> SearchExecution:
    options, candidates = planned(Asked(str(place / "space.arch"), rungs=rungs), "space", place / "runs")
    how = HowToSearch(budget(amount), 1, place / "runs", "cpu", "fp32", 1)
    return SearchExecution(options, candidates, how)


def test_the_time_of_a_sitting_that_is_interrupted_is_of_the_budget(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While searching, and while the winners are compared."""

    def kept(execution: SearchExecution) -> float:
        return float(json.loads((execution.folder / "search.json").read_text())["seconds"])

    def late(*args: object) -> None:
        time.sleep(0.2)
        raise KeyboardInterrupt

    first = execution(place)
    monkeypatch.setattr(SearchExecution, "_engine", lambda self: engine(place, most=1))
    with pytest.raises(KeyboardInterrupt):
        first.run(lambda event, search: time.sleep(0.2))
    searched = kept(first)
    assert searched >= 0.2
    monkeypatch.setattr(SearchExecution, "_engine", lambda self: engine(place))
    second = execution(place)
    second.run()
    monkeypatch.setattr(Execution, "run", late)
    before = kept(second)
    assert before > searched
    with pytest.raises(KeyboardInterrupt):
        second.compare(second.winners())
    assert kept(second) >= before + 0.2


def test_only_a_space_that_was_looked_through_was_tried_whole(place: Path) -> None:
    """Draws that give no candidate end a search, and say little of the arms of a continuous space that were not drawn."""
    ends = {"0.1": "every arm of the space was tried", "{lr: 0.1..0.101 log}": "the search ended early: 520 arms drawn"}
    for rate, said in ends.items():
        text = SPACE.replace("{lr: 5e-3..0.5 log}", rate)
        found = search(place, space=text, where=("width = 2",), rungs="", sampler="random")
        found.run(engine(place))
        options, _ = planned(Asked(text), "space", place / "runs")
        assert found.order.exhausted
        assert any(note.startswith(said) for note in notes(results_of(options, found)))


@pytest.mark.parametrize("name", ["runs", "runs/searches"])
def test_a_file_in_the_place_of_a_folder_is_named(place: Path, cli: Cli, name: str) -> None:
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text("no folder\n")
    done = cli("search", "space.arch", "--budget", "3runs", cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name} is a file, and a search keeps its record in runs/searches/space-")
    assert "name another folder by --runs" in done.stderr


@pytest.mark.parametrize(
    "change", [{"parallel": 0}, {"seconds": -1}, {"seconds": math.nan}, {"parallel": math.inf}, {"options": None}]
)
def test_a_record_that_cannot_be_is_damaged(place: Path, change: dict[str, float | None]) -> None:
    right = Record(4, "4.5.0", 3.0)
    keep(place / "folder", right)
    assert begun(place / "folder") == right
    wrong = {k: v for k, v in (asdict(right) | change).items() if v is not None}
    (place / "folder" / "search.json").write_text(json.dumps(wrong))
    with pytest.raises(ArchError, match="damaged"):
        begun(place / "folder")


@pytest.mark.parametrize(("rate", "stopped"), [("0.1", False), ("{lr: 5e-3..0.5 log}", True)])
def test_a_search_that_was_finished_was_not_ended_by_its_budget(
    place: Path, rate: str, stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "space.arch").write_text(SPACE.replace("{lr: 5e-3..0.5 log}", rate).replace("epochs(4)", "epochs(1)"))
    monkeypatch.setattr(SearchExecution, "_engine", lambda self: engine(place))
    execution(place, "8runs").run()
    record = begun(execution(place).folder)
    assert record is not None
    keep(execution(place).folder, replace(record, seconds=100.0))  # the comparison took what was left of it
    again = execution(place, "100s")
    again.run()
    assert again.search.stopped == stopped


def test_the_best_of_a_line_is_the_best_of_what_has_ended(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions know less: they follow a clock of their own."""
    monkeypatch.setattr(SearchExecution, "_engine", lambda self: engine(place))
    one, out = execution(place, "9runs", "1,2,4"), StringIO()
    with Following(out, one, quiet=False) as following:
        one.run(following)
    lines = out.getvalue().splitlines()
    whole = [line.partition(": ")[2] for line in lines if "4 epochs:" in line]
    assert len(whole) == 2
    values = [float(line.removeprefix("valid accuracy ").partition(" ")[0]) for line in whole]
    assert [line.partition("; ")[2] for line in whole] == [
        f"best of 4 epochs {max(values[: n + 1]):.2f} %" for n in range(2)
    ]


def test_a_search_that_is_continued_begins_no_run_that_would_end_too_late(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that is kept for the comparison would go into it."""
    monkeypatch.setattr(SearchExecution, "_engine", lambda self: engine(place))
    execution(place, "2runs").run()
    folder = execution(place).folder
    record = begun(folder)
    assert record is not None
    keep(folder, replace(record, seconds=50.0))
    assert execute.measured_rate(place / "runs", "cpu")
    monkeypatch.setattr(execute, "measured_rate", lambda runs, kind: 1.0)
    again = execution(place, "100s")
    again.run()
    assert (again.search.trained, again.search.stopped) == (0, True)
    assert len(again.winners()) == 1
