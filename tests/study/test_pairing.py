"""Paired by construction: toggling a factor leaves all chance that the arms share as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from archdsl.api import Spec, experiment_of
from archdsl.emit.build import build
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import seeded
from archdsl.study.plan.file import study_of
from archdsl.train import inputs
from archdsl.train.distributed import Distributed
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import Training
from archdsl.train.options import FitOptions
from archdsl.train.prepare import Setup, prepare

STUDY = """\
base: |
  net conv(4, s=4) vgg[6x1, 8x1] +res +bn drop(0.3) gap linear(10)
  data fashion-mini subset(64) valid(16) flip crop(2)
  train sgd(0.05) epochs(2) batch(16)
factors:
  res: +res
  norm: [+bn, +ln, none]
  drop: drop(0.3)
  mixup: mixup(0.2)
  wd: wd(1e-3)
"""


def setup_of(name: str) -> Setup:
    arms = arms_of(study_of(STUDY))
    arm = next(a for a in arms.arms if a.name == name)
    spec = seeded(arm.spec, 3)
    return prepare(
        build(spec.trace), experiment_of(spec), FitOptions(device="cpu", speed="plain"), Distributed(), lambda: False
    )


def fed(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The images of every step as they come to the net, before mixup."""
    seen: list[Tensor] = []
    real = inputs.mix

    def mix(images: Tensor, *rest: object) -> object:
        seen.append(images.clone())
        return real(images, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(inputs, "mix", mix)
        for _ in Training(job).events():
            pass
    return seen


@pytest.mark.parametrize("arm", ["−res", "norm=+ln", "−norm", "−drop", "−mixup", "−wd"])
def test_order_and_augmentation_draws_stay(arm: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base, other = (fed(setup_of(name).job, monkeypatch) for name in ("base", arm))
    assert len(base) == len(other) == 6  # (64 - 16) / 16 steps in each of two epochs
    for a, b in zip(base, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("arm", ["−res", "norm=+ln", "−norm", "−drop", "−mixup"])
def test_layers_that_both_arms_have_begin_with_the_same_weights(arm: str) -> None:
    arms = arms_of(study_of(STUDY))
    first, second = (dict(_initial(next(a for a in arms.arms if a.name == name).spec)) for name in ("base", arm))
    shared = [n for n in first if n in second and first[n].shape == second[n].shape]
    assert {"conv.weight", "linear.weight"} <= set(shared)
    if arm != "−res":  # its convolutions have other names
        assert {n for n in first if n.endswith("conv.weight")} <= set(shared)
    for name in shared:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def _initial(spec: Spec) -> dict[str, Tensor]:
    model = build(spec.trace)
    initialise(model, 3)
    return dict(model.named_parameters())
