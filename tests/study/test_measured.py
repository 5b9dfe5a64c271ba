"""Metrics of the trained net: their values, and that they are measured once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import EnvError
from archdsl.evaluate.measured import measure
from archdsl.expand.metrics import metric_of
from archdsl.runs.store.remove import check_removable
from archdsl.study.results.run_figures import RunFigures
from archdsl.train.fit import fit
from archdsl.words.metrics.base import OfNet
from tests.conftest import Cli
from tests.study.conftest import Whole


def value(text: str, model: nn.Module, images: torch.Tensor | None = None) -> float | None:
    word = metric_of(text)
    assert isinstance(word, OfNet)
    with torch.no_grad():
        return word.measure(torch, model.eval(), images)


def test_small_weights_and_groups() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ConvTranspose2d(1, 2, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[0.0, 0.0], [0.002, -0.0005], [1.0, 2.0]]))  # type: ignore[operator, union-attr]
        net[2].weight.copy_(torch.tensor([0.0, 3.0]).view(1, 2, 1, 1))  # type: ignore[operator, union-attr]
    assert value("small_weights(0.001)", net) == 4 / 8
    assert value("small_weights(0.01)", net) == 5 / 8
    assert value("groups_off(0)", net) == 2 / 5  # a row of the linear layer, an output of the transposed convolution
    assert value("groups_off(0.002)", net) == 3 / 5


def test_residual_variance_is_that_of_the_blocks() -> None:
    torch.manual_seed(0)
    net = build(load("resnet20").trace).eval()
    images = torch.randn(8, 1, 28, 28)
    seen: dict[str, tuple[torch.Tensor, ...]] = {}

    def keep(name: str):  # type: ignore[no-untyped-def]
        return lambda _, given, out: seen.update({name: (given[0].double(), out.double())})

    blocks = [f"resnet.stage{s}.block{b}" for s in (1, 2, 3) for b in (1, 2, 3)]
    for block in blocks:
        net.get_submodule(f"{block}.res.conv").register_forward_hook(keep(f"{block} in"))
        net.get_submodule(f"{block}.res.bn2").register_forward_hook(keep(f"{block} out"))
        net.get_submodule(f"{block}.relu").register_forward_pre_hook(  # before it acts in place
            lambda _, given, name=f"{block} sum": seen.update({name: (given[0].double(),)})
        )
    with torch.no_grad():
        net(images)
    ratios = []
    for block in blocks:
        branch = seen[f"{block} out"][1]
        skip = seen[f"{block} sum"][0] - branch
        ratios.append(float(branch.var() / skip.var()))
    assert value("residual_variance", net, images) == pytest.approx(sum(ratios) / 9, rel=1e-4)
    assert value("residual_variance", build(load("lenet5").trace), torch.randn(2, 1, 28, 28)) is None


def test_evaluations_are_those_that_the_run_has_stored() -> None:
    metric = metric_of("evaluations")
    assert metric.of(RunFigures({"evaluations": 12.0}, {}, None)) == 12
    assert metric.of(RunFigures({"test_accuracy": 0.5}, {}, None)) is None


def test_an_arm_that_evaluates_has_no_figure_of_the_kept_weights(tmp_path: Path) -> None:
    """``evaluate prune(0.1)`` has another net than the one in the run's folder."""
    assert metric_of("small_weights(0.05)").of(RunFigures({"evaluation": "0123"}, {}, tmp_path)) is None


def test_a_study_measures_finished_runs_once(
    whole: Whole, place: Path, here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = whole.into(place)
    asked = (
        "report",
        "tiny.arch",
        "--seeds",
        "2",
        "--format",
        "json",
        "--metric",
        "groups_off(0)",
        "--metric",
        "small_weights(0.05)",
        "--metric",
        "evaluations",
    )
    done = here(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    arms = json.loads(done.stdout)["arms"]
    assert all(0 < arm["small_weights(0.05)"] < 1 and arm["mean"] == 0 for arm in arms)
    assert all(arm["evaluations"] is None for arm in arms)
    assert "4 finished runs have no figure" in " ".join(json.loads(done.stdout)["notes"])
    kept = sorted(runs.glob("*/measured.json"))
    assert len(kept) == 4
    assert set(json.loads(kept[0].read_text())) == {
        "groups_off(0)",
        "small_weights(0.05)",
        "weights_are",
        "weights_sha256",
    }
    check_removable(kept[0].parent)

    def refuse(*_: object) -> float:
        raise AssertionError("measured twice")

    monkeypatch.setattr("archdsl.evaluate.measured.measure", refuse)
    assert here(*asked, cwd=place).stdout == done.stdout
    for path in kept:  # of other weights
        path.write_text(path.read_text().replace('"weights_sha256": "', '"weights_sha256": "0'))
    monkeypatch.setattr("archdsl.evaluate.measured.measure", lambda *_: 0.5)
    assert all(arm["small_weights(0.05)"] == 0.5 for arm in json.loads(here(*asked, cwd=place).stdout)["arms"])


def test_a_run_whose_weights_are_gone_has_no_figure(whole: Whole, place: Path, here: Cli) -> None:
    runs = whole.into(place)
    for path in runs.glob("*/model.safetensors"):
        path.unlink()
    done = here(
        "report",
        "tiny.arch",
        "--seeds",
        "2",
        "--format",
        "json",
        "--metric",
        "test_loss",
        "--metric",
        "groups_off(0)",
        cwd=place,
    )
    assert [arm["groups_off(0)"] for arm in json.loads(done.stdout)["arms"]] == [None, None]
    assert not list(runs.glob("*/measured.json"))


def test_the_data_of_a_measured_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure of the weights needs none; one of images is of those that the run was tested on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "pictures"
    for number in range(40):
        name = data / ("train" if number < 30 else "test") / "ab"[number % 2] / f"{number}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number * 6).save(name)
    text = f'net conv(4) relu res(conv(4)) relu gap linear(classes)\ndata folder("{data}", size=8)\n'
    spec = load(f"{text}train sgd(0.1) epochs(1) batch(8)\n")
    run = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "runs", device="cpu", speed="plain")
    weights, images = (metric_of(name) for name in ("small_weights(0.1)", "residual_variance"))
    assert isinstance(weights, OfNet)
    assert isinstance(images, OfNet)
    known = measure(run.folder, weights), measure(run.folder, images)
    assert None not in known
    Image.new("L", (8, 8), 255).save(data / "test" / "a" / "30.png")
    with pytest.raises(EnvError, match="has changed"):
        measure(run.folder, images)
    shutil.rmtree(data)
    assert measure(run.folder, weights) == known[0]
    with pytest.raises(EnvError):
        measure(run.folder, images)
