"""ConvNeXt, ViT, NASNet-A and BiT against torchvision and timm.

Where a peer registers its weights in another order than they act, a rule below moves some; everything else is in order.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.expand import expand, settle
from archdsl.ir.cost import cost
from archdsl.syntax.parse import parse
from tests.parity.harness import SPECS, State, check_counts, check_logits, check_shapes, settled

PARAMS = {
    "convnext_tiny": 28_589_128,
    "convnext_small": 50_223_688,
    "convnext_base": 88_591_464,
    "convnext_large": 197_767_336,
    "vit_b_16": 86_567_656,
    "resnetv2_50x1_bit": 25_549_352,
    "nasnetalarge": 88_753_150,
}
# From 331 pixels on NASNet meets odd and even sizes, and so both paddings, as it does from 107 on.
SIZES = {"nasnetalarge": 107, "vit_b_16": None}
Move = Callable[[str], str]  # from the name of a weight to the name behind which it belongs; "" leaves it


def behind_block(name: str) -> str:
    """ConvNeXt registers a block's layer scale before the block, and applies it last."""
    return name.replace(".layer_scale", ".block.5.bias") if name.endswith(".layer_scale") else ""


def behind_patches(name: str) -> str:
    """ViT registers the class token first; it joins the patches."""
    return "conv_proj.bias" if name == "class_token" else ""


def behind_norm(name: str) -> str:
    """BiT registers a block's projection before the normalisation whose result it takes."""
    return name.replace(".downsample.conv.weight", ".norm1.bias") if ".downsample." in name else ""


MOVES: dict[str, Move] = {"convnext": behind_block, "vit": behind_patches, "resnetv2": behind_norm}


def arranged(name: str) -> Callable[[State], State]:
    """How the weights of a peer are brought into the order in which they act."""
    move = next((m for start, m in MOVES.items() if name.startswith(start)), lambda _: "")

    def arrange(state: State) -> State:
        held = {move(key): (key, value) for key, value in state if move(key)}
        kept = [item for item in state if not move(item[0])]
        return [x for item in kept for x in ((item, held[item[0]]) if item[0] in held else (item,))]

    return arrange


every = pytest.mark.parametrize("name", sorted(PARAMS))


@every
def test_published_count(name: str) -> None:
    assert cost(settled(SPECS / f"{name}.arch").trace).params == PARAMS[name]


@every
def test_parameters_and_macs(name: str) -> None:
    check_counts(SPECS / f"{name}.arch")


@every
def test_weight_shapes(name: str) -> None:
    check_shapes(SPECS / f"{name}.arch", arranged(name))


@every
def test_logits(name: str) -> None:
    check_logits(SPECS / f"{name}.arch", SIZES.get(name, 64), arranged(name))


@pytest.mark.slow
def test_logits_of_nasnet_at_its_size() -> None:
    check_logits(SPECS / "nasnetalarge.arch")


def test_the_family_is_the_spec() -> None:
    """The word `nasnet` unfolds to the layers that the spec writes out in the language."""
    text = "conv(96, 3, s=2, p=0) bn(1e-3) nasnet[168x6, 336x6, 672x6](stem=2) relu gap linear(classes)"
    word = settle(expand(parse(text)), (3, 331, 331), 1000).trace
    written = settled(SPECS / "nasnetalarge.arch").trace
    assert [(r.op, r.inputs, r.layer.out) for r in word.rows] == [(r.op, r.inputs, r.layer.out) for r in written.rows]
