"""Arms that only evaluate a trained net, and arms that begin with the weights of another arm."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.errors import ArchError
from archdsl.study.execute.messages import RunRequest, line, request_of
from archdsl.study.execute.pending import Pending
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import Cell, cells, with_needs
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import distinct, look, planned
from tests.conftest import Cli

BASE = """\
base: |
  net conv(4, s=2) bn relu resnet[4x2] drop(0.3) gap linear(10)
  data fashion-mini subset(128)
  train adam(0.01) epochs(2) batch(32)
"""
LESIONS = f"{BASE}  evaluate {{lesion(random={{0..1}}) | mc(3)}} rotate({{0 | 30}})\nseeds: 2\nprecision: plain\n"
STAGES = (
    BASE + "factors: {start: [none, init(arm base), 'init(arm \"+init(arm base)\")']}\nseeds: 2\nprecision: plain\n"
)
WILD = BASE.replace("adam(0.01)", "sgd(1e30)").replace("bn relu resnet[4x2]", "relu")


def planned_cells(text: str, seeds: int = 2) -> tuple[Cell, ...]:
    return cells(arms_of(study_of(text)), range(seeds))


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode in (0, 3), done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def request(key: str, *needs: str) -> RunRequest:
    return RunRequest(key, "n", "t", needs=needs)


def test_a_request_waits_for_what_it_needs() -> None:
    pending = Pending([request("b", "a"), request("c", "b"), request("a"), request("d", "there")])
    assert (len(pending), pending.ready) == (4, 2)
    assert [r.key for r in iter(pending.take, None)] == ["a", "d"]
    pending.again(request("a"))  # its worker died
    assert [r.key for r in iter(pending.take, None)] == ["a"]
    pending.ended("a")
    assert [r.key for r in iter(pending.take, None)] == ["b"]
    pending.extend([request("e", "b", "d")])
    pending.ended("b")
    assert [r.key for r in iter(pending.take, None)] == ["c"]
    pending.ended("d")
    assert [r.key for r in iter(pending.take, None)] == ["e"]


def test_a_request_travels_with_its_needs() -> None:
    values = json.loads(json.dumps(line("request", request("b", "a"))))
    values.pop("kind")
    assert request_of(values) == request("b", "a")


def test_arms_that_differ_in_the_evaluation_share_their_run() -> None:
    found = planned_cells(LESIONS)
    assert len(found) == 2 * 6
    assert len({c.needs[0].key for c in found}) == 2
    assert len({c.key for c in found}) == 12
    assert len(distinct(found)) == 14
    assert all(c.evaluation is not None and c.needs[0].evaluation is None for c in found)
    alone = planned_cells(LESIONS.split("  evaluate")[0])
    assert {c.key for c in alone} == {c.needs[0].key for c in found}


def test_a_run_that_begins_with_another_is_named_by_it_and_not_by_its_name() -> None:
    found = planned_cells(STAGES)
    second, third = found[2], found[4]
    assert [n.key for n in with_needs([third])] == [found[0].key, second.key, third.key]
    renamed = planned_cells(STAGES.replace("init(arm base), 'init(arm \"+init(arm base)\")'", 'init(arm "base")'))
    assert renamed[2].key == second.key
    other = planned_cells(STAGES.replace("adam(0.01)", "adam(0.02)"))
    assert other[2].key != second.key
    assert second.key != found[0].key


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("none, init(arm nobody)", "the study has no arm `nobody`"),
        ("init(arm base)", "begin with the weights of each other: `base` → `base`"),
        ("init(arm b c)", "not `arm b c`"),
    ],
)
def test_an_arm_that_cannot_begin_is_refused(levels: str, message: str) -> None:
    text = BASE + f"factors: {{start: [{levels}], wd: [none, wd(0.1)]}}\nseeds: 2\n"
    with pytest.raises(ArchError) as caught:
        planned(study_of(text))
    assert message in str(caught.value)


def test_outside_of_a_study_there_is_no_arm(cli: Cli, place: Path) -> None:
    done = cli("train", "net conv(4) gap linear(10)\ndata fashion-mini\ntrain adam init(arm base)", cwd=place)
    assert done.returncode == 2
    assert "names an arm of a study" in done.stderr
    assert 'init("runs/NAME")' in done.stderr


@pytest.mark.slow
def test_a_study_of_evaluations(cli: Cli, place: Path) -> None:
    (place / "s.yaml").write_text(LESIONS)
    metrics = ("--metric", "test_accuracy", "--metric", "test_entropy", "--metric", "test_information")
    first = cli("ablate", "s.yaml", "--jobs", "2", "--format", "csv", *metrics, cwd=place)
    table = rows(first)
    assert [r["finished"] for r in table] == ["2"] * 6
    assert len(list(place.glob("runs/*/result.json"))) == 2
    kept = {p: p.stat().st_mtime_ns for p in place.glob("runs/*/evaluations/*.json")}
    assert len(kept) == 12
    assert all(r["test_information"] for r in table if "mc(3)" in r["arm"])
    assert not any(r["test_information"] for r in table if "mc(3)" not in r["arm"])
    # One worker, from nothing: the same table.
    alone = cli("ablate", "s.yaml", "--jobs", "1", "--format", "csv", *metrics, "--runs", "other", cwd=place)
    assert alone.stdout == first.stdout
    # Another study takes what is there; a sequential one, too.
    (place / "t.yaml").write_text(LESIONS.replace("{0 | 30}", "{0 | 30 | 60}").replace("seeds: 2\n", "max_seeds: 2\n"))
    more = cli("ablate", "t.yaml", "--jobs", "1", "--format", "csv", cwd=place)
    assert len(rows(more)) == 9
    assert len(list(place.glob("runs/*/result.json"))) == 2
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert len(list(place.glob("runs/*/evaluations/*.json"))) == 18


@pytest.mark.slow
def test_killed_between_training_and_evaluation(cli: Cli, place: Path) -> None:
    (place / "s.yaml").write_text(LESIONS.replace("seeds: 2", "seeds: 1"))
    command = [sys.executable, "-m", "archdsl", "ablate", "s.yaml", "--jobs", "1", "--format", "csv", "--quiet"]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(place.glob("runs/*/evaluations/*.json")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(place.glob("runs/*/evaluations/*.json"))) < 6
    resumed = cli(*command[3:], cwd=place)
    whole = cli(*command[3:], "--runs", "other", cwd=place)
    assert rows(resumed) == rows(whole)


def test_two_stages(cli: Cli, place: Path) -> None:
    (place / "s.yaml").write_text(STAGES)
    first = cli("ablate", "s.yaml", "--jobs", "2", "--format", "csv", cwd=place)
    assert [r["finished"] for r in rows(first)] == ["2", "2", "2"]
    texts = [p.read_text() for p in place.glob("runs/*/spec.arch")]
    assert sum('init("runs/' in t for t in texts) == 4
    alone = cli("ablate", "s.yaml", "--jobs", "1", "--format", "csv", "--runs", "other", cwd=place)
    assert alone.stdout == first.stdout
    # The recorded text is a run of its own: it is found again.
    text = next(t for t in texts if 'init("runs/' in t)
    again = cli("train", text, cwd=place)
    assert "cached" in again.stdout, again.stdout + again.stderr


def test_what_is_said_of_a_net_that_diverged(cli: Cli, place: Path) -> None:
    levels = "factors: {tune: [none, init(arm base)]}\nseeds: 1\nprecision: plain\n"
    (place / "s.yaml").write_text(WILD + levels)
    done = cli("ablate", "s.yaml", "--jobs", "1", "--format", "csv", cwd=place)
    assert done.returncode == 3
    assert "ended as `diverged`" in done.stderr, done.stderr
    (place / "e.yaml").write_text(f"{WILD}  evaluate {{mc(3) | rotate(30)}}\nseeds: 1\nprecision: plain\n")
    evaluated = cli("ablate", "e.yaml", "--jobs", "1", "--format", "csv", cwd=place)
    assert evaluated.returncode == 3
    every = planned_cells((place / "e.yaml").read_text(), 1)
    assert [look(place / "runs", cell).status for cell in every] == ["diverged"] * 2
    assert len(list(place.glob("runs/*/spec.arch"))) == 2
