"""ConvNeXt, transformers, MLPs, NASNet-A and BiT against torchvision and timm.

Where a peer registers its weights in another order than they act, a rule of archdsl/transfer/peers.py moves some.
"""

from __future__ import annotations

import pytest

from archdsl.expand import complete, expand
from archdsl.ir.cost import cost
from archdsl.syntax.parse import parse
from tests.parity.harness import SPECS, check_counts, check_logits, check_shapes, completed

PARAMS = {
    "convnext_tiny": 28_589_128,
    "convnext_small": 50_223_688,
    "convnext_base": 88_591_464,
    "convnext_large": 197_767_336,
    "convnextv2_tiny": 28_635_496,
    "vit_b_16": 86_567_656,
    "mixer_b16": 59_880_472,
    "resmlp_12": 15_350_872,
    "gmlp_s16": 19_422_656,
    "resnetv2_50x1_bit": 25_549_352,
    "nasnetalarge": 88_753_150,
    "deit_tiny": 5_717_416,
    "swin_tiny": 28_288_354,
    "cait_xxs24": 11_956_264,
    "pvt_v2_b0": 3_666_760,
    "maxvit_tiny": 30_919_624,
    "focalnet_tiny": 28_427_116,
    "mobilevit_xxs": 1_272_024,
    "resnest14d": 10_611_688,
}
# From 331 pixels on NASNet meets odd and even sizes, and so both paddings, as it does from 107 on.
SIZES: dict[str, int | None] = {"nasnetalarge": 107}
FIXED = (
    "vit",
    "deit",
    "swin",
    "cait",
    "maxvit",
    "mixer",
    "resmlp",
    "gmlp",
    "mobilevit",
    "focalnet",
)  # positions or windows of one size

every = pytest.mark.parametrize("name", sorted(PARAMS))


@every
def test_published_count(name: str) -> None:
    assert cost(completed(SPECS / f"{name}.arch").trace).params == PARAMS[name]


@every
def test_parameters_and_macs(name: str) -> None:
    check_counts(SPECS / f"{name}.arch")


@every
def test_weight_shapes(name: str) -> None:
    check_shapes(SPECS / f"{name}.arch")


LARGE = ("convnext_large", "convnext_base", "vit_b_16")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LARGE else ()) for n in sorted(PARAMS)]
)
def test_logits(name: str) -> None:
    check_logits(SPECS / f"{name}.arch", None if name.startswith(FIXED) else SIZES.get(name, 64))


@pytest.mark.slow
def test_logits_of_nasnet_at_its_size() -> None:
    check_logits(SPECS / "nasnetalarge.arch")


def test_the_family_is_the_spec() -> None:
    """The word `nasnet` unfolds to the layers that the spec writes out in the language."""
    text = "conv(96, 3, s=2, p=0) bn(1e-3) nasnet[168x6, 336x6, 672x6](stem=2) relu gap linear(classes)"
    word = complete(expand(parse(text)), (3, 331, 331), 1000).trace
    written = completed(SPECS / "nasnetalarge.arch").trace
    assert [(r.op, r.inputs, r.layer.out) for r in word.rows] == [(r.op, r.inputs, r.layer.out) for r in written.rows]
