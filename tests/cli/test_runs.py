"""``archdsl runs`` and ``archdsl plot`` on two short runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from archdsl.errors import ArchError
from archdsl.train.events import EpochDone, Finished
from archdsl.train.experiment import TrainSettings
from archdsl.train.fit import fit
from archdsl.train.listing import chosen
from archdsl.train.store.claim import claim
from archdsl.words.train.values import Sgd
from tests.cli.conftest import Run
from tests.train.nets import experiment, small_net


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for lr in (0.05, 1e38):
        settings = TrainSettings(Sgd(lr, 0.9, False), epochs=2, batch=50)
        fit(small_net(), experiment(settings, 200), out=folder, speed="plain", device="cpu")
    torch.set_num_threads(before)
    return folder


def names(out: Path) -> list[str]:
    return sorted(p.name for p in out.iterdir())


def test_a_list_is_data(run: Run, out: Path) -> None:
    found = json.loads(run("runs", "--out", str(out), "--format", "json").out)
    assert [f["run"] for f in found] == names(out)
    assert sorted(f["status"] for f in found) == ["diverged", "finished"]
    kept = json.loads(
        run("runs", "--out", str(out), "--where", "status = finished and accuracy >= 0", "--format", "json").out
    )
    assert [f["status"] for f in kept] == ["finished"]
    ordered = json.loads(run("runs", "--out", str(out), "--sort", "-accuracy", "--format", "json").out)
    assert ordered[0]["status"] == "finished"  # a run without the figure comes last


@pytest.mark.parametrize(
    ("where", "sort", "message"),
    [("acuracy > 1", None, "no column"), ("accuracy", None, "no comparison"), (None, "speed", "no column"),
     ("__import__ > 1", None, "no column"), ("accuracy > high", None, "is a number")],
)  # fmt: skip
def test_tests_that_say_nothing(where: str | None, sort: str | None, message: str) -> None:
    with pytest.raises(ArchError, match=message):
        chosen([{"accuracy": 0.5, "run": "a"}], where, sort)


def test_show_and_compare(run: Run, out: Path) -> None:
    one, two = names(out)
    shown = run("runs", "show", one, "--out", str(out))
    assert "settings.train.batch" in shown.out
    compared = json.loads(run("runs", "compare", one, two, "--out", str(out), "--format", "json").out)
    assert {"train.optimizer.lr", "status"} <= {row["what"] for row in compared}
    assert "train.batch" not in {row["what"] for row in compared}  # the same in both


def test_words_that_are_no_action(run: Run, out: Path) -> None:
    for args, message in ((("remove", "a"), "one of show, compare and delete"), (("show",), "needs the name"),
                          (("show", "nothing"), "is no run")):  # fmt: skip
        done = run("runs", *args, "--out", str(out))
        assert done.code in (2, 4)
        assert message in done.err


def test_curves(run: Run, out: Path, tmp_path: Path) -> None:
    one = next(p.name for p in out.iterdir() if (p / "result.json").read_text().find("finished") > 0)
    assert "train" in run("plot", one, "--out", str(out)).out
    pytest.importorskip("matplotlib")
    for kind in ("svg", "png"):
        for name in ("a", "b"):
            done = run("plot", one, "--out", str(out), "--save", str(tmp_path / f"{name}.{kind}"), "--what", "accuracy")
            assert done.code == 0, done.err
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert "accuracy" in (tmp_path / "a.svg").read_text()
    assert run("plot", one, "--out", str(out), "--save", str(tmp_path / "a.gif")).code == 2


def test_delete(run: Run, out: Path) -> None:
    one = names(out)[0]
    asked = run("runs", "delete", one, "--out", str(out))
    assert asked.code == 2
    assert "--yes" in asked.err
    held = claim(out / one)
    try:
        assert run("runs", "delete", one, "--out", str(out), "--yes").code == 4
    finally:
        held.release()
    assert (out / one).is_dir()
    assert run("runs", "delete", one, "--out", str(out), "--yes").code == 0
    assert not (out / one).exists()


def test_a_board_gets_every_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from archdsl.train.boards import Board

    seen: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path)

        def add_scalar(self, *values: object) -> None:
            seen.append(values)

        def close(self) -> None:
            seen.append(("closed", 0, 0))

    module = type("Fake", (), {"SummaryWriter": Writer})
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", module)
    board = Board(tmp_path)
    board(EpochDone(1, 4, 0.5, 0.9, None, None, 0.1, 1.0, 100.0))
    board(Finished(4, 0.5, 0.9, None, None, None, 0.4, 0.8, 1.0, 100.0, 1, ""))
    board.close()
    assert ("loss", 0.5, 1) in seen
    assert ("test_accuracy", 0.8, 1) in seen
    assert not [s for s in seen if s[0] == "valid_loss"]
    assert seen[-1][0] == "closed"
