"""Which parameters count as weights of layers: for `prune`, the metrics of sparsity and the proxies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.expand.metrics import metric_of
from archdsl.laws.evaluation import asked
from archdsl.runs.measured import keep_measured, read_measured
from archdsl.train.optim.parts import weights_of
from archdsl.words.evaluation.base import Change
from archdsl.words.layer_weights import layer_weights
from archdsl.words.metrics.base import OfNet

NETS = [
    ("conv(4) ln(axis=[1, 2, 3]) relu scale affine offset gap linear(classes)", ["conv", "linear"]),
    ("conv(4, ws=norm) pos rms grn scale(sigmoid) gap linear(classes)", ["conv", "linear"]),
    ("conv(4) pos(axes) gn(2) ln bn gap linear(classes)", ["conv", "linear"]),
    ("patch(4, 6) tokens cls pos ln scale take linear(classes)", ["patch", "linear"]),
    ("patch(4, 8) tokens xca(2) gap linear(classes)", ["patch", "xca", "xca", "linear"]),
    ("patch(2, 8) attention(2, window=2, relpos) gap linear(classes)", ["patch", "attention", "attention", "linear"]),
]


def net(text: str) -> nn.Module:
    return build(load(f"net {text}", input=(3, 8, 8), classes=5).trace).eval()


@pytest.mark.parametrize(("text", "holders"), NETS, ids=[t for t, _ in NETS])
def test_what_adds_or_scales_is_no_weight(text: str, holders: list[str]) -> None:
    model = net(text)
    paths = {module: path for path, module in model.named_modules()}
    found = list(layer_weights(model))
    assert [paths[module].partition(".")[0] for module, _ in found] == holders
    assert [id(w) for _, w in found] == [id(w.value) for w in weights_of(model)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for word in asked("prune(1000)").of(Change):
        word.change(torch, model, lambda count: ())
    changed = {n.partition(".")[0] for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == set(holders)
    assert measured("small_weights(1e-9)", model) == 1


def measured(text: str, model: nn.Module) -> float | None:
    word = metric_of(text)
    assert isinstance(word, OfNet)
    with torch.no_grad():
        return word.measure(torch, model, None)


def test_the_filters_of_a_transposed_convolution_with_groups() -> None:
    """Each output channel has filters of its own; those of two groups were one."""
    layer = nn.ConvTranspose2d(4, 6, 2, groups=2)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[:2, 1] = 0  # the second output channel, of the first group
    assert measured("groups_off(0)", nn.Sequential(layer)) == pytest.approx(1 / 6)
    x = torch.ones(1, 4, 3, 3)
    bias = layer.bias
    assert bias is not None
    flat = (layer(x) - bias.view(1, -1, 1, 1)).abs().amax((0, 2, 3))
    assert flat.count_nonzero() == 5


def test_figures_that_were_measured_by_another_rule_are_measured_again(tmp_path: Path) -> None:
    result = {"weights_sha256": "a"}
    old = {"small_weights(0.05)": 0.5, "groups_off(0)": 0.5, "residual_variance": 2.0, **result}
    (tmp_path / "measured.json").write_text(json.dumps(old))
    assert read_measured(tmp_path, result) == {"residual_variance": 2.0}
    keep_measured(tmp_path, result, "small_weights(0.05)", 0.25)
    assert read_measured(tmp_path, result) == {"residual_variance": 2.0, "small_weights(0.05)": 0.25}
