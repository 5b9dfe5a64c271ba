"""More optimisers, and the ways to shorten gradients, against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archdsl.emit.vision import import_torchvision
from archdsl.settings.experiment import TrainSettings
from archdsl.train.optim import Update, reparametrise
from archdsl.train.optim.clip import Gradients, last_layer
from archdsl.train.optim.parts import hidden, weights_of
from archdsl.words.train.optimizers import Lamb, NAdam
from archdsl.words.train.penalties import GroupLasso
from archdsl.words.train.recipe import Agc, ClipValue
from tests.train.test_update import PLAIN, Bowl, Rule, agree, ours


def nadam(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    mu, ahead = (0.9 * (1 - 0.5 * 0.96 ** (i * 0.004)) for i in (t, t + 1))
    s["product"] = s.get("product", 1.0) * mu
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    root = (s["v"] / (1 - 0.999**t)).sqrt() + 1e-8
    return w - 0.01 * ((1 - mu) / (1 - s["product"]) * g + ahead / (1 - s["product"] * ahead) * s["m"]) / root


def lamb(w: Tensor, g: Tensor, s: dict, t: int) -> Tensor:
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    step = s["m"] / (1 - 0.9**t) / ((s["v"] / (1 - 0.999**t)).sqrt() + 1e-6)
    if w.ndim < 2:
        return w - 0.01 * step
    step = step + 0.1 * w
    return w - 0.01 * w.norm() / step.norm() * step


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [(NAdam(0.01), nadam), (Lamb(0.01, 0.1), lamb)],
    ids=["nadam", "lamb"],
)
@pytest.mark.holds("nadam lamb")
def test_first_steps_of_more(chosen: object, rule: Rule) -> None:
    agree(TrainSettings(chosen), rule)


def test_weights_and_steps_of_length_0_are_no_fault_of_lamb() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    update = Update(layer, TrainSettings(Lamb(0.01, 0.0)))
    for gradient in (0.0, 1.0):
        layer.weight.grad, layer.bias.grad = torch.full((2, 3), gradient), torch.zeros(2)
        update.apply()
    assert torch.isfinite(layer.weight).all()
    assert (layer.weight < 0).all()


@pytest.mark.holds("clipvalue")
def test_clipping_by_value() -> None:
    bowl = Bowl()
    found = ours(TrainSettings(PLAIN, clip=ClipValue(0.3)))[0]
    for mine, w, g in zip(found, (bowl.weight, bowl.bias), bowl.gradients(bowl.weight, bowl.bias), strict=True):
        torch.testing.assert_close(mine, w - 0.1 * g.clamp(-0.3, 0.3))


def test_adaptive_clipping_is_by_filters_and_spares_the_last_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Linear(5, 2))
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    gradients = {n: torch.randn(p.shape, generator=generator) for n, p in net.named_parameters()}
    for n, p in net.named_parameters():
        p.grad = gradients[n].clone()
    Update(net, TrainSettings(PLAIN, clip=Agc(0.05, 1e-3))).apply()
    for n, p in net.named_parameters():
        g, w = gradients[n], before[n]
        if n.startswith(("0", "1")):
            rows, own = (t.flatten(1) if t.ndim > 1 else t[None] for t in (g, w))
            longest = own.norm(dim=1, keepdim=True).clamp(min=1e-3) * 0.05
            g = torch.where(
                rows.norm(dim=1, keepdim=True) > longest, rows / rows.norm(dim=1, keepdim=True) * longest, rows
            )
            g = g.view_as(w)
        torch.testing.assert_close(p.detach(), w - 0.1 * g, rtol=1e-5, atol=1e-7)


@pytest.mark.holds("agc")
def test_adaptive_clipping_is_timms() -> None:
    import_torchvision()
    agc = pytest.importorskip("timm.utils.agc")
    generator = torch.Generator().manual_seed(1)
    mine, theirs = (nn.Sequential(nn.Conv2d(3, 6, 3), nn.Linear(7, 4)) for _ in range(2))
    theirs.load_state_dict(mine.state_dict())
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        p.grad = torch.randn(p.shape, generator=generator)
        q.grad = p.grad.clone()
    Agc(0.02).shorten(Gradients(list(mine.parameters()), frozenset()))
    agc.adaptive_clip_grad(theirs.parameters(), 0.02)
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def turned() -> tuple[nn.ConvTranspose2d, torch.Tensor, list[tuple[slice, int]]]:
    """A transposed convolution of two groups, a gradient, and where in them each output channel is."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False)
    nn.init.normal_(layer.weight, generator=generator)
    places = [(slice(2 * group, 2 * group + 2), out) for group in range(2) for out in range(3)]
    return layer, torch.randn(layer.weight.shape, generator=generator), places


@pytest.mark.parametrize("products", [False, True], ids=["plain", "spred"])
def test_filters_of_a_transposed_convolution_are_by_output_channel(products: bool) -> None:
    net = nn.Sequential(turned()[0], nn.Conv2d(6, 2, 1))
    if products:
        reparametrise(net)
    w = weights_of(net)[0]
    gradient, places = turned()[1:]
    before = w.value.detach().clone()
    added, cut = torch.empty_like(before), gradient.clone()
    for place in places:
        own = before[place]
        added[place] = 0.1 * own.numel() ** 0.5 * own / own.norm()
        cut[place] *= min(1.0, 0.05 * float(own.norm()) / float(gradient[place].norm()))
    for settings, wanted in (
        (TrainSettings(PLAIN, grouplasso=GroupLasso(0.1)), gradient + added),
        (TrainSettings(PLAIN, clip=Agc(0.05, 1e-3)), cut),
    ):
        for p in net.parameters():
            p.grad = None
        w.value.grad = gradient.clone()
        Update(net, settings)._penalise_and_clip()
        torch.testing.assert_close(w.value.grad, wanted)


def test_the_factors_of_a_product_are_one_weight() -> None:
    net = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    before, last = [w.name for w in hidden(weights_of(net))], last_layer(net)
    assert before == ["1.weight", "2.weight"]
    assert last == {id(p) for p in net[3].parameters()}
    reparametrise(net)
    assert [w.whole for w in hidden(weights_of(net))] == ["1.weight", "1.weight", "2.weight", "2.weight"]
    assert last_layer(net) == {id(p) for p in net[3].parameters()}
    assert len(last_layer(net)) == 3
    alone = nn.Linear(3, 3)
    reparametrise(alone)
    assert {w.whole for w in weights_of(alone)} == {"weight"}
    assert not hidden(weights_of(alone))
    assert last_layer(alone) == {id(p) for p in alone.parameters()}
