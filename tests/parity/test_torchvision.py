"""The published networks of specs/imagenet against torchvision's, and MobileNet v1 against timm's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.harness import SPECS, check_counts, check_logits, check_shapes

FAMILIES = ("alexnet", "vgg", "googlenet", "inception", "resnet", "resnext", "mobilenet", "efficientnet")
NETS = [p for p in sorted(SPECS.glob("*.arch")) if p.stem.startswith(FAMILIES) and "resnetv2" not in p.stem]

# Small images, of a size that is odd on the way down, so that rounding shows. Where the head takes a vector of the
# whole image, a smaller image would be another network.
SIZE = 70
SIZES = {"alexnet": None, "vgg": None, "inception": 107, "googlenet": 80}
SLOW = {"vgg11", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"}

every = pytest.mark.parametrize("path", NETS, ids=[p.stem for p in NETS])
most = pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in NETS]
)


@every
def test_parameters_and_macs(path: Path) -> None:
    check_counts(path)


@every
def test_weight_shapes(path: Path) -> None:
    check_shapes(path)


@most
def test_logits(path: Path) -> None:
    check_logits(path, next((s for start, s in SIZES.items() if path.stem.startswith(start)), SIZE))


def test_every_net_is_there() -> None:
    assert len(NETS) == 30
