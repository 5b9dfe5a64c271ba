"""``archdsl runs``: what a list says, which runs a test keeps, what is shown and compared, and what may be deleted."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archdsl.cli.support.filters import ordered, parse_where
from archdsl.errors import ArchError
from archdsl.runs.store.lock import lock_run
from tests.cli.conftest import Run
from tests.cli.folders import finished, made
from tests.conftest import REPO


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run of every kind."""
    out = tmp_path / "runs"
    made(out, "a-good", result=finished(), hash="aaaa111100000000")
    made(out, "b-better", result=finished(0.9), hash="bbbb222200000000", batch=64, net="conv(16)", lr=0.2)
    made(out, "c-cut", epochs=2, hash="cccc333300000000")
    made(out, "d-nan", epochs=1, result={"status": "diverged", "epoch": 2, "step": 13, "kept_epoch": 1})
    (made(out, "e-broken") / "settings.json").write_text("{")
    for name, status in (("f-memory", "oom"), ("g-error", "failed")):
        outcome = {"status": status, "epoch": 0, "step": 0, "message": "no room"}
        (made(out, name, epochs=0) / "outcome.json").write_text(json.dumps(outcome))
    (out / "no run").mkdir()
    (out / "file").write_text("")
    return out


def listed(run: Run, *args: str) -> list[dict[str, Any]]:
    done = run("runs", *args, "--format", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_list_tells_how_each_run_stands(run: Run, out: Path) -> None:
    rows = {r["run"]: r for r in listed(run)}
    assert {name: r["status"] for name, r in rows.items()} == {
        "a-good": "finished",
        "b-better": "finished",
        "c-cut": "interrupted",
        "d-nan": "diverged",
        "e-broken": "damaged",
        "f-memory": "oom",
        "g-error": "failed",
    }
    good = rows["a-good"]
    assert (good["hash"], good["epochs"], good["test_accuracy"], good["best_valid_accuracy"]) == (
        "aaaa1111",
        4,
        0.75,
        0.6,
    )
    assert (good["train_loss"], good["params"], good["seconds"]) == (0.5, 1234, 6.0)
    cut = rows["c-cut"]
    assert (cut["epochs"], cut["test_accuracy"], cut["best_valid_accuracy"], cut["seconds"]) == (2, None, 0.3, 3.0)
    assert rows["f-memory"]["epochs"] == 0


def test_the_date_is_of_the_last_event(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for path in (out / "a-good").iterdir():
        os.utime(path, (0, 86400 * 365))
    os.utime(out / "a-good" / "result.json", (0, 86400 * 365 + 61))
    assert listed(run, "--where", "run=a-good")[0]["date"] == "1971-01-01 00:01:01"


def test_a_run_that_is_held_runs(run: Run, out: Path) -> None:
    held = lock_run(out / "c-cut")
    assert [r["run"] for r in listed(run, "--where", "status=running")] == ["c-cut"]
    found = json.loads((out / "c-cut" / "claim.json").read_text())
    held.release()
    for change, status in (({"pid": 2**22 + 1}, "interrupted"), ({"host": "elsewhere"}, "running")):
        (out / "c-cut" / "claim.json").write_text(json.dumps({**found, **change}))
        assert listed(run, "--where", "run=c-cut")[0]["status"] == status


def test_formats(run: Run, out: Path) -> None:
    table = run("runs").out
    assert "75.00 %" in table
    assert "e-broken is damaged" in table.splitlines()[-1]
    assert (
        run("runs", "--format", "csv").out.splitlines()[1].startswith("a-good,aaaa1111,finished,4,0.75,0.6,0.5,1234,")
    )
    assert run("runs", "--format", "tsv").out.startswith("run\thash\tstatus\t")
    assert run("runs", "--format", "md").out.startswith("| run | hash |")
    done = run("runs", "--out", "nowhere")
    assert (done.code, done.out) == (4, "")
    assert "there is no folder nowhere" in done.err


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("accuracy>0.8", "b"), ("accuracy > 80%", "b"), ("accuracy<=75% and status = finished", "a"),
        ("status=finished", "ab"), ("status != finished", "cdefg"), ("status=failed", "g"), ("epochs >= 2 and epochs<4", "c"),
        ("train.batch=64", "b"), ("train.optimizer.lr == 1e-1", "acdfg"), ("data.dataset=digits", "abcdfg"),
        ("run=*-b*", "be"), ("status='finished' and run = \"a-good\"", "a"), ("train.schedule = none", "abcdefg"),
        ("accuracy != none", "ab"), ("train.syncbn=false", "abcdfg"), ("date >= 2001", "abcdefg"), ("accuracy > -1", "ab"),
        ("not status = finished", "cdefg"), ("params > 1k", "abcdfg"), ("params < 1.2K", ""),
        ("train.batch=64 or (accuracy < 0.8 and epochs = 4)", "ab"),
    ],
)  # fmt: skip
def test_where(run: Run, out: Path, where: str, kept: str) -> None:
    assert "".join(r["run"][0] for r in listed(run, "--where", where)) == kept


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("test_acuracy > 1", "did you mean `test_accuracy`"),
        ("status = finishd", "did you mean `finished`"),
        ("status != finishd", "`status != finishd` compares with a status that no row can have"),
        ("accuracy", "compares `test_accuracy` with nothing"),
        ("", "a name is missing at its end"),
        ("accuracy > 1 and", "a name is missing at its end"),
        ("accuracy >", "a value is missing after `accuracy >`"),
        ("accuracy > high", "test_accuracy is a number"),
        ("accuracy > 1x", "test_accuracy is a number, and `1x` is none"),
        ("accuracy > 1 loss < 2", "`loss` where `and`"),
        ("accuracy >> 1", "a value is missing after `accuracy >`"),
        ("status = 'open", "cannot be read at `'open`"),
        ("> 1", "a name is missing before `>`"),
        ("accuracy > 0.5 and (loss < 1", "a bracket is open"),
        ("__class__ = 1", "unknown column"),
        ("x" * 3000, "the most"),
    ],
)
def test_tests_that_say_nothing(run: Run, out: Path, where: str, message: str) -> None:
    done = run("runs", "--where", where)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_nothing_is_evaluated() -> None:
    names = ["a", "b"]
    for text in ("a = __import__('os')", "a.__class__ = 1", "a = 1;b = 2", "a = 1 and b"):
        with pytest.raises(ArchError):
            parse_where(text, names)({"a": 1, "b": 2})
    assert parse_where("a = $(reboot)", names)({"a": "$(reboot)", "b": 2})


def test_sort(run: Run, out: Path) -> None:
    assert [r["run"][0] for r in listed(run, "--sort", "-test_accuracy")][:2] == ["b", "a"]
    assert [r["run"][0] for r in listed(run, "--sort", "accuracy")][:2] == ["a", "b"]
    assert [r["run"][0] for r in listed(run, "--sort", "-train.batch", "--where", "status=finished")] == ["a", "b"]
    assert run("runs", "--sort", "speed").code == 2
    assert ordered([{"a": None}, {"a": 2}, {"a": 10}], "-a") == [2, 1, 0], "numbers as numbers, nothing last"


def test_show(run: Run, out: Path) -> None:
    text = run("runs", "show", "a-good").out
    for part in ("75.00 %", "net conv(8)", "train.optimizer.lr", "2.13.0", "best_epoch", "valid loss"):
        assert part in text
    assert re.search(r"^train\.seed +0$", text, re.MULTILINE), "a setting of 0 is one"
    record = json.loads(run("runs", "show", str(out / "b-better"), "--format", "json").out)[0]
    assert record["result"]["test_accuracy"] == 0.9
    assert [e["epoch"] for e in record["epochs"]] == [1, 2, 3, 4]
    assert run("runs", "show", "e-broken").code == 5


def test_compare(run: Run, out: Path) -> None:
    done = run("runs", "compare", "aaaa", "bbbb2222", "--format", "json")
    rows = {r.pop("what"): tuple(r.values()) for r in json.loads(done.out)}
    assert rows["train.optimizer.lr"] == (0.1, 0.2, None)
    assert rows["train.batch"] == (128, 64, None)
    assert rows["net"] == ("conv(8)", "conv(16)", None)
    assert rows["test_accuracy"] == (0.75, 0.9, pytest.approx(0.15))
    assert "data.dataset" not in rows
    text = run("runs", "compare", "aaaa", "bbbb", "c-cut").out
    assert "+15.00 points" in text
    assert f"3: {out.name}/c-cut" in text
    assert run("runs", "compare", "aaaa").code == 2


def test_names_of_runs(run: Run, out: Path) -> None:
    for args, message in (
        (("remove", "a"), "the actions are show, compare and delete"),
        (("show",), "needs the name"),
        (("show", "a-godo"), "did you mean `a-good`"),
        (("show", "abcd"), "may be one of"),
        (("show", "aaa"), "is not a run"),
        (("show", "x" * 5000), "is not a run"),
        (("show", "a-good", "--sort", "x"), "belong"),
    ):
        done = run("runs", *args)
        assert done.code in (2, 4)
        assert message in done.err


def test_delete_takes_the_run_and_nothing_else(run: Run, out: Path) -> None:
    kept = out.parent / "kept"
    kept.mkdir()
    (kept / "file").write_text("dear")
    (out / "a-good" / "checkpoint-a.json").symlink_to(kept / "file")
    done = run("runs", "delete", "a-good", "f-memory", "--yes")
    assert (done.code, done.out) == (0, "")
    assert not (out / "a-good").exists()
    assert not (out / "f-memory").exists()
    assert (out / "b-better").is_dir()
    assert (kept / "file").read_text() == "dear", "links are taken away, not followed"


def test_what_is_not_deleted(run: Run, out: Path) -> None:
    (out / "link").symlink_to(out / "a-good")
    (out / "b-better" / "thesis.tex").write_text("dear")
    (out / "d-nan" / "checkpoint-mine").mkdir()
    held = lock_run(out / "c-cut")
    for name, message in (
        ("link", "is a link"),
        ("b-better", "thesis.tex"),
        ("d-nan", "checkpoint-mine"),
        ("no run", "is not a run"),
        ("c-cut", "a process is using"),
        (str(out), "is not a run"),
    ):
        done = run("runs", "delete", "a-good", name, "--yes")
        assert done.code == 4
        assert message in done.err
        assert (out / "a-good" / "spec.arch").is_file(), "all is looked at before anything is deleted"
    held.release()
    assert len(list((out / "c-cut").iterdir())) == 4


def test_without_a_terminal_nobody_is_asked(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    done = run("runs", "delete", "a-good")
    assert done.code == 2
    assert "--yes" in done.err
    assert (out / "a-good").is_dir()


@pytest.mark.parametrize(("answer", "gone"), [(b"n\n", False), (b"\n", False), (b"y\n", True)])
def test_a_terminal_is_asked(out: Path, answer: bytes, gone: bool) -> None:
    leader, follower = pty.openpty()
    os.write(leader, answer)
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "runs", "delete", "a-good"],
        stdin=follower,
        capture_output=True,
        cwd=out.parent,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        timeout=60,
    )
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Delete a-good for good?" in done.stderr
    assert (out / "a-good").exists() != gone


def test_a_run_that_was_trained(run: Run, tmp_path: Path) -> None:
    import torch

    from archdsl.settings.experiment import TrainSettings
    from archdsl.train.fit import fit
    from tests.train.nets import experiment, small_net

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    done = fit(
        small_net(),
        experiment(TrainSettings(epochs=2, batch=50), 200),
        out=tmp_path / "runs",
        speed="plain",
        device="cpu",
    )
    torch.set_num_threads(before)
    assert done.result is not None
    (found,) = listed(run)
    assert (found["status"], found["epochs"], found["run"]) == ("finished", 2, done.folder.name)
    assert found["test_accuracy"] == done.result["test_accuracy"]
    assert run("plot", done.folder.name).code == 0
    assert run("runs", "delete", done.folder.name, "--yes").err == f"deleted runs/{done.folder.name}\n"
    assert not done.folder.exists(), "everything that a run writes is known to be its own"


@pytest.mark.parametrize(
    "args", [("runs",), ("runs", "show", "a-good"), ("runs", "compare", "aaaa", "bbbb"), ("plot", "a-good")]
)
def test_no_torch_is_waited_for(out: Path, args: tuple[str, ...]) -> None:
    from tests.test_house import HEAVY, loaded_by

    assert not loaded_by(*args, cwd=out.parent) & HEAVY
