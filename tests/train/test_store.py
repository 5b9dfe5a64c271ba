"""Run folders: the same experiment finds its run, others do not, and what lies there is never trusted."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.runs import run as run_module
from archdsl.runs import writer as writer_module
from archdsl.runs.events import Progress, Stopped
from archdsl.runs.identify import with_data
from archdsl.runs.run import FORMAT, check_writable, find_run, load_run, on_other_data, place_of, read_events
from archdsl.runs.store.remedy import remedy
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from tests.cli.folders import finished as result

from .nets import experiment

STATE = {"w": torch.arange(6.0)}


def begun(out: Path, what: Experiment) -> RunFolder:
    folder = RunFolder.open(out, what)
    folder.describe("cpu", {"speed": "plain"}, {"source": "embedded"})
    return folder


def finished(out: Path, what: Experiment) -> Path:
    folder = begun(out, what)
    folder.save(STATE, {"step": 1})
    folder.finish(STATE, result(train_loss=float("nan")))
    folder.close()
    return folder.path


def test_the_same_experiment_finds_its_run(tmp_path: Path) -> None:
    assert find_run(tmp_path, experiment()) is None
    path = finished(tmp_path, experiment())
    run = find_run(tmp_path, experiment())
    assert run is not None
    assert (run.folder, run.done, run.result["train_loss"]) == (path, True, None)
    assert torch.equal(run.state()["w"], STATE["w"])
    assert sorted(p.name for p in path.iterdir()) == [
        "model.safetensors",
        "result.json",
        "settings.json",
        "spec.arch",
        "versions.json",
    ]


def test_two_experiments_that_share_eight_digits(tmp_path: Path) -> None:
    one, two = (replace(experiment(), hash="12345678" + end) for end in ("aa", "bb"))
    paths = [finished(tmp_path, one), finished(tmp_path, two)]
    assert [p.name for p in paths] == ["tiny-net-12345678-s0", "tiny-net-12345678-s0-2"]
    found = [find_run(tmp_path, e) for e in (one, two)]
    assert [f.folder if f else None for f in found] == paths


def test_a_run_is_found_where_the_one_before_it_was_deleted(tmp_path: Path) -> None:
    one, two, three = (replace(with_data(experiment(), letter * 64), hash="12345678") for letter in "abc")
    paths = [finished(tmp_path, e) for e in (one, two, three)]
    for path in paths[:2]:
        shutil.rmtree(path)
    assert place_of(tmp_path, three) == paths[2]
    assert [run.folder for run in on_other_data(tmp_path, one)] == [paths[2]]
    assert place_of(tmp_path, two) == paths[0]  # the first name that is free
    # Also where the folder was listed long after its last change, and changes then.
    os.utime(tmp_path, ns=(0, 0))
    assert place_of(tmp_path, three) == paths[2]
    moved = paths[2].rename(paths[2].with_name(f"{paths[0].name}-12"))
    assert place_of(tmp_path, three) == moved
    assert finished(tmp_path, two) == paths[0]


@pytest.mark.parametrize("name", ["numbered", "other_names", "unused"])
def test_a_run_on_other_data_that_begins_meanwhile_keeps_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (with_data(experiment(), letter * 64) for letter in "ab")
    place, looked = place_of(tmp_path, one), getattr(run_module, name)

    def later(*given: Any) -> Any:
        monkeypatch.undo()
        assert finished(tmp_path, two) == place
        return looked(*given)

    monkeypatch.setattr(run_module, name, later)
    assert place_of(tmp_path, one) == place.with_name(f"{place.name}-2")


def test_a_run_that_begins_before_the_lock_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (with_data(experiment(), letter * 64) for letter in "ab")
    place, looked = place_of(tmp_path, one), place_of

    def early(*given: Any) -> Path:
        found = looked(*given)
        monkeypatch.undo()
        assert finished(tmp_path, two) == place
        return found

    monkeypatch.setattr(writer_module, "place_of", early)
    assert begun(tmp_path, one).path == place.with_name(f"{place.name}-2")
    assert find_run(tmp_path, two) is not None


@pytest.mark.parametrize("name", ["numbered", "other_names", "unused"])
def test_a_run_that_another_process_begins_meanwhile_is_no_other_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each look the folder may get its settings: a second folder was trained then."""
    place, looked = place_of(tmp_path, experiment()), getattr(run_module, name)

    def later(*given: Any) -> Any:
        monkeypatch.undo()
        assert finished(tmp_path, experiment()) == place
        return looked(*given)

    monkeypatch.setattr(run_module, name, later)
    assert place_of(tmp_path, experiment()) == place


def test_a_run_is_found_where_the_file_of_its_spec_had_another_name(tmp_path: Path) -> None:
    one, other = experiment(), replace(experiment(), name="renamed")
    path = finished(tmp_path, one)
    assert place_of(tmp_path, other) == path
    seed = replace(other, train=replace(other.train, seed=1))
    assert place_of(tmp_path, seed).name.startswith("renamed-")
    os.utime(tmp_path, ns=(0, 0))
    assert place_of(tmp_path, other) == path
    path = path.rename(path.with_name(f"of-Ann-{path.name}-2"))
    assert place_of(tmp_path, one) == place_of(tmp_path, other) == path
    assert place_of(tmp_path, with_data(other, "a" * 64)).name.startswith(
        "renamed-"
    )  # a run on other data is another run
    assert [run.folder for run in on_other_data(tmp_path, with_data(other, "a" * 64))] == [path]
    (path / "settings.json").write_text("{bad")
    own = finished(tmp_path, other)
    assert own.name.startswith("renamed-")
    assert place_of(tmp_path, other) == place_of(tmp_path, one) == own


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    first = begun(tmp_path, experiment())
    with pytest.raises(EnvError, match="is being written by process"):
        RunFolder.open(tmp_path, experiment())
    first.close()
    begun(tmp_path, experiment()).close()


def test_a_late_writer_leaves_the_run_as_it_is(tmp_path: Path) -> None:
    late = begun(tmp_path, experiment())
    (late.path / "claim.json").unlink()
    owner = begun(tmp_path, experiment())
    owner.save(STATE, {"step": 5})
    for write in (
        lambda: late.save(STATE, {"step": 9}),
        lambda: late.finish(STATE, {"status": "finished"}),
        lambda: late.note({"status": "oom"}),
    ):
        with pytest.raises(EnvError, match="has lost the run"):
            write()
    late.close()
    found = owner.checkpoint()
    assert found is not None
    assert found[1]["step"] == 5
    assert not (owner.path / "result.json").exists()
    owner.close()


def test_events_and_a_run_begun_anew(tmp_path: Path) -> None:
    folder = begun(tmp_path, experiment())
    folder.event(Progress(1, 3, 1.0, 0.5, 10.0))
    folder.event(Stopped(1, 4))
    assert read_events(folder.path) == [{"event": "stopped", "epoch": 1, "step": 4}]
    folder.save(STATE, {"step": 4})
    folder.close()
    folder = RunFolder.open(tmp_path, experiment(), again=True)
    assert folder.checkpoint() is None
    assert read_events(folder.path) == []
    folder.close()


def test_a_run_is_resumed_on_another_gpu_of_its_kind(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, experiment())
    gpu = {"processor": "NVIDIA H200", "deterministic": True}
    folder.describe("cuda:0", {}, {}, gpu)
    folder.save({"w": torch.zeros(1)}, {"step": 1})
    folder.describe("cuda:1", {}, {}, gpu)
    assert load_run(folder.path).versions["device"] == "cuda:1"
    with pytest.raises(EnvError, match="was begun with device cuda:1, and this is cpu") as caught:
        folder.describe("cpu", {}, {}, gpu)
    assert caught.value.help == "resume it where it was started, or train it again with --again"
    with pytest.raises(EnvError, match="was begun with processor NVIDIA H200, and this is NVIDIA A100"):
        folder.describe("cuda:1", {}, {}, {**gpu, "processor": "NVIDIA A100"})
    with pytest.raises(EnvError, match="was begun with deterministic True, and this is False") as caught:
        folder.describe("cuda:1", {}, {}, {**gpu, "deterministic": False})
    assert caught.value.help == "resume it with --deterministic, or train it again with --again"
    folder.close()


def test_damaged_runs_are_reported(tmp_path: Path) -> None:
    good = finished(tmp_path, experiment())
    for name in ("settings.json", "versions.json", "result.json"):
        whole = (good / name).read_bytes()
        for text in (b"", b"[]", b"\xff", whole[:-3]):
            (good / name).write_bytes(text)
            with pytest.raises(StoreError, match="is damaged") as caught:
                load_run(good)
            assert caught.value.exit_code == 5
        (good / name).write_bytes(whole)
    assert json.loads((good / "settings.json").read_text())["name"] == "tiny net"


@pytest.mark.parametrize(("number", "help"), [(2, "newer archdsl that wrote it"), (None, "--again` trains it again")])
def test_a_run_of_another_format_is_refused(tmp_path: Path, number: int | None, help: str) -> None:
    path = finished(tmp_path, experiment())
    about = json.loads((path / "settings.json").read_text())
    assert about["format"] == FORMAT == 1
    (path / "settings.json").write_text(json.dumps({**about, "format": number}))
    for use in (load_run, lambda p: find_run(tmp_path, experiment()), lambda p: RunFolder.open(tmp_path, experiment())):
        with pytest.raises(StoreError, match=f"has the format {number}, and this archdsl reads 1") as caught:
            use(path)
        assert caught.value.exit_code == 5
        assert help in caught.value.help


def test_a_run_with_damaged_settings_is_found_by_its_name_where_it_is_trained_again(tmp_path: Path) -> None:
    path = finished(tmp_path, experiment())
    for text in (b"{bad", b"{}", None):
        (path / "settings.json").unlink(missing_ok=True)
        if text is not None:
            (path / "settings.json").write_bytes(text)
        with pytest.raises(StoreError) as caught:
            place_of(tmp_path, experiment())
        assert f"`archdsl train {path} --again` trains it again" in caught.value.help
        assert place_of(tmp_path, experiment(), again=True) == path
        RunFolder.open(tmp_path, experiment(), again=True).close()
    assert not (path / "result.json").exists()


def test_a_run_behind_a_damaged_one_of_its_name_is_found(tmp_path: Path) -> None:
    path = finished(tmp_path, experiment())
    other = path.with_name(f"{path.name}-2")
    path.rename(other)
    path.mkdir()
    (path / "spec.arch").write_text("net gap linear(2)\n")
    (path / "settings.json").write_text("{bad")
    assert place_of(tmp_path, experiment()) == place_of(tmp_path, experiment(), again=True) == other


def test_remedies_by_what_is_damaged(tmp_path: Path) -> None:
    path = finished(tmp_path, experiment())
    assert remedy(path).startswith(f"`archdsl train {path} --again` trains it again; ")
    (path / "spec.arch").write_bytes(b"\xff")
    assert remedy(path).startswith(f"`archdsl runs delete {path}` removes it")
    with pytest.raises(StoreError, match=r"is damaged \(spec.arch is not UTF-8 text\)"):
        load_run(path)
    (path / "result.json").unlink()
    (path / "result.json").mkdir()
    assert remedy(path) == f"remove {path / 'result.json'}, which is a folder where a file should be"


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("torch_made", [False, True])
def test_weights_that_are_a_pickle_are_not_executed(tmp_path: Path, torch_made: bool) -> None:
    path, done = finished(tmp_path / "out", experiment()), tmp_path / "executed"
    if torch_made:
        torch.save(Malicious(done), path / "model.safetensors")
    else:
        (path / "model.safetensors").write_bytes(pickle.dumps(Malicious(done)))
    with pytest.raises(StoreError, match="cannot be read"):
        load_run(path).state()
    assert not done.exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_places_where_no_run_can_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    for use in (check_writable, lambda out: RunFolder.open(out, experiment())):
        with pytest.raises(ArchError, match="cannot write") as caught:
            use(tmp_path / place)
        assert caught.value.exit_code == 4
