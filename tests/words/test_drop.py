"""Dropout and its kin: what goes to 0 while training, when, and nothing in eval mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.registry import entries
from archdsl.syntax.parse import parse
from archdsl.train.optim import reparametrise

KIN = [e.name for e in entries("net") if "drop" in e.traits]
PHASED = {
    "drop": "conv(8) drop(0.5{})",
    "spatial": "conv(8) spatial(0.5{})",
    "cutout": "cutout(8{}) conv(8)",
    "droppath": "conv(8) droppath(0.5{})",
    "dropblock": "conv(8) dropblock(0.5, 3{})",
    "dropconnect": "dropconnect(conv(8), 0.5{})",
}


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def net(text: str) -> nn.Module:
    return build(complete(expand(parse(text)), (3, 32, 32), 10).trace)


def acts(model: nn.Module, share: float | None = None) -> bool:
    """Whether two passes in training mode differ, after a share of training."""
    for module in model.modules():
        if share is not None and hasattr(module, "set_progress"):
            module.set_progress(share)
    x = torch.rand(32, 3, 32, 32)
    return not torch.equal(model(x), model(x))


def test_all_kin_are_tried() -> None:
    assert sorted(PHASED) == sorted(KIN)


@pytest.mark.parametrize("word", KIN)
def test_acts_while_training_alone(word: str) -> None:
    model = net(PHASED[word].format(""))
    assert acts(model)
    assert acts(model.train())
    assert not acts(model.eval())


@pytest.mark.parametrize("word", KIN)
def test_late_begins_at_its_share(word: str) -> None:
    model = net(PHASED[word].format(", late=60%"))
    assert [acts(model, s) for s in (0.0, 0.59, 0.6, 1.0)] == [False, False, True, True]
    assert not acts(model.eval(), 1.0)
    assert acts(net(PHASED[word].format(", late")), 0.5)


@pytest.mark.parametrize("word", KIN)
def test_early_ends_at_its_share(word: str) -> None:
    model = net(PHASED[word].format(", early=20%"))
    assert [acts(model, s) for s in (0.0, 0.1, 0.2, 1.0)] == [True, True, False, False]
    assert not acts(net(PHASED[word].format(", early=0%")), 0.0)


@pytest.mark.parametrize("word", KIN)
def test_one_phase_at_a_time(word: str) -> None:
    with pytest.raises(SpecError, match="both early and late"):
        net(PHASED[word].format(", early, late"))


@pytest.mark.parametrize("word", [k for k in KIN if k != "cutout"])
def test_a_rate_of_zero_is_the_identity(word: str) -> None:
    assert not acts(net(PHASED[word].format("").replace("0.5", "0")))


def test_early_rate_falls_in_a_straight_line() -> None:
    module = layers.PhasedDropout(0.4, early=0.5)
    rates = []
    for share in (0.0, 0.25, 0.5, 0.75):
        module.set_progress(share)
        rates.append(module.rate)
    assert rates == pytest.approx([0.4, 0.2, 0.0, 0.0])


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.3),
        layers.PhasedDropout(0.3, late=0.0),
        layers.PhasedDropout(0.3, late=0.0, channels=True),
        layers.DropPath(0.3),
        layers.DropBlock2d(0.1, 3),
    ],
    ids=lambda m: type(m).__name__,
)
def test_the_mean_is_kept(module: nn.Module) -> None:
    assert module(torch.ones(400, 8, 12, 12)).mean().item() == pytest.approx(1, abs=0.05)


def test_whole_channels_go_together() -> None:
    for module in (nn.Dropout2d(0.5), layers.PhasedDropout(0.5, late=0.0, channels=True)):
        means = module(torch.ones(16, 32, 4, 4)).mean((2, 3))
        assert set(means.flatten().tolist()) == {0.0, 2.0}


def test_whole_examples_go_together() -> None:
    for shape in ((256, 3), (256, 5, 3), (256, 3, 2, 2)):
        values = layers.DropPath(0.2)(torch.ones(shape)).flatten(1)
        assert torch.equal(values.amin(1), values.amax(1))
        assert set(values.unique().tolist()) == {0.0, 1.25}


@pytest.mark.parametrize("size", [1, 4, 5])
def test_cutout_cuts_one_square(size: int) -> None:
    cut = layers.Cutout(size)(torch.ones(500, 2, 20, 20)) == 0
    assert torch.equal(cut[:, 0], cut[:, 1])  # in all channels
    heights, widths = cut[:, 0].any(2).sum(1), cut[:, 0].any(1).sum(1)
    assert torch.equal(cut[:, 0].sum((1, 2)), heights * widths)
    assert (heights.max(), widths.max()) == (size, size)
    assert heights.min() >= size // 2  # at most about half lies outside


@pytest.mark.parametrize("size", [1, 3, 4, 40])
def test_dropblock_drops_squares(size: int) -> None:
    side = min(size, 12)
    gone = (layers.DropBlock2d(0.02, size)(torch.ones(300, 4, 12, 12)) == 0).flatten(0, 1)
    hit = gone[gone.any(2).any(1)]
    assert len(hit)
    assert hit.sum((1, 2)).min() == side * side  # a lone square is whole
    if size == 3:
        assert gone.float().mean().item() == pytest.approx(0.02, rel=0.3)


def test_dropconnect_drops_weights_and_no_biases() -> None:
    class Probe(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat((self.weight.flatten(), self.bias))

    probe = Probe(40, 50)
    nn.init.ones_(probe.weight)
    nn.init.ones_(probe.bias)
    values = layers.DropConnect(probe, 0.2)(torch.zeros(1))
    assert set(values[:-50].unique().tolist()) == {0.0, 1.25}
    assert set(values[-50:].tolist()) == {1.0}
    assert torch.equal(probe.weight, torch.ones(50, 40))


def test_dropconnect_leaves_the_bias_to_the_normalisation_behind_it() -> None:
    def names(text: str) -> set[str]:
        return {n.rsplit(".", 1)[-1] for n, _ in net(text).named_parameters() if n.startswith("dropconnect")}

    assert names("dropconnect(conv(8), 0.5) bn") == {"weight"}
    assert names("dropconnect(conv(8), 0.5) relu") == {"weight", "bias"}


@pytest.mark.parametrize("word", ["gru(12)", "lstm(12, layers=2, both)", "rnn(12, bias=false)", "gru(12, along=rows)"])
def test_dropconnect_drops_the_weights_of_recurrent_layers(word: str) -> None:
    before = "" if "along" in word else "tokens "
    model = net(f"patch(8, 6) {before}dropconnect({word}, 0.5) gap linear(10)")
    assert acts(model)
    module = next(m for m in model.modules() if isinstance(m, layers.DropConnect))
    dropped, _ = module.parts()
    assert {n.rpartition(".")[2][:9] for n in dropped} == {"weight_ih", "weight_hh"}
    model(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    bare = net(f"patch(8, 6) {before}{word} gap linear(10)")
    bare.load_state_dict(dict(zip(bare.state_dict(), model.state_dict().values(), strict=True)))
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(model.eval()(x), bare.eval()(x))


def test_dropconnect_gives_what_the_dropped_weights_give() -> None:
    module = layers.DropConnect(layers.GRU(4, 5, batch_first=True), 0.5)
    nn.init.ones_(module.f.weight_ih_l0)  # type: ignore[arg-type]
    nn.init.zeros_(module.f.weight_hh_l0)  # type: ignore[arg-type]
    x, other = torch.rand(3, 1, 4), layers.GRU(4, 5, batch_first=True)
    torch.manual_seed(5)
    found = module(x)
    torch.manual_seed(5)
    weights = {k: nn.functional.dropout(w, 0.5) for k, w in module.f.named_parameters() if "weight" in k}
    other.load_state_dict({**module.f.state_dict(), **weights})
    torch.testing.assert_close(found, other(x))
    assert torch.equal(module.f.weight_ih_l0, torch.ones(15, 4))  # type: ignore[arg-type]


def test_dropconnect_leaves_a_recurrent_layer_with_its_own_parameters() -> None:
    """Else cuDNN would lay them out anew in the next evaluation, from under a captured graph."""
    module = layers.DropConnect(layers.GRU(4, 5, batch_first=True), 0.5)
    module(torch.rand(3, 1, 4))
    flat = [getattr(module.f, name) for name in module.f._flat_weights_names]  # type: ignore[union-attr]
    assert all(kept is own for kept, own in zip(module.f._flat_weights, flat, strict=True))  # type: ignore[arg-type, union-attr]


def test_dropconnect_leaves_the_scales_of_normalisations() -> None:
    module = next(m for m in net("dropconnect(conv(8) ln(axis=[1, 2, 3]), 0.5)").modules() if hasattr(m, "parts"))
    assert list(module.parts()[0]) == ["conv.weight"]  # type: ignore[operator]


def test_dropconnect_leaves_learnt_scales() -> None:
    for scaled in ("affine", "scale(0, sigmoid)"):
        module = next(m for m in net(f"dropconnect(conv(8) {scaled}, 0.5)").modules() if hasattr(m, "parts"))
        assert list(module.parts()[0]) == ["conv.weight"]  # type: ignore[operator]


def test_a_normed_filter_whose_weights_are_all_dropped_gives_zeros() -> None:
    layer = layers.NormedLinear(2, 3)
    with torch.no_grad():
        layer.weight[1] = 0
    out = layer(torch.ones(1, 2))
    out.sum().backward()
    assert out[0, 1] == layer.bias[1]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_dropconnect_drops_weights_that_are_products() -> None:
    """As `spred` trains them: what is dropped of one factor is dropped of the product."""
    model = net("dropconnect(conv(8), 0.5) gap linear(10)")
    reparametrise(model)
    assert acts(model)
    module = next(m for m in model.modules() if isinstance(m, layers.DropConnect))
    assert list(module.parts()[0]) == ["conv.parametrizations.weight.original0"]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_dropblock_scales_what_is_left_in_half_precision_too(kind: torch.dtype) -> None:
    """The number of what is left is more than float16 holds, and bfloat16 rounds it by up to 0.4 %."""
    x = torch.ones(8, 64, 32, 32)
    torch.manual_seed(0)
    wanted = layers.DropBlock2d(0.1, 7)(x * 127)
    torch.manual_seed(0)
    found = layers.DropBlock2d(0.1, 7)(x.to(kind) * 127)
    assert found.dtype == kind
    assert found.max().item() == pytest.approx(wanted.max().item(), rel=0.002)
