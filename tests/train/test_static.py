"""The step on static buffers, as it would be captured, is the step of the plain loop: fifty steps of many recipes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from archdsl.api import experiment_of, load
from archdsl.data.augment import each, rand
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.runs.events import EpochDone, Finished, Stopped, Warned
from archdsl.train import static
from archdsl.train.init import initialise
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Group, Training
from archdsl.train.optim import merged_state, reparametrise
from archdsl.train.static import Static

from .nets import CPU, stripes

aten = torch.ops.aten

NET = "net conv(4) bn relu maxpool conv(6) bn relu gap linear(2)\n"
DATA = "input 1x12x12\nclasses 2\n"
# 60 images in batches of 16: three whole steps an epoch and one of twelve images.
RECIPES = {
    "sgd": "sgd(0.05) cosine",
    "nesterov": "sgd(0.05, nesterov) l2(1e-2, weights) triangle(up=23%, start=20%, end=7%)",
    "adamw": "adamw(0.01, wd=0.1) warmup(1) cosine",
    "rmsprop": "rmsprop(0.003, momentum=0.5) linear",
    "lion": "lion(1e-3) wd(0.1) exponential(0.9)",
    "muon": "muon(0.02) wd(0.01) onecycle",
    "clip": "sgd(0.1) clip(0.1) step(2)",
    "ema": "sgd(0.05) ema(0.9)",
    "lookahead": "sgd(0.05) lookahead(5, 0.3, power=3)",
    "accumulate": "sgd(0.05) accumulate(2) smooth(0.1)",
    "spred": "sgd(0.05) spred(1e-2)",
    "penalties": "sgd(0.05) l1(1e-3) grouplasso(1e-3) wd(1e-2)",
    "biases": "sgd(0.01) biaslr(8, norms) l2(1e-2)",
    "augment": "lion(3e-3) | flip crop(2) rotate(20) cutout(4) noise(5%) erasing",
    "colours": "lion(3e-3) | brightness(30%) contrast(30%) zoom(20%) shear(10)",
    "randaugment": "lion(3e-3) | randaugment",
    "model": "lion(3e-3) accumulate(2) | flip(where=model) crop(1)",
    "alternate": "lion(3e-3) | flip(alternate) crop(2, reflect)",
    "mixup": "lion(3e-3) smooth(0.1) | mixup(0.4)",
    "mixes": "lion(3e-3) accumulate(2) | flip mixup(0.4) cutmix(1.0)",
    "phases": "lion(3e-3) cosine ; conv(4) relu res(conv(4) bn droppath(0.3, early)) relu gap drop(0.5, late) linear(2)",
}

# Forms that differ from the plain loop's in nothing but where their numbers lie; the fused ones round elsewhere.
SAME_ARITHMETIC = ("lion", "rmsprop")


def work(name: str, graph: bool, **more: object) -> Job:
    """The job of a recipe; both forms begin with the same weights."""
    recipe, _, net = RECIPES[name].partition(";")
    train, _, data = recipe.partition("|")
    epochs = 26 if "accumulate" in train else 13
    head = "net " + net.strip() + "\n" if net else NET
    text = f"{DATA}{head}data fashion-mini {data}\ntrain {train} epochs({epochs}) batch(16) seed(3)\n"
    spec = load(text, input=(1, 12, 12), classes=2)
    experiment = experiment_of(spec, checked=False)
    model = build(spec.trace)
    initialise(model, 3)
    if experiment.train.spred:
        reparametrise(model)
    return Job(
        model,
        resident(stripes(60), CPU),
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


def trained(job: Job) -> tuple[list[float], dict[str, torch.Tensor], Training]:
    training = Training(job)
    events = list(training.events())
    assert isinstance(events[-1], Finished)
    return [e.loss for e in events if isinstance(e, EpochDone)], merged_state(job.model), training


@pytest.mark.parametrize("name", RECIPES)
def test_fifty_steps_are_those_of_the_plain_loop(name: str) -> None:
    plain, weights, _ = trained(work(name, False))
    static, others, training = trained(work(name, True))
    assert training.state.step == training.job.steps >= 50
    if RECIPES[name].startswith(SAME_ARITHMETIC):
        assert static == plain
        assert all(torch.equal(others[key], value) for key, value in weights.items())
    assert static == pytest.approx(plain, rel=0, abs=1e-4)
    for key, value in weights.items():
        torch.testing.assert_close(others[key], value, rtol=1e-3, atol=1e-4, msg=lambda m, key=key: f"{key}: {m}")


def test_the_static_step_takes_whole_steps_alone() -> None:
    training = Training(work("sgd", True))
    assert training.static is not None
    taken = [training.static.takes(group) for group in steps_left(training.job, 1, training.state.step)]
    assert taken == [True, True, True, False]


@pytest.mark.parametrize("stop", [2, 5, 11])
def test_a_run_that_stops_goes_on_in_the_same_bits(stop: int) -> None:
    name = "lookahead"
    _, expected, _ = trained(work(name, True))
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop

    first = Training(work(name, True, stop=enough))
    assert isinstance(list(first.events())[-1], Stopped)
    second = Training(work(name, True))
    second.load(*first.checkpoint())
    list(second.events())
    found = second.job.model.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


# Together they have every word that is in a recipe.
WATCHED = (
    "muon",
    "clip",
    "ema",
    "penalties",
    "augment",
    "colours",
    "randaugment",
    "model",
    "alternate",
    "mixes",
    "phases",
)


class Reads(TorchDispatchMode):
    """Notes what waits for a device: a number read on the host, a tensor made of numbers there."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (
            aten._local_scalar_dense,
            aten.lift_fresh,
            aten.nonzero,
            aten._unique2,
            aten.is_nonzero,
        ):
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("graph", [False, True], ids=["plain", "static"])
@pytest.mark.parametrize("name", WATCHED)
def test_no_step_waits_for_the_device(name: str, graph: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU nothing waits, yet what would wait on a GPU is visible in the operators that a step calls."""
    monkeypatch.setattr(each, "_rows", each._masks)  # what a GPU takes
    training = Training(work(name, graph))
    training.net.train()
    groups = steps_left(training.job, 1, training.state.step)
    if training.static is not None:
        training.static.begin(1, groups)
    batches = training.replica.inputs.batches(1, groups)
    for number, group in enumerate(groups[:3]):
        with Reads() as reads:
            training._step(group, batches)
        assert reads.seen == [] or number == 0  # tables are copied to the device by the first step that needs them


def test_what_waits_is_seen() -> None:
    with Reads() as reads:
        torch.tensor([1.0, 2.0])
        float(torch.ones(()))
        torch.ones(3).nonzero()
    assert [s.split(".")[1] for s in reads.seen] == ["lift_fresh", "_local_scalar_dense", "nonzero"]


def test_every_operation_of_randaugment_gives_the_same_by_rows_and_by_mask() -> None:
    chance = torch.Generator().manual_seed(5)
    images = torch.randint(256, (64, 3, 12, 12), generator=chance, dtype=torch.uint8)
    drawn = torch.arange(64) % len(rand.NAMES)
    signs = torch.randint(2, (64,), generator=chance) * 2.0 - 1.0
    for m in (0, 9, 30):
        bins = torch.full((64,), m)
        changes = [partial(rand._applied, name, signs, bins, rand.BINS, False) for name in rand.NAMES]
        assert torch.equal(each._rows(images, drawn, changes), each._masks(images, drawn, changes))


def test_a_step_that_cannot_be_captured_runs_eagerly_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Static, epoch: int, groups: list[Group]) -> None:
        raise RuntimeError("called a synchronizing CUDA operation\nand more")

    _, expected, _ = trained(work("lion", False))
    monkeypatch.setattr(Static, "begin", refuse)
    training = Training(work("lion", True))
    events = list(training.events())
    said = [e.text for e in events if isinstance(e, Warned)]
    assert said == ["CUDA graph capture failed; running eagerly: called a synchronizing CUDA operation"]
    assert all(torch.equal(training.job.model.state_dict()[key], value) for key, value in expected.items())


def test_a_capture_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that warm a capture up, here on the CPU, change neither weights nor moments nor sums."""

    def warm(body: Callable[[], None], ready: Callable[[], object], generators: object) -> None:
        for _ in range(3):
            ready()
            body()

    monkeypatch.setattr(static, "capture", warm)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    for name in ("adamw", "mixes", "ema"):
        training = Training(work(name, True))
        training.net.train()
        assert training.static is not None
        training.static.begin(1, steps_left(training.job, 1, training.state.step))
        before = {k: v.clone() for k, v in training.checkpoint()[0].items()}
        training.static._capture()
        after = training.checkpoint()[0]
        assert all(torch.equal(after[k], v) for k, v in before.items())
        assert all(not v.any() for k, v in after.items() if k.startswith("update/"))


def test_a_failed_capture_leaves_the_run_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(body: Callable[[], None], ready: Callable[[], object], generators: object) -> None:
        ready()
        body()
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(static, "capture", broken)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    _, expected, _ = trained(work("mixes", False))
    training = Training(work("mixes", True))
    training.net.train()
    assert training.static is not None
    with pytest.raises(RuntimeError, match="not permitted"):
        training.static._capture()
    training.static = None
    list(training.events())
    assert all(torch.equal(training.job.model.state_dict()[key], value) for key, value in expected.items())
