"""Runs and their data: a changed set is another run, a moved one is the same, and none goes on with other data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError
from archdsl.runs.events import EpochDone, Resumed, Warned
from archdsl.runs.identify import identified, of_its_place, with_data
from archdsl.runs.run import Run, experiment_key, find_run, identity, load_run, on_other_data
from archdsl.study.execute.cell import train_cell
from archdsl.study.execute.messages import RunOptions, RunRequest
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells, seeded
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import look
from archdsl.train.fit import fit
from archdsl.train.fused.fit import fit_together
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted

from .conftest import png, write_folder

PICTURES = 'net conv(4, s=2) relu gap linear(classes)\ndata folder("{}", size=8)\ntrain sgd(0.1) epochs(3) batch(4)'
ROWS = 'net linear(4) relu linear(classes)\ndata csv("{}")\ntrain sgd(0.1) epochs(3) batch(4)'


def write_rows(path: Path, first: str = "1.5") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{first if i == 0 else i / 7},{i % 5 - 2},{'ab'[i % 2]}" for i in range(20)]
    path.write_text("x,y,label\n" + "\n".join(rows) + "\n")


def train(text: str, out: Path, **more: Any) -> Run:
    spec = load(text)
    return fit(build(spec.trace), experiment_of(spec), out=out, device="cpu", speed="plain", **more)


def stopped(text: str, out: Path) -> Path:
    """A run that was interrupted after its first epoch."""
    done: list[EpochDone] = []
    with pytest.raises(Interrupted) as caught:
        train(
            text, out, listen=lambda e: done.append(e) if isinstance(e, EpochDone) else None, stop=lambda: len(done) > 0
        )
    assert caught.value.folder is not None
    return caught.value.folder


def test_identities_of_published_sets_but_for_the_fingerprint_are_those_that_are_stored() -> None:
    known = {
        "lenet5": "663f4121f15d87aebdd3d9aef3ef38c05a098e70e83fbb9df40fa0e0ef3a4e16",
        "vgg-res": "3c0ccaf13bd32c5ec9247c6e31d50caa16af85c17d1d8716b6cacb1cff768349",
    }
    for name, key in known.items():
        experiment = experiment_of(load(name))
        assert experiment_key(experiment) == identity(experiment) == key
        assert experiment.hash == load(name).hash
        assert identity(with_data(experiment, "a" * 64)) != key


def test_a_changed_picture_is_another_run_and_says_so(tmp_path: Path) -> None:
    write_folder(tmp_path / "p")
    text, heard = PICTURES.format(tmp_path / "p"), list[Any]()
    first = train(text, tmp_path / "runs")
    assert train(text, tmp_path / "runs").folder == first.folder
    (tmp_path / "p" / "cat" / "0.png").write_bytes(png((20, 30)))
    second = train(text, tmp_path / "runs", listen=heard.append)
    assert second.folder.name == f"{first.folder.name}-2"
    said = " ".join(e.text for e in heard if isinstance(e, Warned))
    assert f"the fingerprint was {first.fingerprint[:8]} and is {second.fingerprint[:8]}" in said
    assert first.fingerprint != second.fingerprint
    assert load_run(first.folder).result == first.result


def test_runs_on_another_folder_are_none_of_changed_data(tmp_path: Path) -> None:
    """One recipe on two sets: the runs of one are no runs of the other."""
    texts = []
    for name, size in (("p", (20, 30)), ("q", (31, 20))):
        write_folder(tmp_path / name)
        (tmp_path / name / "cat" / "0.png").write_bytes(png(size))
        texts.append(PICTURES.format(tmp_path / name))
    first = train(texts[0], tmp_path / "runs")
    for text, status in zip(texts, ("finished", "missing"), strict=True):
        study = study_of("base: |\n" + "".join(f"  {line}\n" for line in text.splitlines()) + "seeds: 1\n")
        (cell,) = cells(arms_of(study), study.seeds, tmp_path / "runs")
        assert look(tmp_path / "runs", cell).status == status
    (tmp_path / "p" / "cat" / "0.png").write_bytes(png((25, 20)))
    changed = identified(experiment_of(load(texts[0])))
    assert [run.folder for run in of_its_place(changed, on_other_data(tmp_path / "runs", changed))] == [first.folder]


def test_another_class_is_another_net_and_says_so(tmp_path: Path) -> None:
    write_folder(tmp_path / "p")
    text, heard = PICTURES.format(tmp_path / "p"), list[Any]()
    first = train(text, tmp_path / "runs")
    write_folder(tmp_path / "p", ("emu",))
    train(text, tmp_path / "runs", listen=heard.append)
    assert any(isinstance(e, Warned) and str(first.folder) in e.text for e in heard)


@pytest.mark.parametrize("kind", ["folder", "csv"])
def test_the_same_data_elsewhere_is_the_same_run(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        write_folder(tmp_path / "p")
        text = PICTURES
    else:
        write_rows(tmp_path / "p" / "d.csv")
        text = ROWS.replace("{}", "{}/d.csv")
    first = train(text.format(tmp_path / "p"), tmp_path / "runs")
    shutil.move(tmp_path / "p", tmp_path / "q")
    assert train(text.format(tmp_path / "q"), tmp_path / "runs").folder == first.folder


def test_two_projects_do_not_share_a_run_by_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path / "one" / "d.csv")
    write_rows(tmp_path / "two" / "d.csv", first="1.25")
    runs = []
    for place in ("one", "two"):
        monkeypatch.chdir(tmp_path / place)
        runs.append(train(ROWS.format("d.csv"), tmp_path / "runs"))
    assert runs[0].folder != runs[1].folder


def test_a_run_is_not_resumed_on_other_data(tmp_path: Path) -> None:
    write_rows(tmp_path / "d.csv")
    text, out = ROWS.format(tmp_path / "d.csv"), tmp_path / "runs"
    folder = stopped(text, out)
    before = load_run(folder).fingerprint
    whole = (tmp_path / "d.csv").read_bytes()
    write_rows(tmp_path / "d.csv", first="1.25")
    now = identified(experiment_of(load(text))).data.fingerprint
    with pytest.raises(ArchError, match="was interrupted and cannot be resumed") as caught:
        train(text, out)
    assert caught.value.exit_code == 2
    assert before[:8] in caught.value.message
    assert now[:8] in caught.value.message
    assert "--again" in caught.value.help
    fresh = train(text, out, again=True)
    assert (fresh.folder != folder, fresh.fingerprint) == (True, now)
    (tmp_path / "d.csv").write_bytes(whole)
    heard: list[Any] = []
    assert train(text, out, listen=heard.append).folder == folder
    assert any(isinstance(e, Resumed) for e in heard)


def test_a_run_of_before_fingerprints_is_neither_reused_nor_resumed(tmp_path: Path) -> None:
    text, out = (
        "net conv(2, s=8) gap linear(10)\ndata fashion-mini subset(32)\ntrain sgd(0.1) epochs(2) batch(16)",
        tmp_path,
    )
    folder = stopped(text, out)
    about = json.loads((folder / "settings.json").read_text())
    del about["data"]["fingerprint"], about["experiment"]
    about["identity"] = experiment_key(experiment_of(load(text)))
    (folder / "settings.json").write_text(json.dumps(about))
    with pytest.raises(ArchError, match="before data fingerprints existed") as caught:
        train(text, out)
    assert "the version of archdsl that began it" in caught.value.help
    assert train(text, out, again=True).folder != folder


def test_data_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.train import prepare

    write_rows(tmp_path / "d.csv")
    kept = prepare._splits

    def late(*args: Any) -> Any:
        found = kept(*args)
        write_rows(tmp_path / "d.csv", first="1.25")
        return found

    monkeypatch.setattr(prepare, "_splits", late)
    with pytest.raises(EnvError, match="has changed: its fingerprint is"):
        train(ROWS.format(tmp_path / "d.csv"), tmp_path / "runs")


def test_pictures_that_change_while_they_are_streamed_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "1")
    write_folder(tmp_path / "p")
    heard: list[Any] = []

    def listen(event: Any) -> None:
        heard.append(event)
        if isinstance(event, EpochDone) and event.epoch == 1:
            (tmp_path / "p" / "cat" / "0.png").write_bytes(png((20, 30)))

    run = train(PICTURES.format(tmp_path / "p"), tmp_path / "runs", listen=listen)
    assert run.result is not None
    assert "has changed" in run.result["data_changed"]
    assert any(isinstance(e, Warned) and "changed while the run trained" in e.text for e in heard)


def test_a_worker_compares_its_data_with_what_the_study_has_seen(tmp_path: Path) -> None:
    write_rows(tmp_path / "d.csv")
    spec = load(ROWS.format(tmp_path / "d.csv"))
    experiment = with_data(experiment_of(spec), "a" * 64)
    request = RunRequest(identity(experiment), experiment.name, experiment.text, data="a" * 64)
    result = train_cell(request, RunOptions(str(tmp_path / "runs"), device="cpu", precision="plain"), lambda e, s: None)
    assert (result.status, result.cause) == ("failed", "environment")
    assert "this run is on aaaaaaaa" in result.message
    assert find_run(tmp_path / "runs", experiment) is None


def test_a_streamed_set_that_cannot_be_read_at_the_end_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "1")
    write_folder(tmp_path / "p")
    heard: list[Any] = []

    def listen(event: Any) -> None:
        heard.append(event)
        if isinstance(event, EpochDone) and event.epoch == 1:
            (tmp_path / "p" / "cat" / "notes.txt").write_text("")

    run = train(PICTURES.format(tmp_path / "p"), tmp_path / "runs", listen=listen)
    assert run.result is not None
    assert run.result["status"] == "finished"
    assert "notes.txt is not a picture" in run.result["data_changed"]
    assert any(isinstance(e, Warned) and "changed while the run trained" in e.text for e in heard)
    assert run.weights.is_file()


def test_seeds_that_are_trained_as_one_net_say_that_their_pictures_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "1")
    write_folder(tmp_path / "p")
    spec = load(PICTURES.format(tmp_path / "p"))
    heard: list[tuple[int, str]] = []

    def listen(number: int, event: Any) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            (tmp_path / "p" / "cat" / "0.png").write_bytes(png((20, 30)))
        if isinstance(event, Warned):
            heard.append((number, event.text))

    every = [experiment_of(seeded(spec, n)) for n in range(2)]
    runs = fit_together(spec.trace, every, FitOptions(out=tmp_path / "runs", device="cpu", plan=PLAIN), listen)
    assert all("has changed" in (run.result or {})["data_changed"] for run in runs)
    assert [n for n, text in heard if "changed while the run trained" in text] == [0, 1]


@pytest.mark.parametrize("begun", ["resident", "streamed"])
def test_memory_decides_nothing_of_a_run_that_is_resumed(
    tmp_path: Path, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"resident": str(1 << 30), "streamed": "0"}
    (other,) = limits.keys() - {begun}
    write_folder(tmp_path / "p")
    text = PICTURES.format(tmp_path / "p")
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", limits[begun])
    straight = train(text, tmp_path / "straight")
    folder = stopped(text, tmp_path / "runs")
    normal = load_run(folder).settings["normalise"]
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", limits[other])
    resumed = train(text, tmp_path / "runs")
    assert (resumed.folder, resumed.settings["normalise"]) == (folder, normal)
    assert straight.settings["normalise"] == normal
    ours, theirs = resumed.state(), straight.state()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_a_run_goes_on_with_the_normalisation_that_it_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "0")
    write_folder(tmp_path / "p")
    folder = stopped(PICTURES.format(tmp_path / "p"), tmp_path / "runs")
    about = json.loads((folder / "settings.json").read_text())
    about["normalise"] = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}  # which earlier versions took
    (folder / "settings.json").write_text(json.dumps(about))
    assert train(PICTURES.format(tmp_path / "p"), tmp_path / "runs").settings["normalise"] == about["normalise"]
