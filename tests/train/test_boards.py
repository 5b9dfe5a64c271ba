"""Curves for TensorBoard: what is written, read back where tensorboard is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from archdsl.cli.main import main
from archdsl.errors import EnvError
from archdsl.runs.events import EpochDone, Finished, Progress, Resumed, Started

DONE = EpochDone(1, 4, 0.5, 0.9, None, None, 0.1, 1.0, 100.0)
AGAIN = EpochDone(2, 8, 0.25, 0.95, 0.3, 0.9, 0.05, 1.0, 100.0)
END = Finished(8, 0.25, 0.95, 0.9, 0.9, 2, 0.4, 0.8, 2.0, 100.0, 2, "")


class Writer:
    """Stands for torch's."""

    made: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, folder: str, **settings: Any) -> None:
        self.made.append({"folder": folder, **settings})

    def add_scalar(self, *values: Any) -> None:
        self.seen.append(values)

    def close(self) -> None:
        self.seen.append(("closed",))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Writer]:
    Writer.made, Writer.seen = [], []
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))  # type: ignore[arg-type]
    return Writer


def test_an_epoch_is_scalars_over_steps(fake: type[Writer], tmp_path: Path) -> None:
    from archdsl.runs.tensorboard import Board

    board = Board(tmp_path / "new" / "folder")
    for event in (Started("cpu", "here", 1, 0, 1, 1, 2, 8), Progress(1, 2, 0.7, 0.5, 10.0)):
        board(event)
    assert not fake.made, "no file before the first value"
    for event in (DONE, AGAIN, END):
        board(event)
    board.close()
    board.close()
    assert {
        ("loss/train", 0.5, 4),
        ("loss/train", 0.25, 8),
        ("loss/validation", 0.3, 8),
        ("learning rate", 0.05, 8),
        ("accuracy/test", 0.8, 8),
    } <= set(fake.seen)
    assert not [s for s in fake.seen if s[0] == "loss/validation" and s[2] == 4]
    assert fake.seen[-1] == ("closed",)
    assert fake.seen.count(("closed",)) == 1
    assert fake.made[0]["folder"] == str(tmp_path / "new" / "folder")


def test_a_resumed_run_replaces_what_it_does_again(fake: type[Writer], tmp_path: Path) -> None:
    from archdsl.runs.tensorboard import Board

    board = Board(tmp_path)
    board(Resumed(2, 4))
    board(AGAIN)
    assert fake.made[0]["purge_step"] == 5


def test_a_run_that_begins_again_replaces_all_of_it(fake: type[Writer], tmp_path: Path) -> None:
    from archdsl.runs.tensorboard import Board

    for _ in range(2):
        board = Board(tmp_path)
        board(DONE)
        board.close()
    assert [made["purge_step"] for made in fake.made] == [0, 0]


def test_what_cannot_be(fake: type[Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.runs.tensorboard import Board

    (tmp_path / "file").write_text("")
    with pytest.raises(EnvError, match="cannot write"):
        Board(tmp_path / "file" / "in it")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(EnvError, match="tensorboard, which is not installed") as error:
        Board(tmp_path)
    assert "archdsl[tensorboard]" in error.value.help


@pytest.mark.filterwarnings("ignore")  # of tensorboard and what it imports
def test_the_file_can_be_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from archdsl.runs.tensorboard import Board

    for events in ((DONE, AGAIN), (Resumed(2, 4), AGAIN, END)):
        board = Board(tmp_path)
        for event in events:
            board(event)
        board.close()
    found = EventAccumulator(str(tmp_path)).Reload()
    assert [(s.step, s.value) for s in found.Scalars("loss/train")] == [(4, 0.5), (8, 0.25)], "step 8 is there once"
    assert [s.step for s in found.Scalars("accuracy/test")] == [8]


def test_the_curves_of_a_run_are_in_a_folder_of_its_name(fake: type[Writer], tmp_path: Path) -> None:
    """Also where an earlier run of the same experiment, on other data, has the name without a number."""
    table = tmp_path / "table.csv"
    rows = [f"{n % 7},{n % 3},{'ab'[n % 2]}\n" for n in range(40)]
    text = 'net linear(4) relu linear(classes)\ndata csv("' + str(table) + '")\ntrain sgd(0.1) epochs(1) batch(8)\n'
    for more in (0, 4):
        table.write_text("x,y,kind\n" + "".join(rows) + "".join(rows[:more]))
        runs, board = tmp_path / "runs", tmp_path / "board"
        assert main(["train", text, "--runs", str(runs), "--tensorboard", str(board), "-q"]) == 0
    names = {path.name for path in (tmp_path / "runs").iterdir() if (path / "spec.arch").is_file()}
    assert len(names) == 2
    assert {Path(made["folder"]).name for made in fake.made} == names
