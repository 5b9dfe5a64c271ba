"""Where commands write: through links, over files that are there, and never over those of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from archdsl.api import load
from archdsl.cli.main import main
from archdsl.emit.build import build
from tests.emit.conftest import untrained

NET = "net conv(4) relu gap linear(10)"
SPEC = f"input 3x8x8\nclasses 10\n{NET}"
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_folder(here: Path) -> Path:
    """What `archdsl train` leaves, without the training."""
    return untrained(here / "run", f"{NET}\ndata fashion-mini\ntrain epochs(1)\n")


@pytest.mark.parametrize("place", ["v1/real", "real"])
@pytest.mark.parametrize("ending", [".py", ".onnx"])
def test_the_file_behind_a_link_is_replaced(
    here: Path, run_folder: Path, place: str, ending: str, one_registry: None
) -> None:
    (here / "v1").mkdir()
    real, link = here / f"{place}{ending}", here / f"model{ending}"
    real.write_text("old")
    link.symlink_to(f"{place}{ending}")
    assert main(["export", "run", link.name]) == 0
    assert link.is_symlink()
    assert real.read_bytes() != b"old"
    beside = [real.with_suffix(".safetensors")] if ending == ".py" else []
    assert all(file.is_file() for file in beside)
    found = [p for p in here.rglob("*") if p.is_file() and run_folder not in p.parents]
    assert sorted(found) == sorted([real, link, *beside])
    for file in (real, link) if ending == ".py" else ():  # what is opened by either name finds the weights
        done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)
        assert done.stdout.startswith("ok"), done.stderr


def test_a_second_file_is_not_hidden_behind_a_link(here: Path, capfd: Out) -> None:
    pytest.importorskip("onnxruntime")
    (here / "v1").mkdir()
    (here / "model.onnx").symlink_to("v1/real.onnx")
    assert main(["export", SPEC, "model.onnx", "--external-data"]) == 2
    assert "model.onnx is a link into another folder" in capfd.readouterr().err
    assert not list((here / "v1").iterdir())


def test_each_file_that_will_be_replaced_is_said(here: Path, run_folder: Path, capfd: Out) -> None:
    Path("net.safetensors").write_text("of somebody else")
    assert main(["export", "run", "net.py"]) == 0
    err = capfd.readouterr().err
    assert "note: net.safetensors exists and will be replaced" in err
    assert "net.py exists" not in err
    assert main(["export", SPEC, "net.py"]) == 0  # without weights the second file stays
    err = capfd.readouterr().err
    assert "note: net.py exists and will be replaced" in err
    assert "net.safetensors" not in err
    torch.save(build(load(SPEC).trace).state_dict(), "net.pth")
    assert main(["transfer", "net.pth", SPEC, "-o", "net.safetensors"]) == 0
    assert "note: net.safetensors exists and will be replaced" in capfd.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["export", "run", "run/model.py"],
        ["export", "run", "run/link.py"],
        ["export", SPEC, "run/settings.json", "--to", "onnx"],
        ["transfer", "old.pth", "run", "-o", "run/model.safetensors"],
        ["import", "torchvision:resnet18", "-o", "run/spec.arch"],
    ],
)
def test_the_files_of_a_run_are_not_replaced(args: list[str], here: Path, run_folder: Path, capfd: Out) -> None:
    pytest.importorskip("onnxruntime")
    torch.save(load_file("run/model.safetensors"), "old.pth")
    (run_folder / "link.py").symlink_to("model.py")
    before = {p: p.read_bytes() for p in run_folder.iterdir() if p.is_file()}
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert not out
    assert "of the run" in err
    assert "would damage the run" in err
    assert before == {p: p.read_bytes() for p in run_folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("name", ["measured.json", "evaluations/0a1b.json"])
def test_figures_of_a_run_are_its_own_too(run_folder: Path, name: str, capfd: Out) -> None:
    (run_folder / "evaluations").mkdir(exist_ok=True)
    assert main(["export", "run", f"run/{name}", "--to", "onnx"]) == 2
    assert "is a file of the run" in capfd.readouterr().err


def test_other_files_in_the_folder_of_a_run_are_welcome(run_folder: Path) -> None:
    assert main(["export", "run", "run/net.py"]) == 0
    assert (run_folder / "net.safetensors").is_file()


def test_source_and_weights_need_two_names(run_folder: Path, capfd: Out) -> None:
    assert main(["export", "run", "m.safetensors", "--to", "torch"]) == 2
    assert "name the source m.py" in capfd.readouterr().err
    assert not Path("m.safetensors").exists()


@pytest.mark.parametrize("weights", ['a"b.pth', "a#b.pth", ""])
def test_weights_that_no_text_can_name(weights: str, capfd: Out) -> None:
    assert main(["export", SPEC, "m.py", "--weights", weights]) == 2
    err = capfd.readouterr().err
    assert "--weights" in err
    assert "--set" not in err


def test_what_is_read_is_not_replaced(here: Path, capfd: Out) -> None:
    Path("net.arch").write_text(SPEC)
    save_file(dict(build(load(SPEC).trace).state_dict()), "net.safetensors")
    Path("net.py").write_text("from torch import nn\nmodel = nn.Linear(4, 2)\n")
    Path("link.safetensors").symlink_to("net.safetensors")
    before = {p.name: p.read_bytes() for p in here.iterdir()}
    for args in (
        ["export", "net.arch", "net.arch", "--to", "torch"],
        ["export", SPEC, "net.py", "--weights", "net.safetensors"],
        ["export", SPEC, "net.py", "--weights", "link.safetensors"],
        ["export", f'{SPEC}\ntrain sgd(0.1) init("net.safetensors")', "net.py"],
        ["transfer", "net.safetensors", "net.arch", "-o", "link.safetensors"],
        ["import", "net.py:model", "-o", "net.py"],
    ):
        capfd.readouterr()
        assert main(args) == 2
        said = capfd.readouterr().err
        assert "is what this command reads" in said
        assert "another name" in said
    assert {p.name: p.read_bytes() for p in here.iterdir()} == before
