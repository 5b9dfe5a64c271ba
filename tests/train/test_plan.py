"""The choice of a plan: what is asked for, what is measured, what is remembered, and what must not change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

import archdsl
from archdsl.accelerate import plan as plans
from archdsl.accelerate import remember as remembering
from archdsl.accelerate.plan import Plan, choose, forward_context, prepare
from archdsl.accelerate.remember import recall, remember, signature

CPU = torch.device("cpu")
BATCH = (4, 3, 8, 8)
LONG = 100_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(plans, "waited", lambda: 0.0)  # what else the machine does
    return tmp_path / "archdsl" / "plans"


@pytest.fixture
def net() -> nn.Module:
    return archdsl.model("conv(4) bn relu maxpool drop(0.5) gap linear(4)", input=(3, 8, 8), classes=4)


def timed(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float | None]) -> list[Plan]:
    """Let a probe find these times, by precision ("plain" for the reference); gives the plans that it asked about."""
    asked: list[Plan] = []

    def found(model: nn.Module, shape: object, plan: Plan, device: object, *steps: int) -> float | None:
        asked.append(plan)
        return seconds["plain" if not plan.fused else plan.precision]

    monkeypatch.setattr(plans, "_seconds", found)
    return asked


def test_plain_is_plain(net: nn.Module) -> None:
    assert choose(net, BATCH, LONG, CPU, "plain") == (Plan(threads=torch.get_num_threads()), "")


@pytest.mark.parametrize("wish", ["fp32", "bf16"])
def test_a_wish_is_followed_without_a_probe(net: nn.Module, wish: str, own_cache: Path) -> None:
    plan, note = choose(net, BATCH, LONG, CPU, wish)
    assert (plan.precision, plan.channels_last, plan.fused) == (wish, True, True)
    assert note == f"{wish}, channels_last" + ", native kernels" * plan.native + " with AMX" * plan.amx
    assert not own_cache.exists()


def test_native_kernels_are_for_nets_with_batch_norm(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "available", lambda *precisions: True)
    assert choose(net, BATCH, LONG, CPU, "fp32")[0].native
    assert not choose(nn.Sequential(nn.Conv2d(3, 4, 3)), BATCH, LONG, CPU, "fp32")[0].native
    monkeypatch.setattr(plans, "available", lambda *precisions: False)
    assert not choose(net, BATCH, LONG, CPU, "fp32")[0].native


@pytest.mark.parametrize("native", [True, False])
def test_a_short_run_takes_what_the_processor_has(
    net: nn.Module, native: bool, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setattr(plans, "has_bf16", lambda: native)
    assert choose(net, BATCH, 50, CPU)[0].precision == ("bf16" if native else "fp32")
    assert not own_cache.exists()


def test_the_fastest_is_taken_and_remembered(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = timed(monkeypatch, {"plain": 4.0, "fp32": 2.0, "bf16": 1.0})
    plan, note = choose(net, BATCH, LONG, CPU)
    assert plan.precision == "bf16"
    assert "4.0× plain fp32" in note
    count = len(asked)
    again, words = choose(net, BATCH, LONG, CPU)
    assert again == plan
    assert len(asked) == count
    assert "measured before" in words


def test_forms_that_are_close_are_measured_until_they_differ(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was slow at first by chance is taken all the same."""
    monkeypatch.setattr(plans, "has_bf16", lambda: True)
    turns = {"fp32": 0, "bf16": 0}

    def seconds(m: nn.Module, s: object, plan: Plan, d: object, *n: int) -> float:
        if not plan.fused:
            return 4.0
        if plan.threads != torch.get_num_threads():
            return 2.0
        turns[plan.precision] += 1
        return 1.0 if plan.precision == "bf16" else 1.06 if turns["fp32"] <= 6 else 0.98

    monkeypatch.setattr(plans, "_seconds", seconds)
    monkeypatch.setattr(plans, "has_parts", lambda model, amx=False: False)
    assert choose(net, BATCH, LONG, CPU)[0].precision == "fp32"
    assert turns["fp32"] == turns["bf16"] == 2 * (1 + len(plans.CLOSE))


def test_what_was_measured_beside_other_work_is_not_remembered(
    net: nn.Module, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    """It may be one thread of two, and each later run would have it."""
    timed(monkeypatch, {"plain": 4.0, "fp32": 2.0, "bf16": 1.0})
    delays = iter([0.0, 1000.0])
    monkeypatch.setattr(plans, "waited", lambda: next(delays))
    plan, words = choose(net, BATCH, LONG, CPU)
    assert plan.precision == "bf16"
    assert "measured again next time" in words
    assert not own_cache.exists()
    monkeypatch.setattr(plans, "waited", lambda: 1000.0)
    assert "measured again" not in choose(net, BATCH, LONG, CPU)[1]
    assert "measured before" in choose(net, BATCH, LONG, CPU)[1]


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="Linux alone says how long a thread waits for a core"
)
def test_waiting_for_a_core_is_seen() -> None:
    """Two processes on one core."""
    core = min(os.sched_getaffinity(0))
    work = "import os, sys, time\nos.sched_setaffinity(0, [int(sys.argv[1])])\n"
    work += "from archdsl.accelerate.threads import waited\nbegun = time.perf_counter()\n"
    work += "while time.perf_counter() < begun + 1: pass\nprint(waited())"
    both = [
        subprocess.Popen([sys.executable, "-c", work, str(core)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert max(float(one.communicate(timeout=60)[0]) for one in both) > 0.1


def test_layers_that_torch_does_faster_are_left_to_it(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mixed form is the fastest one; the choice is remembered, and read again from JSON."""
    monkeypatch.setattr(plans, "available", lambda *precisions: True)
    monkeypatch.setattr(plans, "layers_by_torch", lambda *given: ("64 to 64 at 8x8, pad 1",))
    for mixed in (0.5, 2.5):
        monkeypatch.setattr(plans, "recall", lambda name: None)
        monkeypatch.setattr(
            plans,
            "_seconds",
            lambda m, s, plan, d, *n, mixed=mixed: mixed if plan.by_torch else 2.0 if plan.fused else 4.0,
        )
        plan, note = choose(net, BATCH, LONG, CPU)
        assert plan.native
        assert bool(plan.by_torch) == (mixed < 2.0)
        assert ("native kernels but for 1 kinds of convolution" in note) == (mixed < 2.0)
        monkeypatch.setattr(plans, "recall", recall)
        assert choose(net, BATCH, LONG, CPU)[0] == plan
        assert Plan.of(json.loads(json.dumps(plan.record()))) == plan
    assert Plan.of({"precision": "fp32"}) == Plan()  # of a run of before
    assert "by_torch" not in Plan().record()


def test_torchs_own_kernels_are_tried_too(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "available", lambda *precisions: True)
    monkeypatch.setattr(plans, "has_bf16", lambda: True)
    monkeypatch.setattr(plans, "_seconds", lambda m, s, plan, d, *n: 2.0 if plan.native or not plan.fused else 1.0)
    plan, _ = choose(net, BATCH, LONG, CPU)
    assert (plan.native, plan.fused, plan.threads) == (False, True, torch.get_num_threads())


def test_fewer_threads_are_tried_where_there_are_many(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor of 64 cores: what a net has no work for waits for each other."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    tried: set[int] = set()

    def seconds(m: nn.Module, s: object, plan: Plan, d: object, *n: int) -> float:
        tried.add(plan.threads)
        return 4.0 if not plan.fused else 1.0 + abs(plan.threads - 16) / 100

    monkeypatch.setattr(plans, "_seconds", seconds)
    plan, words = choose(net, BATCH, LONG, CPU)
    assert tried == {1, 4, 16, 64}
    assert plan.threads == 16
    assert ", 16 threads: 4.0× plain fp32" in words


def test_short_steps_are_measured_more_often(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    monkeypatch.setattr(plans, "forward_context", lambda *_: passes.append(1) or nullcontext())
    monkeypatch.setattr(plans, "ENOUGH", 1e9)
    for steps, most, counted in ((3, 0, 3), (3, 12, 12), (1, 1, 1)):
        passes.clear()
        assert plans._seconds(net, BATCH, Plan(), CPU, steps, most) is not None
        assert len(passes) == counted
    monkeypatch.setattr(plans, "ENOUGH", 0.0)
    passes.clear()
    plans._seconds(net, BATCH, Plan(), CPU, 3, 12)
    assert len(passes) == 3


def test_bf16_must_gain_something(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, {"plain": 4.0, "fp32": 1.0, "bf16": 0.98})
    assert choose(net, BATCH, LONG, CPU)[0].precision == "fp32"


def test_a_net_that_cannot_run_in_bf16_runs_in_fp32(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, {"plain": 4.0, "fp32": 3.0, "bf16": None})
    assert choose(net, BATCH, LONG, CPU)[0].precision == "fp32"


def test_a_probe_leaves_weights_statistics_chance_and_threads(net: nn.Module) -> None:
    before = {k: v.clone() for k, v in net.state_dict().items()}
    chance, threads = torch.get_rng_state(), torch.get_num_threads()
    choose(net, BATCH, LONG, CPU)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(chance, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_net_that_cannot_run_at_all_is_left_to_the_run(own_cache: Path) -> None:
    plan, _ = choose(nn.Conv2d(5, 4, 3), BATCH, LONG, CPU)
    assert plan.precision == "fp32"
    assert not own_cache.exists()


def test_a_damaged_answer_is_no_answer(own_cache: Path) -> None:
    remember("some", {"plan": 1})
    assert recall("some") == {"plan": 1}
    (own_cache / "some.json").write_text("{")
    assert recall("some") is None
    assert recall("other") is None


def test_the_signature_sees_shapes_and_batch(net: nn.Module) -> None:
    wider = archdsl.model("conv(8) bn relu maxpool drop(0.5) gap linear(4)", input=(3, 8, 8), classes=4)
    names = {signature(net, BATCH, 1), signature(wider, BATCH, 1), signature(net, (8, *BATCH[1:]), 1)}
    names.add(signature(net, BATCH, 1, [{"amx": True}]))  # a form that was not there before
    assert len(names) == 4


def test_the_signature_sees_what_shapes_do_not_tell(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strides, windows and sums: a net that takes a quarter of the time is another one. And another processor of one name."""
    texts = [
        "conv(4) bn relu gap linear(4)",
        "conv(4, s=2) bn relu gap linear(4)",
        "conv(4) bn relu maxpool gap linear(4)",
    ]
    texts += ["conv(4) bn relu maxpool(3) gap linear(4)", "conv(4) res(bn relu) gap linear(4)"]
    texts += [f"conv(4) bn relu blurpool(3, {stride}) gap linear(4)" for stride in (1, 2)]
    texts += [f"conv(4) f: conv(4) relu {uses} relu gap linear(4)" for uses in ("again(f)", "again(f) again(f)")]
    names = {signature(archdsl.model(text, input=(3, 8, 8), classes=4), BATCH, 1) for text in texts}
    assert len(names) == len(texts)
    before = signature(net, BATCH, 1)
    assert before == signature(net, BATCH, 1)
    monkeypatch.setattr(remembering, "processor_lines", lambda: ["model name: another"])
    assert signature(net, BATCH, 1) != before


def test_the_context_lowers_the_forward_pass_alone() -> None:
    layer = nn.Linear(3, 2)
    with forward_context(Plan("bf16"), CPU):
        assert layer(torch.ones(1, 3)).dtype == torch.bfloat16
    with forward_context(Plan(), CPU):
        assert layer(torch.ones(1, 3)).dtype == torch.float32
    assert layer.weight.dtype == torch.float32


def test_prepare_sets_layout_and_threads() -> None:
    model, threads = nn.Conv2d(3, 4, 3), torch.get_num_threads()
    try:
        prepare(model, Plan(channels_last=True, threads=1))
        assert model.weight.is_contiguous(memory_format=torch.channels_last)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
