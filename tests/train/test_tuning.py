"""Freezing, rates of parts and the decay of rates over depth, against their formulas."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.api import Spec, experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import ArchError, SpecError
from archdsl.runs.events import EpochDone, Event, Started
from archdsl.runs.run import Run
from archdsl.train.fit import fit
from archdsl.train.freezing import Frozen, by_parameter, check_left, frozen, scales
from archdsl.train.init import initialise
from archdsl.train.optim import Update

NET = "stem: (conv(4, s=2) bn relu) (conv(4, s=2) bn relu)*2 drop(0.1) gap head: linear(classes)"
DATA = "fashion-mini subset(96)"


def spec(train: str, net: str = NET, data: str = DATA) -> Spec:
    return load(f"net {net}\ndata {data}\ntrain {train}\n")


def go(
    train: str, out: Path, heard: list[Event] | None = None, **more
) -> tuple[Run, nn.Module, dict[str, torch.Tensor]]:
    """The run, its model, and the weights that it began with."""
    known = spec(train, **more)
    model = build(known.trace)
    experiment = experiment_of(known)
    initialise(model, experiment.train.seed)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    listen = heard.append if heard is not None else lambda event: None
    return fit(model, experiment, out=out, device="cpu", speed="plain", listen=listen), model, before


def moved(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}


@pytest.mark.holds("freeze")
def test_a_frozen_part_keeps_every_bit_and_the_others_move(tmp_path: Path) -> None:
    heard: list[Event] = []
    train = "sgd(0.1) epochs(2) batch(32) wd(0.1) l2(0.1) l1(1e-3) freeze(stem..block1)"
    _, model, before = go(train, tmp_path, heard)
    assert moved(model, before) == {k for k in before if k.startswith(("block2", "head"))}
    started = next(e for e in heard if isinstance(e, Started))
    assert started.params == sum(p.numel() for p in model.parameters())
    assert started.trained == sum(p.numel() for n, p in model.named_parameters() if n.startswith(("block2", "head")))


@pytest.mark.parametrize("more", ["precise_bn", "ema(0.9)", "spred(1e-4)", "grouplasso(1e-3) clip(1)"])
def test_other_words_leave_a_frozen_part_alone(more: str, tmp_path: Path) -> None:
    run, _, before = go(f"sgd(0.1) epochs(1) batch(32) freeze(stem) {more}", tmp_path)
    kept = run.state()
    for key, value in before.items():
        assert torch.equal(kept[key], value) == key.startswith("stem") or key.endswith("tracked"), key


def test_batch_norm_of_a_frozen_part_uses_its_running_statistics() -> None:
    model = build(spec("adam freeze(stem)").trace)
    held = frozen(experiment_of(spec("adam freeze(stem)"))).bind(model)
    model.train()
    held.hold(1)
    modes = {n: m.training for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert modes == {"stem.bn": False, "block1.bn": True, "block2.bn": True}
    assert model.get_submodule("drop").training


def test_a_part_thaws_after_its_epochs(tmp_path: Path) -> None:
    """Gradual unfreezing (Howard & Ruder 2018): the head first, then part after part towards the input."""
    seen: list[set[str]] = []
    known = spec("sgd(0.1) epochs(3) batch(32) freeze(stem, until=2) freeze(block1..block2, until=1)")
    model = build(known.trace)
    initialise(model, 0)
    last = {k: v.clone() for k, v in model.state_dict().items()}

    def listen(event: Event) -> None:
        if isinstance(event, EpochDone):
            seen.append({k.split(".")[0] for k in moved(model, last)})
            last.update({k: v.clone() for k, v in model.state_dict().items()})

    fit(model, experiment_of(known), out=tmp_path, device="cpu", speed="plain", listen=listen)
    assert seen == [{"head"}, {"head", "block1", "block2"}, {"head", "block1", "block2", "stem"}]


def test_the_fixed_filters_of_a_whitening_layer_stay_fixed(tmp_path: Path) -> None:
    net = "whiten conv(4, s=2) bn relu gap linear(classes)"
    _, model, _ = go("sgd(0.1) epochs(2) batch(32) freeze(whiten, until=1)", tmp_path, net=net)
    assert not dict(model.named_parameters())["whiten.weight"].requires_grad
    assert dict(model.named_parameters())["whiten.bias"].requires_grad


@pytest.mark.holds("rate")
def test_rates_by_formula() -> None:
    """One plain step moves each weight by lr · factor · gradient."""
    known = spec("sgd(0.5, momentum=0) rate(stem..block1, 0.1) rate(stem, 0.5)")
    model, experiment = build(known.trace), experiment_of(known)
    update = Update(model, experiment.train, scales(experiment))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    update.set_factor(0.25)
    assert math.isclose(update.rate, 0.125)
    update.apply()
    for name, p in model.named_parameters():
        factor = 0.05 if name.startswith("stem") else 0.1 if name.startswith("block1") else 1.0
        assert torch.allclose(before[name] - p, torch.full_like(p, 0.5 * 0.25 * factor), atol=1e-6), name


@pytest.mark.holds("layerdecay")
def test_the_decay_over_depth_by_formula() -> None:
    """Bao et al. 2022: layer l of L + 1 has the rate lr · decay^(L + 1 - l)."""
    known = spec("adamw(1e-3) layerdecay(0.5) rate(head, 2.0)")
    model = build(known.trace)
    found = by_parameter(model, scales(experiment_of(known)))
    factors = {n: found.get(id(p), 1.0) for n, p in model.named_parameters()}
    wanted = {"stem": 0.125, "block1": 0.25, "block2": 0.5, "head": 2.0}
    assert factors == {n: wanted[n.split(".")[0]] for n in factors}


@pytest.mark.parametrize("optimizer", ["sgd(0.1) wd(0.01)", "adamw(0.01)", "lion(0.01)", "muon(0.02)"])
def test_a_rate_of_one_changes_no_bit_and_others_do(optimizer: str, tmp_path: Path) -> None:
    net = NET.replace("*2", "*3")
    train = f"{optimizer} epochs(1) batch(48)"
    one, *_ = go(train, tmp_path / "one", net=net)
    two, *_ = go(f"{train} rate(stem..block3, 1.0)", tmp_path / "two", net=net)
    slow, model, before = go(f"{train} rate(stem..block3, 1e-6)", tmp_path / "slow", net=net)
    for key, value in one.state().items():
        assert torch.equal(value, two.state()[key]), key
    moves = {n: (slow.state()[n] - before[n]).abs().max() for n, _ in model.named_parameters()}
    assert all(v < 1e-5 for n, v in moves.items() if not n.startswith("head")), moves
    assert moves["head.weight"] > 1e-4


def test_the_schedule_multiplies_all_groups() -> None:
    known = spec("sgd(1.0, momentum=0) rate(stem, 0.1)")
    update = Update(build(known.trace), experiment_of(known).train, scales(experiment_of(known)))
    for factor in (1.0, 0.3, 0.0):
        update.set_factor(factor)
        rates = sorted(g["lr"] for g in update._optimizers[0].param_groups)
        assert rates == pytest.approx([0.1 * factor, factor])


@pytest.mark.parametrize(
    ("train", "error", "message"),
    [
        ("adam freeze(stme)", SpecError, "no part `stme`"),
        ("adam rate(stem..nowhere, 0.1)", SpecError, "no part `nowhere`"),
        ("adam freeze(head..stem)", SpecError, "comes before"),
        ("adam freeze(3)", SpecError, "a label or a range of layers"),
        ("adam freeze(stem(2))", SpecError, "a label or a range of layers"),
        ("adam rate(stem, 0)", SpecError, "must be"),
        ("adam layerdecay(0)", SpecError, "must be"),
        ('adam init("")', SpecError, "names no source"),
        ('adam init("x", sha="zz")', SpecError, "16 hex digits"),
        ("adam epochs(3) freeze(stem, until=3)", SpecError, "has no end"),
    ],
)
def test_slips_have_a_place(train: str, error: type[ArchError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        experiment_of(spec(train))
    assert caught.value.diagnostics[0].span is not None


def test_nothing_is_left_to_train(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="leaves nothing to train"):
        go("adam epochs(1) freeze(stem..head)", tmp_path)
    with pytest.raises(ArchError, match="have no effect"):
        go("adam epochs(1) freeze(stem) rate(stem, 0.1)", tmp_path)
    yet = [
        "adam epochs(3) freeze(stem..head, until=1)",
        "adam epochs(3) freeze(stem..block2, until=2) freeze(head, until=1)",
    ]
    for train in (*yet, "adam epochs(3) freeze(stem..block2) freeze(head, until=1)"):
        with pytest.raises(ArchError, match="leaves nothing to train in the first epoch"):
            go(train, tmp_path)
        model = build(spec(train).trace)
        with pytest.raises(ArchError, match="leaves nothing to train in the first epoch"):
            check_left(model, frozen(experiment_of(spec(train))).bind(model))
    assert not list(tmp_path.glob("*/spec.arch"))


def test_nothing_is_frozen_where_nothing_is_said() -> None:
    model = build(spec("adam").trace).train()
    held = frozen(experiment_of(spec("adam"))).bind(model)
    held.hold(1)
    assert not held.thaws
    assert all(m.training for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert isinstance(held, Frozen)


def test_old_hashes_stay() -> None:
    """A word that a text does not use is no part of its hash."""
    assert "init" not in experiment_of(spec("adam")).train.shown()
    assert "freeze" not in experiment_of(spec("adam rate(stem, 0.5)")).train.shown()
    assert spec("adam freeze(stem)").hash != spec("adam").hash
    assert spec("adam freeze(stem)").hash == spec("adam  freeze( stem )  # a comment").hash


def test_words_reach_the_text_by_set(tmp_path: Path) -> None:
    known = load(
        f"net {NET}\ndata {DATA}\ntrain adam\n", set=["train.freeze=stem..block1, until=2", "train.layerdecay=50%"]
    )
    assert known.canonical.splitlines()[-1] == "train adam freeze(stem..block1, until=2) layerdecay(50%)"
    assert load(known.canonical).hash == known.hash
