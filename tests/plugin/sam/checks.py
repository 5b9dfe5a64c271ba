"""What ``sam`` must do; run by ``tests/plugin/test_sam.py`` in a process that finds the package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from archdsl_sam import Sam
from torch import nn

from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of, load
from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.runs.events import Finished, Stopped
from archdsl.seeds import seed_dropout
from archdsl.study.plan.cells import seeded
from archdsl.train.fit import fit
from archdsl.train.fused.fit import NotFusable, fit_together
from archdsl.train.fused.loop import FusedTrainer
from archdsl.train.init import initialise
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Training
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted
from tests.train.nets import CPU, stripes

torch.set_num_threads(1)  # nets so small do not gain from a second one
NET = "input 1x12x12\nclasses 2\nnet conv(4) bn relu maxpool conv(6) bn relu drop(0.3) gap linear(2)\n"
LR, RHO, MOMENTUM, EPOCHS = 0.05, 0.1, 0.9, 3
# Words of the recipe, its augmentations, and the rates of l2 and clip by which the steps are made by hand.
RECIPES = {
    "plain": ("", "", 0.0, None),
    "augmented": ("", "flip crop(2) mixup(0.4)", 0.0, None),
    "accumulate": ("accumulate(2)", "flip", 0.0, None),
    "penalty": ("l2(1e-2) clip(0.5)", "", 1e-2, 0.5),
    "ema": ("ema(0.9)", "flip", 0.0, None),
}


def work(name: str, graph: bool = False, **more: object) -> Job:
    """56 images in batches of 16: an epoch ends with a smaller batch, which no static step takes."""
    words, data, _, _ = RECIPES[name]
    text = f"{NET}data fashion-mini {data}\ntrain sam({LR}, {RHO}, {MOMENTUM}) {words} batch(16) epochs({EPOCHS}) seed(3)\n"
    spec = load(text, input=(1, 12, 12), classes=2)
    experiment = experiment_of(spec, checked=False)
    assert isinstance(experiment.train.optimizer, Sam)
    model = build(spec.trace)
    initialise(model, 3)
    return Job(
        model,
        resident(stripes(56), CPU),
        None,
        resident(stripes(20, 2), CPU),
        normalise((0.4,), (0.2,), CPU),
        experiment.data.augment,
        experiment.train,
        graph=graph,
        mean=(0.4,),
        std=(0.2,),
        **more,
    )


def by_hand(job: Job, l2: float, limit: float | None) -> dict[str, torch.Tensor]:
    """The weights after a run, each of its steps two passes written out, with SGD of torch as it is."""
    model, settings, rng = job.model, job.settings, Draws(job.settings.seed, CPU)
    parameters = list(model.parameters())
    sgd = torch.optim.SGD(parameters, LR, MOMENTUM)
    step = 0

    def gradients(group: tuple[int, int, list[torch.Tensor], list[int]]) -> None:
        _, total, parts, starts = group
        seed_dropout(settings.seed, step, 0, CPU)
        model.zero_grad()
        for index, start in zip(parts, starts, strict=True):
            images, labels = job.train.images[index], job.train.labels[index]  # type: ignore[attr-defined]
            images = job.normalise(augment(images, job.augment, rng, step, total, start))
            images, target = mix(images, labels, job.augment, rng, step)
            logits = model(images)
            loss = nn.functional.cross_entropy(logits, target.labels)
            if target.other is not None and target.share is not None:
                loss = target.share * loss + (1 - target.share) * nn.functional.cross_entropy(logits, target.other)
            (loss * (len(index) / total)).backward()
        with torch.no_grad():
            for p in parameters:
                p.grad += l2 * p
        if limit is not None:
            nn.utils.clip_grad_norm_(parameters, limit)

    model.train()
    for epoch in range(1, EPOCHS + 1):
        for group in steps_left(job, epoch, step):
            gradients(group)
            statistics = [b.clone() for b in model.buffers()]
            weights = [p.detach().clone() for p in parameters]
            norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
            with torch.no_grad():
                for p in parameters:
                    p += RHO * p.grad / norm
            gradients(group)
            with torch.no_grad():
                for now, before in zip([*parameters, *model.buffers()], [*weights, *statistics], strict=True):
                    now.copy_(before)
            sgd.step()
            step += 1
    return model.state_dict()


def trained(job: Job) -> tuple[dict[str, torch.Tensor], Training]:
    training = Training(job)
    assert isinstance(list(training.events())[-1], Finished)
    return job.model.state_dict(), training


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "static"])
@pytest.mark.parametrize("name", ["plain", "augmented", "accumulate", "penalty"])
def test_steps_are_those_written_out_by_hand(name: str, graph: bool) -> None:
    _, _, l2, limit = RECIPES[name]
    weights, training = trained(work(name, graph))
    expected = by_hand(work(name), l2, limit)
    assert training.state.step == training.job.steps >= 6
    assert (training.static is not None) == graph
    for key, value in expected.items():
        torch.testing.assert_close(weights[key], value, rtol=1e-5, atol=1e-6, msg=lambda m, key=key: f"{key}: {m}")


def test_the_second_pass_counts() -> None:
    weights, _ = trained(work("plain"))
    job = work("plain")
    flat = replace(job.settings, optimizer=replace(job.settings.optimizer, rho=1e-9))
    others, _ = trained(replace(job, settings=flat))
    assert not torch.allclose(weights["conv.weight"], others["conv.weight"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "static"])
@pytest.mark.parametrize("name", ["accumulate", "augmented", "ema"])
@pytest.mark.parametrize("stop", [1, 6])
def test_a_stopped_run_resumes_to_the_same_bits(name: str, graph: bool, stop: int) -> None:
    expected, _ = trained(work(name, graph))
    asked = iter(range(100))
    first = Training(work(name, graph, stop=lambda: next(asked) >= stop))
    assert isinstance(list(first.events())[-1], Stopped)
    second = Training(work(name, graph))
    second.load(*first.checkpoint())
    assert isinstance(list(second.events())[-1], Finished)
    assert all(torch.equal(second.job.model.state_dict()[key], value) for key, value in expected.items())


TEXT = "net conv(4, s=4) bn relu drop(0.2) gap linear(10)\ndata fashion-mini subset(64) flip\ntrain sam batch(16) epochs(2)\n"


def test_a_run_folder_resumes_to_the_same_bits(tmp_path: Path) -> None:
    spec, asked = load(TEXT), iter(range(100))
    given = {"device": "cpu", "speed": "plain"}
    straight = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "straight", **given)
    with pytest.raises(Interrupted):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path / "stopped", stop=lambda: next(asked) >= 3, **given)
    resumed = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "stopped", **given)
    assert resumed.weights.read_bytes() == straight.weights.read_bytes()


def test_its_seeds_are_not_fused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load(TEXT)
    options = FitOptions(out=tmp_path, device="cpu", plan=PLAIN)
    with pytest.raises(NotFusable, match="sam"):
        fit_together(spec.trace, [experiment_of(seeded(spec, seed)) for seed in (0, 1)], options)
    monkeypatch.setattr(
        "archdsl.train.fused.loop.why_not_fusable", lambda *_: ""
    )  # also where the class says that it is elementwise
    with pytest.raises(NotFusable, match="other weights within a step"):
        FusedTrainer([work("plain"), work("plain")], None, options.plan)  # type: ignore[arg-type]
