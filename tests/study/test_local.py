"""The engine of this machine: persistent workers, each result once, whatever happens to a worker."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.study.execute import cores as cores_of
from archdsl.study.execute import local
from archdsl.study.execute.ask import conditions
from archdsl.study.execute.cores import cores, gpus
from archdsl.study.execute.local import Local
from archdsl.study.execute.messages import Ready, RunOptions, RunProgress, RunRequest, RunResult
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from tests.conftest import REPO


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return tmp_path


def engine(home: Path, jobs: int = 2, retry: int = 1, limit: float | None = None) -> Local:
    return Local(RunOptions(str(home), limit=limit), jobs, home / "logs", retry, "worker_acts:act")


def carried_out(home: Path, texts: list[str], **options: int) -> dict[str, RunResult]:
    requests = [RunRequest(f"k{n}", "net", text) for n, text in enumerate(texts)]
    found = [e for e in engine(home, **options).run(requests) if isinstance(e, RunResult)]
    assert sorted(e.key for e in found) == sorted(o.key for o in requests)  # one each
    return {e.key: e for e in found}


def test_workers_stay_and_share_the_orders(home: Path) -> None:
    found = carried_out(home, ["sleep 0.02"] * 12)
    assert all(o.status == "finished" for o in found.values())
    assert len({o.figures["pid"] for o in found.values()}) <= 2
    if len(cores()) >= 2 and hasattr(os, "sched_getaffinity"):
        assert all(len(o.figures["core"]) == 1 for o in found.values())


def test_the_cell_of_the_benchmark_leaves_a_record_that_a_study_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bench/e1_cells.py times it; its record follows what a run must have."""
    monkeypatch.setenv("PYTHONPATH", str(REPO / "bench/peers"))
    study = study_of("base: conv(4) relu gap linear(10)\ndata: fashion-mini\nseeds: 3\n")
    arms = arms_of(study)
    runner = StudyRunner(arms, cells(arms, study.seeds), tmp_path)
    runner.carry_out(Local(RunOptions(str(tmp_path)), 1, tmp_path / "logs", work="noop:cell"), runner.missing)
    assert [found.status for found in runner.found.values()] == ["finished"] * 3


def test_a_worker_is_replaced_after_a_number_of_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "RECYCLED", 3)
    found = carried_out(home, ["ok"] * 8, jobs=1)
    assert len({o.figures["pid"] for o in found.values()}) == 3


def test_a_run_whose_worker_died_is_tried_again_and_then_given_up(home: Path) -> None:
    found = carried_out(home, ["die 1", "die", "ok"])
    assert [found[k].status for k in ("k0", "k1", "k2")] == ["finished", "failed", "finished"]
    assert found["k1"].cause == "died"
    assert found["k1"].message == "its process died (signal 9): the last words of a worker"
    assert len((home / "k1.tries").read_text().split()) == 2


def test_a_worker_that_is_told_to_leave_by_others_is_tried_again(home: Path) -> None:
    """As the system does when memory runs short: it answers, and leaves."""
    found = carried_out(home, ["end 1", "end", "ok"], jobs=1)
    assert [found[k].status for k in ("k0", "k1", "k2")] == ["finished", "interrupted", "finished"]
    assert [len((home / f"{k}.tries").read_text().split()) for k in ("k0", "k1", "k2")] == [2, 2, 1]


def test_a_worker_that_says_nothing_is_not_given_the_words_of_an_earlier_one(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "worker-0.log").write_text("RuntimeError: of last week\n")
    assert carried_out(home, ["quit"], jobs=1, retry=0)["k0"].message == "its process died (exit 7)"
    assert carried_out(home, ["die"], jobs=1, retry=0)["k0"].message.endswith("(signal 9): the last words of a worker")


def test_files_of_the_working_directory_are_not_imported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("random", "queue", "selectors", "archdsl"):
        (home / f"{name}.py").write_text("raise RuntimeError('it is imported')\n")
    monkeypatch.chdir(home)
    assert carried_out(home, ["ok"], jobs=1)["k0"].status == "finished"
    assert conditions(RunOptions(str(home), device="cpu", precision="fp32"))["device"] == "cpu"


def test_only_infrastructure_is_tried_again(home: Path) -> None:
    found = carried_out(home, ["fail experiment", "fail environment"], retry=2)
    assert {o.status for o in found.values()} == {"failed"}
    assert [len((home / f"k{n}.tries").read_text().split()) for n in (0, 1)] == [1, 3]


def test_a_run_that_another_process_has_is_asked_for_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "AGAIN", 0.02)
    found = carried_out(home, ["busy 3", "ok"], jobs=1)
    assert found["k0"].status == "finished"
    assert len((home / "k0.tries").read_text().split()) == 4


def test_a_run_that_hangs_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE", 0.5)
    requests = [RunRequest("slow", "net", "hang"), RunRequest("quick", "net", "ok")]
    begun = time.monotonic()
    found = {e.key: e for e in engine(home, jobs=1, limit=0.1).run(requests) if isinstance(e, RunResult)}
    assert found["slow"].status == "timeout"
    assert found["quick"].status == "finished"
    assert time.monotonic() - begun < 20


def test_what_takes_long_and_says_so_is_not_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation is not in the time limit; an evaluation says nothing while it lasts."""
    monkeypatch.setattr(local, "GRACE", 1.0)
    requests = [RunRequest("long", "net", "talk 15"), RunRequest("test", "net", "sleep 2", evaluation="mc(3)")]
    found = [e for e in engine(home, limit=0.1).run(requests) if isinstance(e, RunResult)]
    assert [e.status for e in found] == ["finished"] * 2


def test_a_run_that_hangs_is_found_while_others_talk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE", 0.5)
    requests = [RunRequest("slow", "net", "hang"), RunRequest("loud", "net", "talk 20")]
    ended = [e.key for e in engine(home, limit=0.1).run(requests) if isinstance(e, RunResult)]
    assert ended == ["slow", "loud"]


def test_what_a_worker_prints_is_no_answer(home: Path) -> None:
    assert carried_out(home, ["chatter"])["k0"].status == "finished"
    assert "would not be JSON" in (home / "logs" / "worker-0.log").read_text()


def test_each_worker_sees_a_gpu_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores_of, "built_for_gpus", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    shown = [engine(home, jobs=3)._gpu(number)["CUDA_VISIBLE_DEVICES"] for number in range(3)]
    assert shown == ["3", "5", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert engine(home)._gpu(0) == {}
    assert gpus() == 0


def test_news_and_conditions_come_first(home: Path) -> None:
    events = list(engine(home, jobs=1).run([RunRequest("k", "net", "sleep 0")]))
    assert [type(e) for e in events] == [Ready, RunProgress, RunResult]
    assert isinstance(events[0], Ready)
    assert events[0].conditions == {"torch": "none"}


def test_to_stop_listening_ends_the_workers(home: Path) -> None:
    running = engine(home)
    events = running.run([RunRequest(f"k{n}", "net", "sleep 30") for n in range(4)])
    for event in events:
        if isinstance(event, RunProgress):
            break
    pids = [w.process.pid for w in running.workers.values()]
    begun = time.monotonic()
    events.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 5
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_is_killed_while_it_starts_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLBORN", "2")
    assert carried_out(home, ["ok", "ok"], jobs=1)["k1"].status == "finished"
    monkeypatch.setenv("STILLBORN", "100")
    with pytest.raises(EnvError, match="did not start"):
        carried_out(home, ["ok"], jobs=1)


def test_a_worker_that_does_not_start_says_why(home: Path) -> None:
    broken = Local(RunOptions(str(home)), 1, home / "logs", 1, "no_such_module:act")
    with pytest.raises(EnvError, match="no_such_module"):
        list(broken.run([RunRequest("k", "net", "ok")]))
