"""The first steps of every optimiser, penalty and schedule against its formula, written out here."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from archdsl.settings.experiment import TrainSettings
from archdsl.train.optim import Update
from archdsl.train.optim.muon import Muon, orthogonal
from archdsl.train.optim.parts import Weight
from archdsl.words.train import recipe
from archdsl.words.train.optimizers import Adam, AdamW, Lamb, Lion, NAdam, RmsProp, Sgd
from archdsl.words.train.optimizers import Muon as MuonWord
from archdsl.words.train.penalties import L1, L2, GroupLasso, Wd

PLAIN = Sgd(0.1, 0.0, False)
STEPS = 6


class Bowl(nn.Module):
    """Three weights with gradients that are known: a matrix, a bias and a scale."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.bias = nn.Parameter(torch.randn(4, generator=generator))
        self.target = torch.randn(4, 3, generator=generator)

    def gradients(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return weight - self.target, bias * 3


def ours(settings: TrainSettings) -> list[tuple[Tensor, Tensor]]:
    """The weights after each of the first steps."""
    bowl = Bowl()
    update = Update(bowl, settings)
    seen = []
    for _ in range(STEPS):
        update.zero()
        bowl.weight.grad, bowl.bias.grad = (g.detach().clone() for g in bowl.gradients(bowl.weight, bowl.bias))
        update.set_factor(1.0)
        update.apply()
        seen.append((bowl.weight.detach().clone(), bowl.bias.detach().clone()))
    return seen


Rule = Callable[[Tensor, Tensor, dict, int], Tensor]


def reference(rule: Rule) -> list[tuple[Tensor, Tensor]]:
    """The same by a rule: new weight from weight, gradient, a store of its own, and the step counted from 1."""
    bowl = Bowl()
    weights, stores = [bowl.weight.detach().clone(), bowl.bias.detach().clone()], [{}, {}]
    seen = []
    for t in range(1, STEPS + 1):
        gradients = bowl.gradients(*weights)
        weights = [rule(w, g, s, t) for w, g, s in zip(weights, gradients, stores, strict=True)]
        seen.append(tuple(w.clone() for w in weights))
    return seen


def agree(settings: TrainSettings, rule: Rule) -> None:
    for mine, theirs in zip(ours(settings), reference(rule), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def momentum(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    s["v"] = 0.9 * s["v"] + g if t > 1 else g
    return w - 0.1 * s["v"]


def nesterov(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    s["v"] = 0.9 * s["v"] + g if t > 1 else g
    return w - 0.1 * (g + 0.9 * s["v"])


def adam(w: Tensor, g: Tensor, s: dict, t: int, lr: float = 0.01) -> Tensor:
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    return w - lr * (s["m"] / (1 - 0.9**t)) / ((s["v"] / (1 - 0.999**t)).sqrt() + 1e-8)


def rmsprop(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * g * g
    return w - 0.01 * g / (s["v"].sqrt() + 1e-8)


def lion(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    m = s.get("m", torch.zeros_like(g))
    s["m"] = 0.99 * m + 0.01 * g
    return w - 0.01 * torch.sign(0.9 * m + 0.1 * g)


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        (PLAIN, lambda w, g, s, t: w - 0.1 * g),
        (Sgd(0.1), momentum),
        (Sgd(0.1, 0.9, True), nesterov),
        (Adam(0.01), adam),
        (AdamW(0.01, 0.1), lambda w, g, s, t: adam(w * (1 - 0.01 * 0.1), g, s, t)),
        (RmsProp(0.01), rmsprop),
        (Lion(0.01), lion),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "lion"],
)
@pytest.mark.holds("sgd adam adamw rmsprop lion")
def test_first_steps(chosen: object, rule: Rule) -> None:
    agree(TrainSettings(chosen), rule)


@pytest.mark.holds("muon")
def test_muon_is_torchs_on_matrices() -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon to compare with")
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(12, 8, generator=generator)
    mine, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    pair = (
        Muon([mine], [Weight("w", mine)], 0.95),
        torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.0),
    )
    for _ in range(STEPS):
        gradient = torch.randn(12, 8, generator=generator)
        for p, optimizer in zip((mine, theirs), pair, strict=True):
            p.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.01)  # torch orthogonalises in bf16


def test_muon_takes_the_hidden_weights_alone() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 10))
    update = Update(net, TrainSettings(MuonWord(0.02)))
    muon, adam_ = update._optimizers
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(8, 8, 3, 3)]
    assert len(adam_.param_groups[0]["params"]) == 7
    singular = torch.linalg.svdvals(orthogonal(torch.randn(16, 40, generator=torch.Generator().manual_seed(0))))
    assert 0.6 < float(singular.min()) <= float(singular.max()) < 1.3


def _group(w: Tensor) -> Tensor:
    return w / w.norm(dim=1, keepdim=True) * math.sqrt(w.shape[1]) if w.ndim > 1 else torch.zeros_like(w)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"wd": Wd(0.5)}, lambda w, g, s, t: w * (1 - 0.05) - 0.1 * g),
        ({"wd": Wd(0.5, True)}, lambda w, g, s, t: w * (1 - 0.05 * (w.ndim > 1)) - 0.1 * g),
        ({"l2": L2(0.5)}, lambda w, g, s, t: w - 0.1 * (g + 0.5 * w)),
        ({"l2": L2(0.5, True)}, lambda w, g, s, t: w - 0.1 * (g + 0.5 * w * (w.ndim > 1))),
        ({"l1": L1(0.5)}, lambda w, g, s, t: w - 0.1 * (g + 0.5 * w.sign())),
        ({"grouplasso": GroupLasso(0.5)}, lambda w, g, s, t: w - 0.1 * (g + 0.5 * _group(w))),
    ],
    ids=["wd", "wd-weights", "l2", "l2-weights", "l1", "grouplasso"],
)
@pytest.mark.holds("wd l2 l1 grouplasso")
def test_penalties(more: dict, rule: Rule) -> None:
    agree(TrainSettings(PLAIN, **more), rule)


def test_decay_in_the_loss_and_decoupled_are_one_for_sgd_and_two_for_adam() -> None:
    for chosen, equal in ((PLAIN, True), (Adam(0.1), False)):
        coupled = ours(TrainSettings(chosen, l2=L2(0.1)))[-1][0]
        decoupled = ours(TrainSettings(chosen, wd=Wd(0.1)))[-1][0]
        assert torch.allclose(coupled, decoupled, atol=1e-5) is equal


@pytest.mark.holds("clip")
def test_clipping_is_by_the_norm_over_all() -> None:
    bowl = Bowl()
    norm = torch.cat([g.flatten() for g in bowl.gradients(bowl.weight, bowl.bias)]).norm()
    found = ours(TrainSettings(PLAIN, clip=recipe.Clip(1.0)))[0][0]
    torch.testing.assert_close(found, bowl.weight - 0.1 * bowl.gradients(bowl.weight, bowl.bias)[0] / norm)


@pytest.mark.parametrize(
    "chosen",
    [
        Sgd(0.1),
        Adam(),
        Lion(),
        RmsProp(),
        NAdam(),
        Lamb(),
    ],
)
def test_state_goes_to_another_process_and_back(chosen: object) -> None:
    def steps(update: Update, bowl: Bowl, count: int) -> None:
        for _ in range(count):
            bowl.weight.grad, bowl.bias.grad = (g.detach().clone() for g in bowl.gradients(bowl.weight, bowl.bias))
            update.apply()

    settings = TrainSettings(chosen)
    straight, first, second = Bowl(), Bowl(), Bowl()
    steps(Update(straight, settings), straight, 8)
    half = Update(first, settings)
    steps(half, first, 4)
    second.load_state_dict(first.state_dict())
    other = Update(second, settings)
    other.load(*half.state())
    steps(other, second, 4)
    assert torch.equal(second.weight, straight.weight)
    assert torch.equal(second.bias, straight.bias)
