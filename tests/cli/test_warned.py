"""Warnings reach a person: of data, weights and checkpoints, with `-q` too, and in a study as in a single run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.data import load
from archdsl.words.data.folders import Folder

from .conftest import Run

NET = "net conv(4, s=4) relu drop(0.1) gap linear(classes)\n"
OWN = f'{NET}data folder("leak", size=8)\ntrain sgd(0.1) epochs(1) batch(4)\n'
LEAK = "1 of 6 test pictures are among the training pictures too"
MIXED = "equal pictures are in different classes: 1 of 17 different ones"
PLAIN = ("--device", "cpu", "--precision", "plain")


@pytest.fixture(autouse=True)
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    """Pictures of which one is in both parts, as one class and as the other."""
    rng, root = np.random.default_rng(0), tmp_path / "leak"
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (root / place).mkdir(parents=True)
        for i in range(6 if place.startswith("train") else 3):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(root / place / f"{i}.png")
    (root / "test/dog/0.png").write_bytes((root / "train/cat/0.png").read_bytes())
    return root


def test_quiet_drops_progress_and_no_warning_of_the_data(run: Run, leak: Path) -> None:
    done = run("train", OWN, "-q", *PLAIN)
    assert done.code == 0
    assert [line.split(" (")[0] for line in done.err.splitlines()] == [f"warning: {LEAK}", f"warning: {MIXED}"]
    assert done.err.splitlines() == [n for n in load(Folder(str(leak), 8)).notes if n.startswith("warning: ")]
    loud = run("train", OWN, "--again", *PLAIN).err
    assert loud.count(LEAK) == 1
    assert "epoch 1/1" in loud


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_a_damaged_checkpoint_is_said(run: Run, quiet: tuple[str, ...]) -> None:
    text = f"{NET}data fashion-mini subset(64)\ntrain sgd(0.1) epochs(100000) batch(32)\n"
    assert run("train", text, "-q", *PLAIN, "--time-limit", "0.3").code == 3
    (folder,) = Path("runs").iterdir()
    newest = max(folder.glob("checkpoint-*.safetensors"), key=lambda p: p.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1])
    done = run("train", text, *quiet, *PLAIN, "--time-limit", "0.05")
    assert done.code == 3
    assert done.err.count(f"warning: {newest} is ignored: ") == 1
    assert ("epoch" in done.err) == (not quiet)
    assert '"event": "warned"' in (folder / "events.jsonl").read_text()


def test_weights_that_hardly_fit_are_said(run: Run) -> None:
    settings = "data fashion-mini subset(64)\ntrain sgd(0.1) epochs(1) batch(32)"
    assert run("train", f"net stem: conv(4, s=4) relu gap linear(classes)\n{settings}\n", "-q", *PLAIN).code == 0
    (old,) = Path("runs").iterdir()
    text = f'net stem: conv(4, s=4) relu conv(32) relu gap linear(classes)\n{settings} init("{old}")\n'
    done = run("train", text, "-q", *PLAIN)
    assert done.code == 0, done.err
    assert re.fullmatch(
        r"warning: most of the network does not begin with runs/\S+: 1,514 of 1,554 parameters are new; "
        r"`archdsl transfer` lists them\n",
        done.err,
    )


def test_a_doubtful_word_is_said(run: Run) -> None:
    text = (
        NET.replace("(classes)", "(classes) softmax")
        + "data fashion-mini subset(64)\ntrain sgd(0.1) epochs(1) batch(32)\n"
    )
    done = run("train", text, "-q", *PLAIN)
    assert (done.code, done.err.count("warning[A506]"), done.err.count("epoch")) == (0, 1, 0)
