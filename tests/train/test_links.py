"""A run folder that came from somebody else: what is written to it stays in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archdsl.atomic import TEMPORARY, write_whole
from archdsl.cli.main import main
from archdsl.errors import EnvError
from archdsl.export.target import replacing
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.runs.store.lock import LOCK, lock_run
from archdsl.runs.store.log import EVENTS, append, repair, sync
from archdsl.study.execute.worker_process import opened

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
TEXT = b'{"event":"started"}\n{"torn'  # which a log would be cut off at
LINKS: list[Callable[[Path, Path], None]] = [
    lambda link, outside: link.symlink_to(outside),
    lambda link, outside: os.link(outside, link),
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is none of the run's."""
    place = tmp_path / "outside"
    place.write_bytes(TEXT)
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "run"
    place.mkdir()
    return place


@pytest.mark.parametrize("link", LINKS, ids=["link", "hard link"])
@pytest.mark.parametrize(
    "act", [lambda f: append(f, {"event": "stopped"}), repair, sync], ids=["append", "repair", "sync"]
)
def test_a_log_that_is_a_link_is_refused(
    link: Callable[[Path, Path], None], act: Callable[[Path], object], folder: Path, outside: Path
) -> None:
    link(folder / EVENTS, outside)
    with pytest.raises(EnvError, match="could change a file elsewhere") as caught:
        act(folder)
    assert caught.value.exit_code == 4
    assert str(folder / EVENTS) in str(caught.value)
    assert outside.read_bytes() == TEXT


def test_a_link_to_nowhere_makes_no_file_there(folder: Path, tmp_path: Path) -> None:
    (folder / EVENTS).symlink_to(tmp_path / "new")
    with pytest.raises(EnvError, match="is a link"):
        append(folder, {"event": "stopped"})
    assert not (tmp_path / "new").exists()


def test_a_pipe_in_the_place_of_the_log_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / EVENTS)
    with pytest.raises(EnvError, match="is no file"):
        append(folder, {"event": "stopped"})


def test_files_that_are_replaced_leave_what_a_link_led_to(folder: Path, outside: Path) -> None:
    (folder / "result.json").symlink_to(outside)
    (folder / f"{TEMPORARY}{os.getpid()}-result.json").symlink_to(outside)  # whoever made it can guess the number
    write_whole(folder / "result.json", b"{}")
    assert not (folder / "result.json").is_symlink()
    for name in ("checkpoint-a.safetensors", "checkpoint-a.json", "checkpoint-b.json"):
        (folder / name).symlink_to(outside)
    checkpoints = Checkpoints(folder)
    for step in range(2):
        checkpoints.save({"w": torch.zeros(1)}, {"step": step})
    (folder / LOCK).symlink_to(outside)
    lock_run(folder).release()
    assert outside.read_bytes() == TEXT


def test_output_files_and_logs_of_workers(folder: Path, outside: Path) -> None:
    (folder / f".net.svg.{os.getpid()}").symlink_to(outside)
    with replacing(folder / "net.svg") as file:
        file.write_text("new")
    (folder / "worker-0.log").symlink_to(outside)
    with pytest.raises(EnvError, match="is a link"):
        opened(folder / "worker-0.log")
    opened(folder / "worker-1.log").close()
    assert outside.read_bytes() == TEXT


def test_a_folder_of_runs_that_is_a_link_is_the_users_own_choice(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "runs").symlink_to("real")
    text = "net gap linear(classes)\ndata fashion-mini subset(20)\ntrain sgd(0.1) epochs({})\n"
    more = ["--precision", "plain", "--quiet", "--device", "cpu"]
    assert main(["train", text.format(1), *more]) == 0
    (run,) = (tmp_path / "real").iterdir()
    (run / "result.json").unlink()
    (run / EVENTS).unlink()
    (run / EVENTS).symlink_to(outside)
    capsys.readouterr()
    assert main(["train", text.format(1), *more]) == 4
    assert "is a link" in capsys.readouterr().err
    assert outside.read_bytes() == TEXT
