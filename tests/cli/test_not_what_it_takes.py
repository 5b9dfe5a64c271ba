"""What a command is given and does not take is called what it is: a run without weights, a study for a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.runs.store.lock import lock_run

from .conftest import Run

PLAIN = ("--device", "cpu", "--precision", "plain")
NET = "net conv(4, s=4) relu gap linear(classes)\n"


def test_a_run_without_weights_says_so_once_and_truly(run: Run) -> None:
    text = f"{NET}data fashion-mini subset(64)\ntrain sgd(0.1) epochs(100000) batch(32)\n"
    folder = Path("runs/none")
    while not list(folder.glob("checkpoint-*.safetensors")):  # a busy machine may end no epoch at once
        assert run("train", text, "-q", *PLAIN, "--time-limit", "0.3").code == 3
        (folder,) = Path("runs").iterdir()
    stopped = f"the run {folder} has no weights: it ended as `timeout`, and weights are kept at the end"
    resumes = f"help: archdsl train {folder} resumes it"
    for command in (
        ("eval", str(folder)),
        ("lesion", str(folder)),
        ("transfer", str(folder), "resnet20", "-o", "w.safetensors"),
    ):
        done = run(*command)
        assert done.code in (4, 5)
        assert done.err.splitlines() == [f"error: {stopped}", resumes]
    (folder / "outcome.json").unlink()
    assert f"error: the run {folder} has no weights: it was stopped before its end" in run("eval", str(folder)).err
    lock = lock_run(folder)
    try:
        busy = run("eval", str(folder)).err.splitlines()
    finally:
        lock.release()
    assert busy[0].endswith("has no weights yet: it is still training, and keeps its weights at the end")
    assert busy[1].startswith("help: wait for its end; archdsl plot ")
    assert len(busy) == 2
    assert run("plot", str(folder)).code == 0
    exported = run("export", str(folder), "m.onnx")
    assert (exported.code, exported.err.count("these are the weights of its last checkpoint")) == (0, 1)
    for path in folder.glob("checkpoint-*"):
        path.unlink()
    assert f"error: the run {folder} has no weights: it was stopped" in run("export", str(folder), "n.onnx").err


@pytest.mark.parametrize("name", ["s.yaml", "there/s.yml", "gone.yaml"])
def test_a_study_for_a_spec_is_called_so(run: Run, name: str) -> None:
    if not name.startswith("gone"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("base: resnet20\nfactors:\n  rate: [sgd(0.1), sgd(0.2)]\n")
    for command in ("train", "params", "show", "draw", "fmt", "search"):
        done = run(command, name, *(("--budget", "1runs") if command == "search" else ()))
        assert done.code == 2, (command, done.err)
        if name.startswith("gone"):
            assert "there is no file gone.yaml" in done.err, command
            continue
        first, *rest = done.err.splitlines()
        assert first == f"error: `{name}` is a study, not a spec", command
        assert rest == [f"help: `archdsl ablate {name}` runs it; --dry-run says what it does"]
    if not name.startswith("gone"):
        assert run("ablate", name, "--dry-run").code == 0


def test_a_shipped_study_and_the_folder_of_a_study_are_called_so(run: Run) -> None:
    for name in ("ingredients", "ingredients.yaml", "specs/studies/ingredients.yaml"):
        done = run("train", name)
        assert (done.code, done.err.splitlines()[0]) == (2, f"error: `{name}` is a study, not a spec")
    Path("runs/studies/s").mkdir(parents=True)
    Path("runs/studies/s/study.yaml").write_text("base: resnet20\n")
    done = run("train", "runs/studies/s")
    assert done.err.splitlines()[0] == "error: `runs/studies/s` is the folder of a study, not a spec"
