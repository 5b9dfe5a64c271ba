"""Warnings reach a person: of data, weights and checkpoints, with `-q` too, and in a study as in a single run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.data import load
from archdsl.runs.events import warnings_in
from archdsl.study.execute.actor import Actor
from archdsl.study.execute.messages import RunOptions
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
    folder = Path("runs/none")
    while len(list(folder.glob("checkpoint-*.safetensors"))) < 2:  # a busy machine may get no further at once
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


STUDY = ("ablate", OWN.rstrip(), "--without", "drop", "--seeds", "2", "--jobs", "1", "--device", "cpu")


def test_a_study_says_what_its_runs_are_warned_of_once_and_keeps_it(run: Run, leak: Path) -> None:
    """Before the first result, below the table, on the page, in JSON, and whenever the study is reported later."""
    done = run(*STUDY, "--html", "page.html", "--format", "json")
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    said = [n for n, line in enumerate(lines) if line.startswith("warning: ")]
    assert [lines[n].count(text) for n, text in zip(said, (LEAK, MIXED), strict=True)] == [1, 1]
    assert all(lines[n].endswith(", seed 0)") or lines[n].endswith(", seed 1)") for n in said)
    assert max(said) < next(n for n, line in enumerate(lines) if line.startswith("1/4 "))
    kept = [note for note in json.loads(done.out)["notes"] if note.startswith("warning: ")]
    assert len(kept) == 2
    assert kept[0].startswith(f"warning: {LEAK}")
    assert kept[1] == f"warning: {MIXED} (every arm)"
    assert Path("page.html").read_text().count(LEAK) == 1
    for command in (("report", *STUDY[1:6]), STUDY, (*STUDY, "-q")):
        again = run(*command)
        assert again.code == 0, again.err
        assert again.out.count(LEAK) == again.out.count(MIXED) == 1
    run_folder = min(p.parent for p in Path("runs").glob("*/result.json"))
    assert run("runs", "show", str(run_folder)).out.count(LEAK) == 1
    cached = run("train", str(run_folder), "-q")
    assert cached.err.count(f"warning: {LEAK}") == 1
    assert LEAK in json.loads(run("train", str(run_folder), "--format", "json").out)["warnings"][0]


def test_a_quiet_study_says_warnings_and_nothing_else(run: Run, leak: Path) -> None:
    done = run(*STUDY, "-q", "--same", "1")
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["note", "warning", "warning"], done.err
    assert "`--same 1` is a margin of 100 points" in done.err


def test_arms_that_are_warned_are_named(run: Run, leak: Path) -> None:
    text = OWN.replace("drop(0.1) ", "").replace(
        'data folder("leak", size=8)', 'data {d: folder("leak", size=8) | folder("clean", size=8)}'
    )
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (leak.parent / "clean" / place).mkdir(parents=True)
        for n, part in enumerate((leak / place).iterdir()):
            if place != "test/dog" or part.name != "0.png":
                (leak.parent / "clean" / place / f"{n}.png").write_bytes(part.read_bytes())
    done = run("ablate", text, "--seeds", "1", "--jobs", "1", "--device", "cpu", "--format", "json", "-q")
    assert done.code == 0, done.err
    notes = [n for n in json.loads(done.out)["notes"] if n.startswith("warning: ")]
    assert len(notes) == 2
    assert all(re.search(r" \(`[^`]*leak[^`]*`\)$|\(`base`\)$", n) for n in notes), notes


def test_a_search_says_it_once(run: Run, leak: Path) -> None:
    pytest.importorskip("optuna")
    text = OWN.replace("conv(4, s=4)", "conv({width: 4 | 6}, s=4)").replace("size=8)", "size=8) valid(25%)")
    done = run(
        "search", text, "--budget", "2runs", "--winners", "1", "--jobs", "1", "--device", "cpu", "--format", "json"
    )
    assert done.code == 0, done.err
    assert done.err.count(LEAK) == 1
    assert next(n for n in json.loads(done.out)["notes"] if LEAK in n).startswith("warning: ")


def test_the_facts_of_a_folder_say_that_no_picture_was_compared(run: Run, leak: Path) -> None:
    found = json.loads(run("data", "folder:leak", "--format", "json").out)["found"]
    assert any(
        "whether equal ones are in both parts, or in different classes, is said by a run" in text for text in found
    )
    assert "is said by a run" in " ".join(run("data", "folder:leak").out.split())


def test_an_actor_keeps_the_warnings_of_its_run(tmp_path: Path) -> None:
    actor = Actor(RunOptions(str(tmp_path)), "archdsl.study.execute.cell:conditions", "none", False)
    actor._tell(0, 0.0, "one")
    actor._tell(1, 0.5)
    actor._tell(1, 0.6, "two")
    assert actor.progress() == (1, 0.6, ("one", "two"))


def test_warnings_of_a_result_that_another_program_has_changed() -> None:
    assert warnings_in({"warnings": ["a", 3, "b"]}) == ("a", "b")
    assert warnings_in({"warnings": 7}) == warnings_in({"warnings": "text"}) == warnings_in({}) == ()
