"""``archdsl transfer``, and its file in the commands that take it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archdsl.api import load
from archdsl.cli.main import main
from archdsl.emit.build import build
from archdsl.train.init import initialise

OLD = "net (conv(4) bn relu)*2 gap head: linear(classes)\ninput 1x12x12\nclasses 10\n"
NEW = OLD.replace("*2", "*3")
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    (tmp_path / "old.arch").write_text(OLD)
    (tmp_path / "new.arch").write_text(NEW)
    model = build(load(OLD).trace)
    initialise(model, 3)
    torch.save(model.state_dict(), tmp_path / "old.pth")
    return tmp_path


def test_a_file_for_the_new_net(capsys: Out) -> None:
    assert main(["transfer", "old.pth", "new.arch", "-o", "new.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"block1 +block1 +name +44", shown)
    assert re.search(r"block3 +– +– +152", shown)
    assert shown.endswith("new.safetensors\n")
    old, new = torch.load("old.pth"), load_file("new.safetensors")
    assert all(torch.equal(v, new[k]) for k, v in old.items())
    assert set(new) == set(build(load(NEW).trace).state_dict())
    fresh = build(load(NEW).trace)
    initialise(fresh, 0)
    assert torch.equal(new["block3.conv.weight"], fresh.state_dict()["block3.conv.weight"])  # as training draws it


def test_without_a_target_it_only_reports(capsys: Out, here: Path) -> None:
    before = sorted(here.iterdir())
    assert main(["transfer", "old.pth", "new.arch", "--report", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] is None
    assert found["parameters"] == {"exact": 246, "reshaped": 0, "new": 152, "dropped": 0}
    assert sorted(here.iterdir()) == before
    assert main(["transfer", "old.pth", "new.arch", "--report", "md"]) == 0
    assert "| **total** |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["nowhere.pth", "new.arch"], 4, "there is no file nowhere.pth"),
        (["old.pth", "new.arch", "-o", "new.pth"], 2, "name it new.safetensors"),
        (["old.pth", "new.arch", "-o", "no/new.safetensors"], 4, "there is no folder no"),
        (["old.pth", "gap linear(10)"], 2, "no weight of old.pth fits"),
        (["torchvision:resnet18", "resnet18"], 4, "resnet18-f37072fd.pth"),
        (["old.arch", "new.arch"], 2, "does not say how to read it"),
        (["old.pth", "nonsense("], 2, "A10"),
    ],
)
def test_refusals_leave_nothing(args: list[str], code: int, message: str, capsys: Out, here: Path) -> None:
    before = sorted(here.iterdir())
    assert main(["transfer", *args]) == code
    said = capsys.readouterr().err
    assert message in said
    assert "help:" in said
    assert sorted(here.iterdir()) == before


def test_a_file_that_was_there_stays_where_nothing_fits(here: Path) -> None:
    (here / "w.safetensors").write_bytes(b"precious")
    assert main(["transfer", "old.pth", "gap linear(10)", "-o", "w.safetensors"]) == 2
    assert (here / "w.safetensors").read_bytes() == b"precious"


def test_its_file_is_what_training_and_export_begin_with(capsys: Out, here: Path) -> None:
    pytest.importorskip("onnxruntime")
    import onnxruntime

    assert main(["transfer", "old.pth", "old.arch", "-o", "w.safetensors"]) == 0
    assert main(["export", "old.arch", "old.onnx", "--weights", "w.safetensors"]) == 0
    assert "begins with w.safetensors" in capsys.readouterr().err
    image = torch.rand(3, 1, 12, 12)
    model = build(load(OLD).trace)
    model.load_state_dict(torch.load("old.pth"))
    session = onnxruntime.InferenceSession("old.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(found), model.eval()(image), atol=1e-4)
    assert main(["export", "old.arch", "old.py", "--weights", "w.safetensors"]) == 0
    assert all(torch.equal(v, load_file("old.safetensors")[k]) for k, v in model.state_dict().items())
    assert main(["export", "old.arch", "x.onnx", "--weights", "gone.safetensors"]) == 4
    assert not (here / "x.onnx").exists()


def test_weights_are_not_replaced_by_those_made_of_them(capsys: Out, here: Path) -> None:
    assert main(["transfer", "old.pth", "old.arch", "-o", "w.safetensors"]) == 0
    before = (here / "w.safetensors").read_bytes()
    capsys.readouterr()
    assert main(["transfer", "w.safetensors", "new.arch", "-o", "./w.safetensors"]) == 2
    assert "w.safetensors is what this command reads" in capsys.readouterr().err
    assert (here / "w.safetensors").read_bytes() == before
