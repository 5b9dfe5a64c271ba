"""On a GPU: the captured step is the step, and a run that stops goes on in its bits. `make gpu` runs these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from archdsl.api import experiment_of, load
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.runs.events import EpochDone, Finished, Stopped, Warned
from archdsl.train.fit import fit
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Training
from archdsl.train.optim import merged_state

from .nets import stripes
from .test_static import RECIPES, work

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch sees"),
]
ALIKE = [name for name in RECIPES if name != "phases"]  # a captured step draws its dropout by another call


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def on_gpu(name: str, graph: bool, **more: object) -> Job:
    """A recipe of the static step's tests, on the GPU."""
    job, device = work(name, graph), torch.device("cuda", 0)
    job.model.to(device)
    given = {f: getattr(job, f) for f in job.__dataclass_fields__} | {
        "train": resident(stripes(60), device),
        "test": resident(stripes(20, 2), device),
        "normalise": normalise((0.4,), (0.2,), device),
        **more,
    }
    return Job(**given)


def trained(job: Job) -> tuple[list[float], dict[str, torch.Tensor], Training]:
    training = Training(job)
    events = list(training.events())
    assert not [e for e in events if isinstance(e, Warned)], "the step was not captured"
    assert isinstance(events[-1], Finished)
    return [e.loss for e in events if isinstance(e, EpochDone)], merged_state(job.model), training


@pytest.mark.parametrize("name", ALIKE)
def test_fifty_captured_steps_are_those_of_the_plain_loop(name: str) -> None:
    plain, weights, _ = trained(on_gpu(name, False))
    captured, others, training = trained(on_gpu(name, True))
    assert training.static is not None
    assert training.static._graph is not None
    # Muon makes its matrices orthogonal in bf16 there.
    far = 5e-2 if name == "muon" else 1e-4
    assert captured == pytest.approx(plain, rel=0, abs=far)
    for key, value in weights.items():
        torch.testing.assert_close(others[key], value, rtol=1e-2, atol=10 * far, msg=lambda m, key=key: f"{key}: {m}")


def test_captured_dropout_follows_its_phases() -> None:
    """Its rates change between replays: with a rate of 0 at first, the first epochs are those without dropout."""
    late, _, _ = trained(on_gpu("phases", True))
    assert late[-1] < late[0]


@pytest.mark.parametrize("name", ["sgd", "augment", "mixes", "lookahead", "ema"])
@pytest.mark.parametrize("stop", [2, 11])
def test_a_captured_run_that_stops_goes_on_in_the_same_bits(name: str, stop: int) -> None:
    _, expected, _ = trained(on_gpu(name, True))
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop

    first = Training(on_gpu(name, True, stop=enough))
    assert isinstance(list(first.events())[-1], Stopped)
    second = Training(on_gpu(name, True))
    tensors, about = first.checkpoint()
    second.load({k: v.cpu() for k, v in tensors.items()}, about)  # as from a file
    list(second.events())
    found = second.job.model.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_no_step_waits_for_the_gpu() -> None:
    for name in ("augment", "randaugment", "colours", "mixes", "model", "alternate", "phases", "clip", "muon"):
        training = Training(on_gpu(name, False))
        training.net.train()
        groups = steps_left(training.job, 1, training.state.step)
        batches = training.replica.inputs.batches(1, groups)
        training._step(groups[0], batches)  # makes the optimiser's state
        torch.cuda.set_sync_debug_mode("error")
        try:
            training._step(groups[1], batches)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_a_net_that_asks_the_gpu_runs_eagerly(tmp_path: object) -> None:
    heard: list[object] = []
    spec = load(
        "net conv(8) relu ode(conv(8) tanh) gap linear(classes)\ndata fashion-mini subset(600)\ntrain sgd(0.05) epochs(2)\n"
    )
    from archdsl.accelerate.plan import Plan

    run = fit(
        build(spec.trace), experiment_of(spec), out=tmp_path, device="cuda", plan=Plan(graph=True), listen=heard.append
    )
    assert run.result["status"] == "finished"
    assert any(isinstance(e, Warned) and "running eagerly" in e.text for e in heard)


def test_the_command_captures_and_says_so(tmp_path: object) -> None:
    heard: list[object] = []
    text = "net vgg[16x2,32x2] +bn\ndata fashion-mini flip crop(2)\ntrain sgd(0.05, nesterov) epochs(60) cosine\n"
    spec = load(text)
    run = fit(build(spec.trace), experiment_of(spec), out=tmp_path, device="cuda", listen=heard.append)
    assert run.result["status"] == "finished"
    assert any("a CUDA graph: " in note for note in heard[0].notes)
    assert not [e for e in heard if isinstance(e, Warned)]
