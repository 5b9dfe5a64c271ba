"""Seeds trained as one net have the losses, the weights and the records of runs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.plan import PLAIN, Plan
from archdsl.api import Spec, experiment_of, load
from archdsl.emit.build import build
from archdsl.runs.correct import correct
from archdsl.runs.events import Warned
from archdsl.runs.run import Run
from archdsl.runs.store.checkpoint import load_checkpoint
from archdsl.runs.store.log import read_events
from archdsl.settings.experiment import Experiment, TrainSettings
from archdsl.study.plan.cells import seeded
from archdsl.train.fit import fit
from archdsl.train.fused import fit as together
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.fused.fit import fit_together
from archdsl.train.fused.loop import NotFusable
from archdsl.train.fused.model import fuse
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted
from archdsl.words.data.base import Augmentation
from archdsl.words.train.kinds import Optimizer, Penalty, Schedule

DATA = "\ndata fashion-mini subset(96) valid(32) flip crop(2) {more}\ntrain {train} epochs(2) batch(16) cosine"
TEST = 400  # of the 2,000 test images, which would take most of the time


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from archdsl.train import prepare

    real = prepare.split

    def split(*given: object) -> object:
        found = real(*given)  # type: ignore[arg-type]
        test = type(found.test)(found.test.images[:TEST], found.test.labels[:TEST])  # type: ignore[union-attr,call-arg]
        return type(found)(found.train, found.valid, test, found.source)

    monkeypatch.setattr(prepare, "split", split)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def experiments(
    net: str, train: str = "sgd(0.05) l2(1e-4)", more: str = "", seeds: int = 3
) -> tuple[Spec, list[Experiment]]:
    spec = load(net + DATA.format(train=train, more=more))
    return spec, [experiment_of(seeded(spec, s)) for s in range(seeds)]


def both(tmp_path: Path, net: str, plan: Plan = PLAIN, **given: str) -> list[tuple[Run, Run]]:
    spec, every = experiments(net, **given)
    fused = fit_together(spec.trace, every, FitOptions(out=tmp_path / "fused", device="cpu", plan=plan))
    alone = [fit(build(spec.trace), e, FitOptions(out=tmp_path / "alone", device="cpu", plan=plan)) for e in every]
    return list(zip(alone, fused, strict=True))


def epochs(run: Run) -> list[list[float]]:
    names = ("loss", "accuracy", "valid_loss", "valid_accuracy", "lr")
    return [[e[n] for n in names] for e in read_events(run.folder) if e["event"] == "epochdone"]


@pytest.mark.parametrize(
    ("net", "given"),
    [
        ("net vgg[6x1,8x1] +bn +res drop(0.3,late)", {}),  # grouped convolutions, wide norms, dropout with streams
        (
            "net conv(6) gn(2) relu maxpool(4) cat(conv(4, groups=2) | dwconv) ln gelu se(2) flatten drop(0.2) linear(10)",
            {"train": "adamw(1e-3) smooth(0.1)", "more": "mixup(0.3)"},
        ),  # layers that are asked copy by copy
        ("net conv(4, s=4) relu blend(id | conv(4) relu) gap drop(0.2) linear(10)", {}),  # a layer of several values
    ],
)
def test_each_seed_has_the_losses_of_a_run_of_its_own(tmp_path: Path, net: str, given: dict[str, str]) -> None:
    for alone, fused in both(tmp_path, net, **given):
        torch.testing.assert_close(epochs(fused), epochs(alone), rtol=1e-4, atol=1e-4)
        assert fused.result is not None
        assert alone.result is not None
        assert fused.result["status"] == "finished"
        assert fused.result["test_loss"] == pytest.approx(alone.result["test_loss"], abs=1e-4)
        ours, theirs = fused.state(), alone.state()
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4)
        kept = {
            "correct.bits",
            "events.jsonl",
            "model.safetensors",
            "result.json",
            "settings.json",
            "spec.arch",
            "versions.json",
        }
        assert {p.name for p in fused.folder.iterdir()} == kept
        hits, own = correct(fused), correct(alone)
        assert hits is not None
        assert own is not None
        assert (len(hits), hits.mean()) == (TEST, fused.result["test_accuracy"])
        assert (hits == own).mean() > 0.99
        assert fused.settings == alone.settings


def test_no_copy_sees_another_one() -> None:
    spec, _ = experiments("net vgg[4x1,6x1] +bn +res")
    fused = fuse(spec.trace, 3, torch.device("cpu"))
    assert fused.own == 0
    fused.take([build(spec.trace) for _ in range(3)])
    x = torch.randn(4, 3, 28, 28, requires_grad=True)
    fused.net(x).chunk(3, 1)[1].square().sum().backward()
    grown = {n: p.grad for n, p in fused.net.named_parameters() if p.grad is not None}
    for gradient in (x.grad, *(g for n, g in grown.items())):
        assert gradient is not None
        dim = 1 if gradient is x.grad else 0
        first, _, third = gradient.chunk(3, dim)
        assert not first.any()
        assert not third.any()
    assert x.grad is not None
    assert x.grad.chunk(3, 1)[1].any()


def test_stopped_runs_go_on_by_themselves(tmp_path: Path) -> None:
    spec, every = experiments("net conv(4, s=2) bn relu drop(0.2) gap linear(10)", train="adam(1e-3)", seeds=2)
    asked = iter([False] * 5 + [True] * 100)
    options = FitOptions(out=tmp_path / "a", device="cpu", plan=PLAIN)
    with pytest.raises(Interrupted):
        fit_together(
            spec.trace, every, FitOptions(out=tmp_path / "a", device="cpu", plan=PLAIN, stop=lambda: next(asked))
        )
    assert len(list((tmp_path / "a").glob("*/checkpoint*"))) >= 2
    assert not list((tmp_path / "a").glob("*/claim.json"))
    for folder in (tmp_path / "a").iterdir():
        checkpoint = load_checkpoint(folder)
        assert checkpoint is not None
        state = checkpoint[1]
        assert state["step"] == 5
        assert state["images"] == 5 * 16  # of an epoch of 4 steps, and of a part of one
        assert state["seconds"] > state["last"]["seconds"]
    with pytest.raises(NotFusable, match="begun before"):
        fit_together(spec.trace, every, options)
    for e in every:
        went_on = fit(build(spec.trace), e, options)
        straight = fit(build(spec.trace), e, FitOptions(out=tmp_path / "b", device="cpu", plan=PLAIN))
        torch.testing.assert_close(epochs(went_on), epochs(straight), rtol=1e-4, atol=1e-4)


def test_the_evaluations_of_an_ode_are_a_figure_of_each_seed(tmp_path: Path) -> None:
    for alone, fused in both(tmp_path, "net conv(4, s=4) ode(conv(4) tanh, t=0.5) gap linear(10)", seeds=2):
        assert fused.result is not None
        assert alone.result is not None
        assert set(fused.result) == set(alone.result)
        assert fused.result["evaluations"] == alone.result["evaluations"] > 0


def test_what_is_said_of_other_runs_is_said_of_each_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "others_said", lambda out, e, again: [f"seed {e.train.seed}: on other data"])
    spec, every = experiments("net conv(4, s=4) relu gap linear(10)", seeds=2)
    said: list[tuple[int, str]] = []
    options = FitOptions(out=tmp_path, device="cpu", plan=PLAIN)
    fit_together(spec.trace, every, options, lambda n, e: said.append((n, e.text)) if isinstance(e, Warned) else None)
    assert said == [(n, f"seed {n}: on other data") for n in (0, 1)]


def test_memory_that_does_not_suffice_for_all_leaves_each_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before the first step, as where their data and weights are put on the device."""

    def full(*given: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(together, "fuse", full)
    spec, every = experiments("net conv(4, s=4) relu gap linear(10)", seeds=2)
    with pytest.raises(NotFusable, match="memory does not suffice"):
        fit_together(spec.trace, every, FitOptions(out=tmp_path, device="cpu", plan=PLAIN))


def test_a_seed_that_diverges_leaves_the_others_to_themselves(tmp_path: Path) -> None:
    spec, every = experiments("net conv(4, s=4) relu gap linear(10)", train="sgd(1e30)", seeds=2)
    with pytest.raises(NotFusable, match="diverged"):
        fit_together(spec.trace, every, FitOptions(out=tmp_path, device="cpu", plan=PLAIN))
    assert not list(tmp_path.glob("*/claim.json"))
    assert not list(tmp_path.glob("*/result.json"))


@pytest.mark.parametrize("train", ["clip(1) sgd(0.1)", "ema(0.9) sgd(0.1)", "muon(0.02)", "patience(3) sgd(0.1)"])
def test_what_ties_copies_together_is_refused(train: str, tmp_path: Path) -> None:
    spec, every = experiments("net conv(4, s=4) relu gap linear(10)", train=train, seeds=2)
    with pytest.raises(NotFusable, match="does not say that it acts on each number"):
        fit_together(spec.trace, every, FitOptions(out=tmp_path, device="cpu", plan=PLAIN))
    assert not tmp_path.joinpath("runs").exists()


def test_a_value_that_says_nothing_is_not_fused() -> None:
    @dataclass(frozen=True)
    class New(Optimizer):
        lr: float = 0.1

    @dataclass(frozen=True)
    class Other(Schedule):
        end: float = 0.1

    @dataclass(frozen=True)
    class Third(Penalty):
        rate: float = 0.1

    @dataclass(frozen=True, kw_only=True)
    class Blot(Augmentation):
        pass

    plain = TrainSettings()
    assert not why_not_fusable(plain)
    assert "`new`" in why_not_fusable(replace(plain, optimizer=New()))
    assert "`other`" in why_not_fusable(replace(plain, schedule=Other()))
    assert "`third`" in why_not_fusable(replace(plain, penalties=(Third(),)))
    assert "`wd`" in why_not_fusable(replace(plain, wd=object()))  # type: ignore[arg-type]
    assert "`blot`" in why_not_fusable(plain, (Blot(),))


def test_seeds_alone_may_differ(tmp_path: Path) -> None:
    spec, every = experiments("net conv(4, s=4) relu gap linear(10)", seeds=1)
    _, others = experiments("net conv(4, s=4) relu gap linear(10)", train="sgd(0.01)", seeds=1)
    mixed: Sequence[Experiment] = [*every, *others]
    with pytest.raises(NotFusable, match="more than their seed"):
        fit_together(spec.trace, mixed, FitOptions(out=tmp_path, device="cpu", plan=PLAIN))
