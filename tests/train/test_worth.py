"""What a graph or a compilation is worth: counts that are exact, and decisions that follow from them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

import archdsl
from archdsl.accelerate import compiled as compiling
from archdsl.accelerate.plan import Plan, choose, forward_context, unprobed
from archdsl.accelerate.worth import CAPTURE, COMPILE, GAIN, MARGIN, Size, compile_worth, graph_worth, size
from archdsl.errors import EnvError
from archdsl.train import prepare as setups
from archdsl.train.fit import fit

from .nets import CPU, experiment, small_net

CUDA = torch.device("cuda", 0)
LONG = 1_000_000


def net(text: str) -> nn.Module:
    return archdsl.model(text, input=(3, 32, 32), classes=10)


def test_the_size_of_a_net_is_counted_without_running_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10))
    found = size(model, (4, 3, 8, 8))
    assert found.flops == 2 * 4 * (8 * 27 * 64 + 8 * 64 * 10)
    assert found.operators == 4
    activations = (
        4 * (3 * 64 + 8 * 64) + 8 * 27 + 2 * 4 * 8 * 64 + 2 * 4 * 8 * 64 + 4 * 8 * 64 + 8 * 64 * 10 + 10 + 4 * 10
    )
    assert found.numbers == activations
    assert found.layers == 4
    assert next(model.parameters()).device.type == "cpu"


def test_a_layer_that_is_given_none_is_counted() -> None:
    """The part of a windowed attention that turns queries by their place has no mask."""
    net = archdsl.model(
        "patch(4, 24) attend(conv(24, 1) | id | conv(12, 1), 3, window=4, rotary) gap linear(4)",
        input=(3, 32, 32),
        classes=4,
    )
    assert size(net, (2, 3, 32, 32)).flops > 0


def test_twice_the_batch_is_twice_the_work_and_the_same_launches() -> None:
    one, two = (size(net("vgg[16x2,32x2] +bn"), (n, 3, 32, 32)) for n in (64, 128))
    assert two.flops == 2 * one.flops
    assert two.launching == one.launching
    assert two.working() == pytest.approx(2 * one.working(), rel=0.01)
    assert two.working(True, 66) == pytest.approx(2 * two.working(True, 132))
    assert two.working(False) == pytest.approx(2 * two.working(True))


def test_a_graph_pays_for_small_nets_and_batches_and_not_for_few_steps() -> None:
    small, large = (
        size(net("vgg[16x2,32x2] +bn"), (128, 3, 32, 32)),
        size(net("vgg[256x2,512x2] +bn"), (1024, 3, 32, 32)),
    )
    assert small.launching > small.working()
    assert large.launching < large.working()
    assert graph_worth(small, 10_000, small.working()).pays
    assert not graph_worth(small, 10, small.working()).pays
    assert not graph_worth(large, LONG, large.working()).pays
    assert graph_worth(large, LONG, large.working()).saving == 0
    saved = graph_worth(small, 1000, small.working()).saving
    assert saved == pytest.approx(1000 * (small.launching - small.working()))


def test_compiling_pays_where_its_saving_is_clear() -> None:
    of = Size(1e9, 1e9, 60, 20)
    cost = COMPILE["cuda"][0] + 20 * COMPILE["cuda"][1]
    steps = int(MARGIN * cost / (0.01 * GAIN["cuda"]))
    assert compile_worth(of, steps + 10, 0.01, "cuda").pays
    assert not compile_worth(of, steps - 10, 0.01, "cuda").pays
    assert "would save" in compile_worth(of, steps, 0.01, "cuda").words
    assert not compile_worth(of, LONG, 1.0, "cpu").pays  # no gain was measured there
    assert cost > CAPTURE


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU as far as a choice looks at it."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: SimpleNamespace(multi_processor_count=132))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated=True: True)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(
    ("text", "batch", "steps", "graph", "compile"),
    [
        ("vgg[64x2,128x2] +bn", 128, 5000, True, False),
        ("vgg[16x2,32x2] +bn", 128, 5000, True, False),
        ("vgg[16x2,32x2] +bn", 128, 50, False, False),
        ("vgg[256x2,512x2] +bn", 1024, 50_000, False, True),
        ("vgg[256x2,512x2] +bn", 1024, 1000, False, False),
    ],
)
def test_on_a_gpu_the_plan_says_what_it_took_and_why(
    text: str, batch: int, steps: int, graph: bool, compile: bool
) -> None:
    plan, words = choose(net(text), (batch, 3, 32, 32), steps, CUDA)
    assert (plan.precision, plan.channels_last, plan.graph, plan.compile) == ("bf16", True, graph, compile)
    assert ("no CUDA graph: " not in words) == graph
    assert "ms of work" in words
    assert words.endswith(": taken" if compile else "not taken")


@pytest.mark.usefixtures("card")
def test_a_wish_for_or_against_compilation_is_followed() -> None:
    model, shape = net("vgg[16x2,32x2] +bn"), (128, 3, 32, 32)
    assert choose(model, shape, 10, CUDA, compile="on")[0].compile
    plan, words = choose(net("vgg[256x2,512x2] +bn"), (1024, 3, 32, 32), 50_000, CUDA, compile="off")
    assert not plan.compile
    assert "torch.compile" not in words
    assert choose(model, shape, 10, CPU, "fp32", "on")[0].compile
    assert choose(model, shape, 10, CPU, "plain", "on")[0].compile
    assert not choose(model, shape, LONG, CPU, "fp32")[0].compile
    assert choose(model, shape, LONG, CUDA, "plain")[0] == Plan(threads=torch.get_num_threads())


@pytest.mark.usefixtures("card")
def test_a_net_that_cannot_be_counted_runs_as_it_is() -> None:
    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    plan, words = choose(Asks(), (8, 3, 4, 4), LONG, CUDA)
    assert (plan.graph, plan.compile, words) == (False, False, "bf16, channels_last")


def test_nets_that_are_compared_are_all_captured_on_a_gpu() -> None:
    assert unprobed(CUDA, "fp32").graph
    assert not unprobed(CPU).graph


def test_compiled_code_is_for_whole_training_batches_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, through = small_net(2), []
    monkeypatch.setattr(torch, "compile", lambda net, dynamic: lambda x: through.append(len(x)) or net(x))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    images = torch.randn(8, 1, 12, 12)
    chance = torch.get_rng_state()
    form = compiling.compiled(model, images, lambda: forward_context(Plan(), CPU))
    assert through == [8]
    assert torch.equal(chance, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    for mode, count, wanted in ((True, 8, 1), (True, 7, 0), (False, 8, 0)):
        through.clear()
        form.train(mode)(torch.randn(count, 1, 12, 12))
        assert len(through) == wanted
    with torch.no_grad():
        form.train()(torch.randn(8, 1, 12, 12))
    assert not through


def refuse(*args: object) -> nn.Module:
    raise RuntimeError("no C compiler\nand more")


def test_what_cannot_be_compiled_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setups, "compiled", refuse)
    with pytest.raises(EnvError, match="cannot compile this net here: no C compiler"):
        fit(small_net(), experiment(), out=tmp_path, device="cpu", speed="fp32", compile="on")
    events: list[object] = []
    plan = Plan(compile=True)
    run = fit(small_net(), experiment(), out=tmp_path, device="cpu", plan=plan, listen=events.append)
    assert any("not compiled: no C compiler" in note for note in events[0].notes)
    assert run.result["status"] == "finished"
    assert json.loads((run.folder / "versions.json").read_text())["plan"]["compile"] is False


def test_the_command_knows_the_word() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "train", "vgg", "--compile", "maybe"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "'auto', 'on', 'off'" in done.stderr.replace("\n", " ")


@pytest.mark.slow
def test_fifty_compiled_steps_have_the_losses_of_the_plain_form() -> None:
    """Compiles in earnest, with the C++ compiler of this machine."""
    curves = []
    for compile in (False, True):
        torch.manual_seed(0)
        model = small_net(4)
        chance = torch.Generator().manual_seed(0)
        images, labels = torch.randn(16, 8, 1, 12, 12, generator=chance), torch.randint(4, (16, 8), generator=chance)
        model[7].p = 0.0  # compiled code draws other masks
        form = compiling.compiled(model, images[0], lambda: forward_context(Plan(), CPU)) if compile else model
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        losses = []
        for step in range(50):
            loss = functional.cross_entropy(form(images[step % 16]), labels[step % 16])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        curves.append(torch.stack(losses))
    torch.testing.assert_close(*curves, rtol=0, atol=1e-4)
