"""Weight normalisation: torch's own gives the same numbers, and a published network has its parameters."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.layers import WeightNorm
from archdsl.export.fold import fold
from archdsl.ir.cost import cost
from archdsl.train.init import initialise
from archdsl.train.optim.parts import weights_of

LAYERS = [
    ("conv(6, 3, s=2, groups=2, ws=norm)", (4, 8, 8), lambda: nn.Conv2d(4, 6, 3, 2, 1, groups=2)),
    ("dwconv(3, ws=norm)", (4, 8, 8), lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4)),
    ("linear(5, ws=norm)", (7,), lambda: nn.Linear(7, 5)),
    ("linear(5, each, ws=norm)", (7, 3, 3), lambda: nn.Conv2d(7, 5, 1)),
    ("conv1(5, 3, ws=norm)", (6, 4), lambda: nn.Conv1d(4, 5, 3, padding=1)),
    ("conv1(5, 3, causal, dilation=2, ws=norm)", (6, 4), lambda: nn.Conv1d(4, 5, 3, dilation=2)),
]


@pytest.mark.holds("wn")
@pytest.mark.parametrize(("text", "shape", "make"), LAYERS, ids=[t[0] for t in LAYERS])
def test_the_numbers_are_those_of_torch(text: str, shape: tuple[int, ...], make: type[nn.Module]) -> None:
    ours = build(load(f"task features\nnet {text}", input=shape).trace)
    initialise(ours, 0)
    (layer,) = (m for m in ours.modules() if isinstance(m, WeightNorm))
    reference = weight_norm(make())
    g, v = reference.parametrizations.weight.original0, reference.parametrizations.weight.original1  # type: ignore[union-attr]
    assert torch.allclose(layer.standardised(), layer.weight)  # it begins as it would without
    with torch.no_grad():
        g.copy_(layer.gain.uniform_(0.5, 2).view_as(g))
        v.copy_(layer.weight.view_as(v))
        reference.bias.copy_(layer.bias)  # type: ignore[operator, arg-type]
    x = torch.randn(3, *shape)
    given = x
    if isinstance(reference, nn.Conv1d):
        given = nn.functional.pad(x.transpose(1, 2), (4, 0)) if "causal" in text else x.transpose(1, 2)
    wanted = reference(given).transpose(1, 2) if isinstance(reference, nn.Conv1d) else reference(given)
    torch.testing.assert_close(ours(x), wanted)
    folded = copy.deepcopy(ours).eval()
    fold(folded)
    assert not any(isinstance(m, WeightNorm) for m in folded.modules())
    torch.testing.assert_close(folded(x), wanted)
    assert layer.gain not in set(weights_of(ours))


def test_a_temporal_convolutional_network_has_its_parameters() -> None:
    """Bai et al. 2018, arXiv:1803.01271: sequential MNIST, 8 levels of 25 channels, windows of 7."""
    unit = "conv1(25, 7, dilation=d, causal) relu drop(0.05)"
    levels = " ".join(f"level({2**n})" for n in range(8))
    text = f"let level(d) = res(({unit} {unit}) +wn) relu\nnet {levels} take(-1) linear(10)"
    trace = load(text, input=(784, 1), classes=10).trace
    first, other = 7 * 25 + 25 + 25, 7 * 25 * 25 + 25 + 25  # v, g and bias
    assert cost(trace).params == first + 15 * other + (25 + 25) + (25 * 10 + 10) == 66_910
