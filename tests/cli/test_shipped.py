"""Shipped specs and studies are found in any folder, listed, and told from files of the same name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from archdsl import files
from archdsl.api import load
from archdsl.cli.commands.specs import shipped
from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.study.execute.select import SelectionOptions, folder_of, select
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import read_study
from tests.conftest import REPO


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["params", "vgg11"],
        ["params", "imagenet/vgg11"],
        ["params", "specs/imagenet/vgg11.arch"],
        ["check", "resnet50"],
        ["check", "depth-grid"],
        ["check", "specs/studies/01-depth-grid.yaml"],
        ["show", "resnet50"],
        ["draw", "vgg11"],
        ["diff", "vgg11", "vgg11_bn"],
        ["export", "lenet5", "net.py"],
        ["fmt", "--check", "resnet50"],
        ["ablate", "depth-grid", "--dry-run"],
        ["ablate", "depth-grid.yaml", "--dry-run"],
        ["ablate", "specs/studies/04-double-descent.yaml", "--dry-run"],
        ["ablate", "vgg-res", "--out", "res", "--dry-run"],
        ["report", "ingredients"],
        ["check", "04"],
        ["ablate", "04", "--dry-run"],
        ["report", "04-double-descent"],
    ],
    ids=" ".join,
)
def test_from_any_folder(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0, capsys.readouterr().err


def test_the_python_surface() -> None:
    assert load("resnet50").cost.params == 25_557_032
    assert load("lenet5").cost.params == 61_706


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Each name finds the file beside it, and what the heads say is true."""
    found = shipped()
    assert len({s.name for s in found}) == len(found)
    for one in found:
        path = (files.study_path if one.kind == "study" else files.spec_path)(one.name)
        assert path == REPO / one.path
        assert one.about
        if one.kind == "spec" and not one.name.startswith(("nasnet", "airbench")):
            assert one.params is not None
    small = [s for s in found if s.kind == "spec" and (s.params or 0) < 500_000]
    assert all(load(s.name).cost.params == s.params for s in small)
    assert main(["specs", "VGG", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"vgg", "vgg11", "vgg19_bn"} <= {s["name"] for s in listed}
    assert next(s for s in listed if s["name"] == "vgg11")["parity"] == "torchvision.vgg11"
    assert main(["specs", "resnet"]) == 0
    assert "resnet50           25,557,032     –  ResNet-50: He et al. 2015" in capsys.readouterr().out
    assert main(["specs"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    assert re.search(r"01-depth-grid +–    16  The lecture", table)
    assert main(["specs", "no-such-net"]) == 2


@pytest.mark.parametrize("format", ["table", "md", "csv"])
def test_a_list_without_parameters(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that only studies have, whose heads say no parameters."""
    assert main(["specs", "depth-grid", "--format", format]) == 0
    assert "01-depth-grid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["params", "resnet51"], "`resnet50`"),
        (["check", "vgg_11"], "`vgg11`"),
        (["ablate", "ingredeints"], "`ingredients`"),
        (["report", "ingredient.yaml"], "`ingredients`"),
        (["params", "depth-grid"], "archdsl ablate depth-grid"),
        (["draw", "imagenet/resnet5.arch"], "specs/imagenet/resnet50.arch"),
    ],
)
def test_slips(command: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert meant in capsys.readouterr().err


def test_words_stay_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params", "reluu"]) == 2
    assert "unknown word `reluu`" in capsys.readouterr().err
    assert main(["params", "relu", "--input", "3x8x8", "--classes", "3"]) in (0, 2)
    with pytest.raises(ArchError, match="needs its stages"):
        load("lenet")


def test_a_name_of_two_shipped_specs_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params", "resnet18", "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert "11172810" in out
    assert err == "note: `resnet18` is specs/resnet18.arch; `imagenet/resnet18` is specs/imagenet/resnet18.arch\n"


def test_a_file_of_this_folder_goes_first(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "resnet50.arch").write_text("input 3x8x8\nclasses 2\nnet gap linear(classes)\n")
    assert main(["params", "resnet50", "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert ",8," in out
    assert (
        "`resnet50` is the file resnet50.arch of this folder, and not the shipped specs/imagenet/resnet50.arch" in err
    )
    text = "study: mine\nbase: 'conv(4) {a: relu | } gap linear(classes)'\ndata: fashion-mini\nseeds: 1\n"
    (elsewhere / "depth-grid.yaml").write_text(text)
    assert main(["ablate", "depth-grid", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert "mine" in out
    assert "and not the shipped specs/studies/01-depth-grid.yaml" in err


def test_a_study_is_the_same_one_from_everywhere(elsewhere: Path) -> None:
    """Its folder and its runs do not depend on how it was named, nor on files of the folder that the command is called in."""
    (elsewhere / "vgg-res.arch").write_text("net gap linear(classes)\n")
    path = REPO / "specs" / "studies" / "ingredients.yaml"
    by_name, by_path = select("ingredients", SelectionOptions(seeds=1)), select(str(path), SelectionOptions(seeds=1))
    assert folder_of(by_name, Path("runs")) == folder_of(by_path, Path("runs"))
    assert [c.key for c in cells(arms_of(by_name), (0,))] == [c.key for c in cells(arms_of(by_path), (0,))]


def test_a_base_by_name_is_the_shipped_one_wherever_the_command_is_called(elsewhere: Path) -> None:
    (elsewhere / "resnet20.arch").write_text("net gap linear(classes)\ndata fashion-mini\n")
    folder = elsewhere / "studies"
    folder.mkdir()
    (folder / "s.yaml").write_text("base: [resnet20, plain20]\n")
    found = arms_of(read_study(folder / "s.yaml"))
    assert [a.spec.cost.params for a in found.arms] == [272_186, 269_434]
    (folder / "resnet20.arch").write_text("net gap linear(classes)\ndata fashion-mini\n")
    assert arms_of(read_study(folder / "s.yaml")).arms[0].spec.cost.params < 100


@pytest.mark.parametrize(
    "command",
    [
        ["params"],
        ["check"],
        ["show"],
        ["draw"],
        ["diff", "lenet5"],
        ["export", "net.py"],
        ["ablate", "--dry-run"],
        ["report"],
        ["fmt"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("text", ["conv(8) bn relu " * 20 + "gap linear(10)", "x" * 300, "x" * 300 + ".yaml"])
def test_a_text_longer_than_a_name_of_a_file(command: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The system refuses to look for a file whose name has more than 255 bytes."""
    name, *more = command
    right = "." not in text if name == "fmt" else "conv" in text and name != "report"  # `fmt` looks at no word
    given = ["--data", "fashion-mini"] if name not in ("fmt", "report", "diff") else []
    code = main([name, text, *more, *given])
    err = capsys.readouterr().err
    assert "system refuses" not in err
    assert code == 0 if right else code in (2, 4), err
