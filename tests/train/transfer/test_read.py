"""Files of weights: read without running anything, in the order in which they act, refused where they are not whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archdsl.errors import ArchError, EnvError
from archdsl.transfer.place import digest, place_of, resolved
from archdsl.transfer.read import SPEC_KEY, keys, read_weights
from archdsl.words.train.tuning import Init
from tests.train.transfer.conftest import made

Save = Callable[..., Path]
NET = "conv(4) bn relu (conv(4) bn relu)*11 gap linear(10)"


def with_timm() -> None:
    """Skip the test where timm is not installed."""
    from archdsl.emit.vision import import_torchvision

    import_torchvision()  # which timm imports, and which needs help beside some builds of torch
    pytest.importorskip("timm")


class Hostile:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path, saved: Save) -> None:
    trace = tmp_path / "it-ran"
    path = saved({"weight": torch.zeros(2), "evil": Hostile(trace)})
    with pytest.raises(EnvError, match="could run code") as caught:
        read_weights(str(path))
    assert "state_dict" in caught.value.help
    assert not trace.exists()


def test_a_whole_pickled_module_is_refused(saved: Save) -> None:
    with pytest.raises(EnvError, match="could run code"):
        read_weights(str(saved(torch.nn.Linear(2, 2))))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\x80\x02garbage", b"\0" * 100])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_what_is_no_file_of_weights(data: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(EnvError, match=r"cannot be read|could run code") as caught:
        read_weights(str(tmp_path / name))
    assert caught.value.help


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, {}, {"state_dict": {}}], ids=str)
def test_plain_values_are_no_weights(value: object, saved: Save) -> None:
    with pytest.raises(EnvError, match=r"no state dict|no weights"):
        read_weights(str(saved(value)))


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_what_programs_wrap_round_a_state_dict(wrapper: str, prefix: str, saved: Save) -> None:
    held = made(NET)[0].state_dict()
    path = saved({wrapper: {prefix + k: v for k, v in held.items()}, "epoch": 3})
    found = read_weights(str(path)).state
    assert list(found) == list(held)
    assert all(torch.equal(v, held[k]) for k, v in found.items())


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (("model", "model_ema"), "holds `model_ema`, too: the weights are those of `model`"),
        (("state_dict_ema", "state_dict"), "holds `state_dict_ema`, too: the weights are those of `state_dict`"),
        (("model_ema",), ""),
        (("state_dict_ema",), ""),
    ],
)
def test_a_file_of_several_networks_says_which_one_is_taken(held: tuple[str, ...], said: str, saved: Save) -> None:
    nets = {name: made(NET, seed)[0].state_dict() for seed, name in enumerate(held)}
    found = read_weights(str(saved({**nets, "optimizer": {"state": {}}, "epoch": 3})))
    assert [n.endswith(said) for n in found.notes] == ([True] if said else [])
    wanted = nets["state_dict" if "state_dict" in held else held[0]]
    assert all(torch.equal(v, wanted[k]) for k, v in found.state.items())


def test_a_torch_file_keeps_its_order_and_safetensors_that_of_its_spec(tmp_path: Path) -> None:
    model, trace = made(NET)
    held = model.state_dict()
    assert list(held) == keys(trace)
    text = f"input 3x16x16\nclasses 10\nnet {NET}\n"
    save_file(held, tmp_path / "with.safetensors", {SPEC_KEY: text})
    save_file(held, tmp_path / "without.safetensors")
    assert list(read_weights(str(tmp_path / "with.safetensors")).state) == list(held)
    found = list(read_weights(str(tmp_path / "without.safetensors")).state)
    assert found != list(held)
    assert found.index("block2.conv.weight") < found.index("block10.conv.weight")  # by value, not by letter


def test_a_spec_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    save_file(made(NET)[0].state_dict(), tmp_path / "w.safetensors", {SPEC_KEY: "net nonsense("})
    assert "its weights are matched by their names" in read_weights(str(tmp_path / "w.safetensors")).notes[0]


def test_a_run_folder_and_its_weights_are_one_source(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    model, _ = made(NET)
    save_file(model.state_dict(), folder / "model.safetensors")
    with pytest.raises(EnvError, match="not a run folder"):
        read_weights(str(folder))
    (folder / "spec.arch").write_text(f"input 3x16x16\nclasses 10\nnet {NET}\n")
    one, two = read_weights(str(folder)), read_weights(str(folder / "model.safetensors"))
    assert (one.sha, list(one.state)) == (two.sha, list(model.state_dict()))
    (folder / "model.safetensors").unlink()
    with pytest.raises(EnvError, match="has no weights"):
        read_weights(str(folder))


def test_the_hash_is_of_the_content(tmp_path: Path, saved: Save) -> None:
    one = saved(made(NET)[0].state_dict(), "one.pth")
    two = tmp_path / "two.pth"
    two.write_bytes(one.read_bytes())
    assert digest(place_of(str(one))) == digest(place_of(str(two)))
    before = resolved(Init(str(one)))
    assert len(before.sha) == 16
    assert repr(before) == repr(resolved(Init(str(two))))  # the path is no part of what is hashed
    assert resolved(before) is before
    torch.save(made(NET, 1)[0].state_dict(), one)
    os.utime(one, ns=(0, 0))
    with pytest.raises(EnvError, match="other weights than this experiment started with"):
        read_weights(str(one), before.sha)
    assert read_weights(str(two), before.sha).sha == before.sha


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("nowhere.safetensors", EnvError, "there is no file"),
        ("nowhere", ArchError, "does not name weights"),
        ("runs/nowhere", ArchError, "there is no folder"),
        ("torchvision:resnet19", ArchError, "has no net `resnet19`"),
        ("torchvision:resnet18:IMAGENET", ArchError, "has no weights `IMAGENET`"),
        ("timm:resnet1888", ArchError, "has no net `resnet1888`"),
        ("timm:resnet18.nope", ArchError, "no weights"),
    ],
)
def test_sources_that_are_not_there(source: str, error: type[ArchError], message: str) -> None:
    if source.startswith("timm"):
        with_timm()
    with pytest.raises(error, match=message) as caught:
        read_weights(source)
    assert caught.value.help


def test_offline_it_says_which_file_belongs_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvError, match="downloads are off") as caught:
        read_weights("torchvision:resnet18")
    assert caught.value.exit_code == 4
    assert "resnet18-f37072fd.pth" in caught.value.help
    assert "ARCHDSL_WEIGHTS" in caught.value.help
    monkeypatch.setenv("ARCHDSL_WEIGHTS", str(tmp_path / "missing"))
    with pytest.raises(EnvError, match="not a folder"):
        read_weights("torchvision:resnet18")
    monkeypatch.delenv("ARCHDSL_WEIGHTS")
    with_timm()
    with pytest.raises(EnvError, match="downloads are off") as caught:
        read_weights("timm:mobilenetv1_100")
    assert "mobilenetv1_100.ra4_e3600_r224_in1k.safetensors" in caught.value.help


def test_a_tag_of_timm_takes_no_file_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_timm()
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("ARCHDSL_WEIGHTS", os.pathsep.join(map(str, folders)))
    bare, full = folders[0] / "mobilenetv1_100.pth", folders[1] / "mobilenetv1_100.ra4_e3600_r224_in1k.safetensors"
    bare.touch()
    with pytest.raises(EnvError, match="downloads are off"):
        place_of("timm:mobilenetv1_100.ra4_e3600_r224_in1k")
    untagged = place_of("timm:mobilenetv1_100")
    assert untagged.file == bare
    assert "has no tag" in untagged.notes[0]
    full.touch()
    for source in ("timm:mobilenetv1_100", "timm:mobilenetv1_100.ra4_e3600_r224_in1k"):
        found = place_of(source)
        assert (found.file, found.notes) == (full, ()), "the name that says which weights they are comes first"


def test_a_download_goes_where_torch_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_OFFLINE")
    asked: list[tuple[str, str | None]] = []

    def fetch(url: str, target: str, prefix: str | None, progress: bool) -> None:
        asked.append((url.rpartition("/")[2], prefix))
        torch.save({"weight": torch.ones(2)}, target)

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    found = read_weights("torchvision:resnet18")
    assert asked == [("resnet18-f37072fd.pth", "f37072fd")]
    assert (Path(torch.hub.get_dir()) / "checkpoints" / "resnet18-f37072fd.pth").is_file()
    assert list(found.state) == ["weight"]
    read_weights("torchvision:resnet18:DEFAULT")
    assert len(asked) == 1


def test_a_download_that_fails_is_exit_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_OFFLINE")

    def fetch(*args: object, **more: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    with pytest.raises(EnvError, match="the download failed") as caught:
        read_weights("torchvision:resnet18")
    assert caught.value.exit_code == 4


def test_a_header_tells_where_weights_come_from(tmp_path: Path) -> None:
    from safetensors import safe_open

    from archdsl.cli.main import main

    old = tmp_path / "old.safetensors"
    text = f"input 3x16x16\nclasses 10\nnet {NET}"
    save_file(made(NET)[0].state_dict(), old, {SPEC_KEY: text})
    target = tmp_path / "new.safetensors"
    assert main(["transfer", str(old), text, "-o", str(target)]) == 0
    with safe_open(target, "pt") as file:
        about = file.metadata()
    assert about["archdsl.source"] == str(old)
    assert about["archdsl.source_sha"] == digest(place_of(str(old)))
    assert json.loads(about["archdsl.parameters"])["new"] == 0
    assert about[SPEC_KEY].startswith("input 3x16x16")
