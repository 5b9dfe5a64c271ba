"""Apple's GPU as a device, as far as a machine without one can tell."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from archdsl import device as devices
from archdsl.accelerate.plan import choose, unprobed
from archdsl.accelerate.threads import yield_cores
from archdsl.device import choose_device, wide
from archdsl.errors import EnvError
from archdsl.evaluate import mc
from archdsl.settings.experiment import TrainSettings
from archdsl.train import metrics, static
from archdsl.train.checks import is_out_of_memory
from archdsl.train.job import steps_left
from archdsl.train.loop import Training
from archdsl.train.optim import Update
from archdsl.train.optim.make import foreach
from archdsl.words.train.optimizers import Lion, RmsProp, Sgd
from archdsl.words.train.penalties import L2, Wd
from archdsl.words.train.recipe import Clip

from .nets import small_net
from .test_static import work

METAL = torch.device("mps")


@pytest.mark.parametrize(
    ("cuda", "metal", "taken"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_the_fastest_that_is_there(
    cuda: bool, metal: bool, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda d: "a GPU")
    monkeypatch.setattr(devices, "_has_mps", lambda: metal)
    device, note = choose_device()
    assert device.type == taken
    assert note.startswith(f"device: {taken}")
    assert choose_device("cpu")[0].type == "cpu"
    if metal:
        assert choose_device("mps")[0] == METAL
    else:
        with pytest.raises(EnvError, match="no Metal device"):
            choose_device("mps")


def test_its_plan_is_what_it_has() -> None:
    plan, words = choose(small_net(), (16, 1, 28, 28), 10_000, METAL)
    assert (plan.precision, plan.channels_last, plan.graph, plan.compile, plan.fused) == (
        "fp32",
        False,
        False,
        False,
        True,
    )
    assert words == "fp32"
    assert choose(small_net(), (16, 1, 28, 28), 10_000, METAL, "bf16")[0].precision == "bf16"
    assert not unprobed(METAL).graph


class Doubles(TorchDispatchMode):
    """Notes every operator that gives a float64."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        if isinstance(given, torch.Tensor) and given.dtype == torch.float64:
            self.seen.append(str(func))
        return given


@pytest.mark.parametrize(
    "name", ["augment", "colours", "mixes", "alternate", "adamw", "muon", "lookahead", "penalties"]
)
def test_nothing_in_a_run_is_of_64_bits_where_metal_has_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wide(METAL) == torch.float32
    assert wide(torch.device("cpu")) == torch.float64
    for module in (metrics, mc, static):
        monkeypatch.setattr(module, "wide", lambda device: torch.float32)
    training = Training(work(name, False))
    training.net.train()
    groups = steps_left(training.job, 1, training.state.step)
    with Doubles() as doubles:
        batches = training.replica.inputs.batches(1, groups)
        for group in groups:
            training._step(group, batches)
        training._evaluate(training.job.test)
        training.state.meter.read()
    assert doubles.seen == []


def test_its_lack_of_memory_is_understood() -> None:
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, other allocations: 1 GB)"))
    assert not is_out_of_memory(RuntimeError("Placeholder storage has not been allocated on MPS device!"))


def test_what_metal_lacks_runs_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTORCH_ENABLE_MPS_FALLBACK", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    yield_cores()
    import os

    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "0")
    yield_cores()
    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "0"


@pytest.mark.parametrize("chosen", [Sgd(0.1), RmsProp(), Lion()])
def test_an_update_asks_for_no_lists_of_tensors_where_torch_has_none(chosen: object) -> None:
    """The meta device has none either, and torch refuses there as it does on Metal."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)).to("meta")
    update = Update(model, TrainSettings(chosen, clip=Clip(1.0), l2=L2(0.1), wd=Wd(0.1)))
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    update.apply()
    assert foreach(METAL) is foreach(torch.device("meta")) is None
    assert foreach(torch.device("cpu"))
