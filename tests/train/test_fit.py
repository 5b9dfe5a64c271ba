"""From a model and settings to a run folder; what goes wrong on the way."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.atomic import plain
from archdsl.data.normalise import measured
from archdsl.device import choose_device
from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.runs.events import EpochDone, Finished, Started
from archdsl.runs.run import load_run
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import DataSettings, Experiment, TrainSettings
from archdsl.train.fit import fit
from archdsl.train.signals import Interrupted
from archdsl.words.data.augmentations import Crop, Flip
from archdsl.words.data.folders import Folder
from archdsl.words.data.parts import Valid
from archdsl.words.train.optimizers import Adam, Sgd

from .conftest import write_folder
from .nets import experiment, small_net, stripes


def test_it_learns_on_the_embedded_data(tmp_path: Path) -> None:
    events = []
    settings = TrainSettings(Adam(0.01, 0.9, 0.999, 1e-8), epochs=3, batch=50)
    run = fit(small_net(), experiment(settings, 2000, valid=Valid(0.1)), out=tmp_path, listen=events.append)
    assert [type(e) for e in events] == [Started, EpochDone, EpochDone, EpochDone, Finished]
    assert (events[0].train_images, events[0].valid_images, events[0].test_images) == (1800, 200, 2000)
    assert "device: cpu" in events[0].notes[0] or "cuda" in events[0].notes[0]
    assert run.result["test_accuracy"] > 0.4


def test_the_folder_has_all_that_is_needed(tmp_path: Path) -> None:
    model = small_net()
    data = experiment()
    run = fit(model, data, out=tmp_path)
    assert run.folder.name == f"tiny-net-{data.digest}-s0"
    assert run.spec == "net tiny\n"
    assert run.settings["train"]["epochs"] == 2
    assert run.settings["data"]["dataset"] == "fashion-mini"
    assert run.versions["torch"] == torch.__version__
    assert run.result["status"] == "finished"
    assert sorted(p.name for p in run.folder.iterdir()) == [
        "correct.bits",
        "events.jsonl",
        "model.safetensors",
        "result.json",
        "settings.json",
        "spec.arch",
        "versions.json",
    ]
    log = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in log] == ["started", "epochdone", "epochdone", "finished"]
    other = small_net()
    other.load_state_dict(load_run(run.folder).state())
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_same_run_elsewhere_gives_equal_weights(tmp_path: Path) -> None:
    data = experiment(augment=(Flip(0.5), Crop(2)))
    runs = [fit(small_net(), data, out=tmp_path / place, speed="plain") for place in ("a", "b")]
    assert runs[1].folder.name == runs[0].folder.name
    assert runs[0].weights.read_bytes() == runs[1].weights.read_bytes()


def test_training_on_from_weights(tmp_path: Path) -> None:
    model = small_net()
    before = model[0].weight.clone()
    still = replace(experiment().train, optimizer=Sgd(1e-30, 0.0, False), epochs=1)
    fit(model, experiment(still), out=tmp_path, fresh=False)
    assert torch.equal(model[0].weight, before)


def test_pictures_of_ones_own(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    data = DataSettings(Folder(str(tmp_path / "photos"), 12))
    run = fit(small_net(2, 3), Experiment("own", "net x", data, TrainSettings(epochs=1, batch=4)), out=tmp_path / "o")
    assert run.result["status"] == "finished"


def test_statistics_of_pictures_that_publish_none() -> None:
    arrays = stripes(2100)
    mean, std = measured(arrays)
    pixels = torch.from_numpy(arrays.images).double() / 255
    assert mean == pytest.approx((pixels.mean().item(),))
    assert std == pytest.approx((pixels.std(correction=0).item(),))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (small_net(9), "gives 9 values an image, and fashion-mini has 10 classes"),
        (small_net(10, channels=3), "does not take the images of fashion-mini \\(1x28x28\\)"),
        (nn.Conv2d(1, 10, 28), "gives 10x1x1 values"),
    ],
)
def test_a_net_that_does_not_fit_the_data(tmp_path: Path, model: nn.Module, message: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        fit(model, experiment(), out=tmp_path)
    assert caught.value.help
    assert not list(tmp_path.glob("tiny*")), "no folder of a run that never was"


def test_batch_norm_with_a_batch_of_one(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))
    with pytest.raises(ArchError, match="batch norm cannot train on a batch of one") as caught:
        fit(model, experiment(TrainSettings(epochs=1, batch=1), 4), out=tmp_path)
    assert "batch(1)" in caught.value.help
    fit(model, experiment(TrainSettings(epochs=1, batch=4), 5), out=tmp_path)  # 4 + 1: the one joins


def test_devices_that_are_not_there() -> None:
    with pytest.raises(ArchError, match="unknown device 'gpu'"):
        choose_device("gpu")
    with pytest.raises(EnvError, match="torch sees") as caught:
        choose_device("cuda:77")
    assert caught.value.exit_code == 4


def test_auto_says_what_it_took() -> None:
    device, note = choose_device("auto")
    assert note.startswith(f"device: {device.type}")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvError, match="cannot write") as caught:
        fit(small_net(), experiment(), out=tmp_path / place)
    assert caught.value.exit_code == 4


def test_a_disk_that_fills_up_leaves_no_torn_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: RunFolder, *given: object) -> None:
        monkeypatch.setattr(os, "fsync", _no_space)
        original(self, *given)

    original = RunFolder.finish
    monkeypatch.setattr(RunFolder, "finish", full)
    with pytest.raises(EnvError, match="No space left"):
        fit(small_net(), experiment(), out=tmp_path)
    folder = next(tmp_path.glob("tiny*"))
    assert not (folder / "result.json").exists()
    assert not list(folder.glob(".*"))
    assert load_run(folder).result is None
    monkeypatch.undo()
    assert fit(small_net(), experiment(), out=tmp_path).result["status"] == "finished"


def _no_space(handle: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_weights(tmp_path: Path, number: signal.Signals, code: int) -> None:
    def strike(event: object) -> None:
        if isinstance(event, EpochDone):
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        fit(small_net(), experiment(TrainSettings(epochs=1000, batch=64)), out=tmp_path, listen=strike)
    assert caught.value.exit_code == code
    run = load_run(caught.value.folder)
    assert run.result is None
    assert run.state()
    assert '"event": "stopped"' in (run.folder / "events.jsonl").read_text()
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_was_ignored_before_stays_ignored(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        run = fit(
            small_net(),
            experiment(TrainSettings(epochs=1, batch=64)),
            out=tmp_path,
            listen=lambda event: os.kill(os.getpid(), number),
        )
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert run.result["status"] == "finished"


def test_a_run_that_diverges_has_null_for_nan(tmp_path: Path) -> None:
    run = fit(small_net(), experiment(TrainSettings(Sgd(1e38, 0.9, False), epochs=2, batch=64)), out=tmp_path)
    assert run.result["status"] == "diverged"
    assert run.state()
    assert plain({"a": [float("nan"), 1.5, float("inf")]}) == {"a": [None, 1.5, None]}


def test_runs_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="is not a run folder"):
        load_run(tmp_path)
    run = fit(small_net(), experiment(), out=tmp_path)
    run.weights.write_bytes(run.weights.read_bytes()[:100])
    with pytest.raises(StoreError, match="cannot be read"):
        load_run(run.folder).state()
    (run.folder / "settings.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        load_run(run.folder)
