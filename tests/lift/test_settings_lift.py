"""Other names of what has a word, and what is said of settings that no word has."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.errors import ArchError
from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from archdsl.importer.models import model
from archdsl.importer.sources import named
from tests.lift.blocks import SHAPE

RESIZED: dict[str, tuple[nn.Module, str]] = {
    "corners": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), "align_corners=True"),
    "old": (nn.UpsamplingBilinear2d(scale_factor=2), "align_corners=True"),
    "part": (nn.Upsample(scale_factor=1.3, mode="bilinear"), "gives no whole number of pixels"),
    "border": (nn.ConstantPad2d(1, 0.5), "other values than zeros"),
}


@pytest.mark.parametrize("name", RESIZED)
def test_reasons(name: str) -> None:
    module, reason = RESIZED[name]
    net = nn.Sequential(nn.Conv2d(3, 8, 3), module, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    with pytest.raises(Refused, match=reason):
        spec_of(net.eval(), SHAPE, name)


EXPRESSED: dict[str, tuple[nn.Module, str]] = {
    "nearest": (nn.UpsamplingNearest2d(scale_factor=2), "upsample"),
    "zeros": (nn.ConstantPad2d(1, 0.0), "zeropad"),
    "recomputed": (
        nn.Upsample(scale_factor=1.3, mode="bilinear", recompute_scale_factor=True),
        "resize(18, bilinear)",
    ),
}


@pytest.mark.parametrize("name", EXPRESSED)
def test_other_names_of_what_has_a_word(name: str) -> None:
    module, word = EXPRESSED[name]
    net = nn.Sequential(nn.Conv2d(3, 8, 3), module, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    assert word in spec_of(net.eval(), SHAPE, name).text


class Called(nn.Module):
    """A function between two layers."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.stem, self.head, self.function = nn.Conv2d(3, 10, 3), nn.Linear(10, 10), function

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        match self.function:
            case "clip":
                x = torch.clip(x, 0, 6)
            case "abs":
                x = x.abs()
            case "side":
                x = x.clamp(max=6)
            case "beta":
                x = functional.softplus(x, 2)
            case "smooth":
                x = functional.interpolate(x, size=20, mode="bilinear", antialias=True)
            case "causal":
                y = x.flatten(2).transpose(1, 2)
                return self.head(functional.scaled_dot_product_attention(y, y, y, is_causal=True).mean(1))
            case "parts":
                a, b, c = torch.tensor_split(x, 3, dim=1)
                x = torch.cat((c, a, b), 1)
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize(("function", "word"), [("clip", "relu6"), ("abs", "abs"), ("parts", "slice(7)")])
def test_functions(function: str, word: str) -> None:
    done = spec_of(Called(function).eval(), SHAPE, function)
    assert word in done.text
    assert done.report.difference <= 1e-5


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("side", "cut on one side"),
        ("beta", "beta or threshold"),
        ("smooth", "antialiasing"),
        ("causal", "causal attention, which is not read"),
    ],
)
def test_functions_with_settings_that_no_word_has(function: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        spec_of(Called(function).eval(), SHAPE, function)


def test_a_tag_that_a_network_of_timm_has_not() -> None:
    pytest.importorskip("timm")
    with pytest.raises(ArchError, match=r"timm cannot make `resnet18\.a1_in2k`") as caught:
        model(named("timm:resnet18.a1_in2k"))
    assert "resnet18.a2_in1k" in caught.value.help


class Wide(nn.Module):
    """A gate that has more channels within than arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 10)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 16, 1), nn.ReLU(), nn.Conv2d(16, 8, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((x * self.gate(x)).mean((2, 3)))


def test_a_gate_that_is_wider_than_what_it_gates() -> None:
    assert "se(squeeze=16)" in spec_of(Wide().eval(), SHAPE, "Wide").text


def test_the_logarithm_of_shares_is_refused_with_its_remedy() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10), nn.LogSoftmax(1))
    with pytest.raises(Refused, match="leave `log_softmax` out"):
        spec_of(net.eval(), SHAPE, "Log")


def test_the_largest_value_of_all_tokens() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(2), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 10))
    assert "conv(8, p=0) gmp linear(classes)" in spec_of(net.eval(), SHAPE, "Largest").text
