"""An optimiser of a package of one file: held to its formula and to the laws of train words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from archdsl.laws.training import (
    a_stopped_run_resumes_to_the_bit,
    it_is_a_setting,
    static_steps_are_plain_steps,
    work,
)
from archdsl.registry import find
from archdsl.settings.experiment import TrainSettings
from archdsl.train.fused.eligible import why_not_fusable
from tests.plugin.test_plugin import run
from tests.train.laws import no_word_stays
from tests.train.test_update import agree

PACKAGE = Path(__file__).parent / "lars"


@pytest.fixture(autouse=True)
def lars(monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    with no_word_stays():
        monkeypatch.syspath_prepend(str(PACKAGE))
        monkeypatch.delitem(sys.modules, "archdsl_lars", raising=False)
        import archdsl_lars

        yield archdsl_lars.Lars


def formula(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    local = 0.02 * w.norm() / (g.norm() + 0.1 * w.norm()) if w.ndim > 1 else torch.tensor(1.0)
    s["v"] = 0.9 * s.get("v", 0) + 0.5 * local * (g + 0.1 * w)
    return w - s["v"]


def test_its_steps_are_those_of_its_formula(lars: type) -> None:
    agree(TrainSettings(lars(0.5, wd=0.1, trust=0.02)), formula)


def test_a_weight_of_length_0_takes_the_step_of_the_gradient(lars: type) -> None:
    from torch import nn

    from archdsl.train.optim import Update

    layer = nn.Linear(3, 2, bias=False)
    nn.init.zeros_(layer.weight)
    update = Update(layer, TrainSettings(lars(0.5)))
    layer.weight.grad = torch.ones(2, 3)
    update.apply()
    assert torch.equal(layer.weight, torch.full((2, 3), -0.5))


@pytest.mark.parametrize("example", ["lars(1)", "lars(2, momentum=0, wd=1e-3) cosine"])
def test_it_obeys_the_laws(example: str) -> None:
    entry = find("train", "lars")
    assert entry is not None
    assert entry.paper
    it_is_a_setting(example)
    static_steps_are_plain_steps(example)
    a_stopped_run_resumes_to_the_bit(example)
    settings = work(example).settings
    assert settings.capturable
    assert "`lars`" in why_not_fusable(settings), "seeds are not fused, as nothing says that they may be"


def test_it_is_found_by_its_entry_point_and_trains(tmp_path: Path) -> None:
    text = "net conv(4, s=4) relu gap linear(10)\ndata fashion-mini subset(64)\ntrain lars(2) batch(16) epochs(2)"
    done = run(
        "-m", "archdsl", "train", text, "--out", str(tmp_path), "--device", "cpu", "--precision", "plain", also=PACKAGE
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads((next(tmp_path.iterdir()) / "settings.json").read_text())
    assert settings["train"]["optimizer"] == {"kind": "lars", "lr": 2.0, "momentum": 0.9, "wd": 0.0, "trust": 1e-3}
