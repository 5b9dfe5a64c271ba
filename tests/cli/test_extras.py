"""Packages that are optional: where one is missing, the message names what to install, before any work is done."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from archdsl import extras
from archdsl.cli.main import main
from archdsl.errors import EnvError
from tests.cli.conftest import Run

NET = "net conv(4) bn relu gap linear(classes)\ndata fashion-mini subset(40)\ntrain sgd(0.1) epochs(1)\n"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Let a package be as if it was not installed."""

    def block(package: str) -> None:
        real = importlib.util.find_spec
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name, *more: None if name.split(".")[0] == package else real(name, *more)
        )
        for name in [n for n in sys.modules if n.split(".")[0] == package] + [package]:
            monkeypatch.setitem(sys.modules, name, None)

    return block


@pytest.mark.parametrize(
    ("package", "args"),
    [
        ("matplotlib", ["ablate", "s.yaml", "--html", "r.html"]),
        ("matplotlib", ["report", "s.yaml", "--html", "r.html"]),
        ("matplotlib", ["plot", "no run", "--save", "c.svg"]),
        ("matplotlib", ["draw", NET, "-o", "n.png"]),
        ("matplotlib", ["draw", NET, "--profile", "p.svg"]),
        ("matplotlib", ["eval", "no run", "--save", "c.svg"]),
        ("tensorboard", ["train", NET, "--tensorboard", "board"]),
        ("ray", ["ablate", "s.yaml", "--engine", "ray"]),
        ("onnx", ["export", NET, "n.onnx"]),
        ("onnxruntime", ["export", NET, "n.onnx"]),
        ("onnxscript", ["export", NET, "n.onnx"]),
        ("onnxruntime", ["bench", "n.onnx"]),
        ("pygls", ["lsp"]),
        ("uvicorn", ["ablate", "s.yaml", "--watch"]),
        ("uvicorn", ["report", "s.yaml", "--port", "0"]),
        ("timm", ["import", "timm:resnet18d"]),
        ("timm", ["transfer", "timm:resnet18d", NET]),
    ],
)
def test_a_missing_package(package: str, args: list[str], run: Run, without) -> None:
    Path("base.arch").write_text(NET)
    Path("s.yaml").write_text("base: base.arch\nfactors: {bn: [bn, none]}\nseeds: 1\n")
    without(package)
    done = run(*args)
    assert (done.code, done.out) == (4, ""), done.err
    assert f"{package}, which is not installed" in done.err or package == "matplotlib"
    assert f"pip install 'archdsl[{extras.EXTRAS[package][1]}]'" in done.err
    made = {p.name for p in Path().iterdir()} - {"base.arch", "s.yaml"}
    assert not {n for n in made if n.endswith((".html", ".png", ".svg", ".onnx"))}
    if "--html" in args:
        assert not made, "nothing was begun"


def test_a_report_without_matplotlib_says_what_it_leaves_out(run: Run, without) -> None:
    Path("base.arch").write_text(NET)
    Path("s.yaml").write_text("base: base.arch\nfactors: {bn: [bn, none]}\nseeds: 1\n")
    without("matplotlib")
    done = run("report", "s.yaml")
    assert done.code == 0, done.err
    assert "arm" in done.out
    assert "note: no report.html is written" in done.err
    assert "pip install 'archdsl[plot]'" in done.err


def test_a_fault_of_our_own_is_not_taken_for_a_missing_package(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("base.arch").write_text(NET)
    Path("s.yaml").write_text("base: base.arch\nfactors: {bn: [bn, none]}\nseeds: 1\n")
    monkeypatch.setitem(sys.modules, "archdsl.study.report.html", None)
    done = run("report", "s.yaml")
    assert done.code == 1
    assert "internal error" in done.err


def test_the_table_and_the_project_file_name_the_same_extras(repo: Path) -> None:
    import tomllib

    listed = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package, (_, extra) in extras.EXTRAS.items():
        assert any(line.startswith(package) for line in listed[extra]), package


def test_one_that_cannot_even_be_looked_for_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ValueError(f"{name}.__spec__ is None")

    monkeypatch.setattr("importlib.util.find_spec", broken)
    with pytest.raises(EnvError, match="ray, which is not installed"):
        extras.require("ray")
    assert main(["lsp"]) == 4
