"""What no word is, refused for its own reason and not found by the gate; and what was refused for a false one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from tests.lift.blocks import text_of

Function = Callable[[nn.Module, Tensor], Tensor]


def average(x: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(x, 1)


def largest(x: Tensor) -> Tensor:
    return functional.adaptive_max_pool2d(x, 1)


def heads(m: nn.Module, x: Tensor) -> Tensor:
    """Attention in which queries and keys of each head are normalised."""
    q = m(x.reshape(-1, 36, 2, 4).transpose(1, 2))
    return functional.scaled_dot_product_attention(q, q, q).transpose(1, 2).reshape(-1, 36, 8)


def flipped(m: nn.Module, x: Tensor) -> Tensor:
    weights = torch.einsum("bid,bjd->bij", x, x).softmax(-1).transpose(1, 2)
    return torch.einsum("bij,bjd->bid", weights, x)


IMAGES: dict[str, tuple[Function, nn.Module | None, str]] = {
    "half": (lambda m, x: x.to(torch.float16).float(), None, "numbers as float16"),
    "whole": (lambda m, x: (x * 3).to(torch.int32).float(), None, "numbers as int32"),
    "mean": (lambda m, x: x.mean((2, 3), dtype=torch.bfloat16).float(), None, "numbers as bfloat16"),
    "all": (lambda m, x: x * x.mean(), None, "one number of all axes"),
    "one": (lambda m, x: x.mean((2, 3)) * functional.adaptive_avg_pool2d(x, 1).mean(), None, "one number of all axes"),
    "batch": (lambda m, x: x - x.mean(0, keepdim=True), None, "each example is by itself"),
    "larger": (lambda m, x: torch.max(x, x.relu()), None, "the larger one of two"),
    "scale": (lambda m, x: m(x), nn.LayerNorm((8, 6, 6), bias=False), "with a scale and no shift"),
    "columns": (lambda m, x: m(x), nn.LayerNorm(6), "along rows or columns of an image"),
    "linear": (lambda m, x: m(x), nn.Linear(6, 6), "along rows or columns of an image"),
    "slopes": (lambda m, x: m(x), nn.PReLU(), "`prelu` has one for each channel"),
    "sum": (lambda m, x: average(x).expand_as(x).sum((2, 3)), None, "a value that was expanded"),
    "head": (lambda m, x: x.mean(1, keepdim=True).expand(-1, 8, -1, -1), None, "a value that was expanded"),
    "running": (lambda m, x: m(x), nn.InstanceNorm2d(8, track_running_stats=True), "running statistics"),
    "ones": (lambda m, x: functional.pad(x, (0, 1), value=1), None, "padding with other values than zeros"),
    "power": (lambda m, x: 2**x, None, "whose exponent is not a number"),
}
TOKENS: dict[str, tuple[Function, nn.Module | None, str]] = {
    "heads": (heads, nn.LayerNorm(4, bias=False), "with a scale and no shift"),
    "rms": (heads, nn.RMSNorm(4), "`rms` is over all channels"),
    "flipped": (flipped, None, "read where it is attention"),
    "fixed": (lambda m, x: ((x @ x.transpose(1, 2)).softmax(-1) + torch.eye(36)) @ x, None, "behind their softmax"),
    "size": (
        lambda m, x: m(x.transpose(1, 2)).transpose(1, 2),
        nn.Upsample(scale_factor=2),
        "a change of size of tokens",
    ),
    "slopes": (lambda m, x: m(x.transpose(1, 2)).transpose(1, 2), nn.PReLU(8), "one for all tokens"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_reasons_of_images(name: str) -> None:
    function, layer, reason = IMAGES[name]
    with pytest.raises(Refused, match=reason):
        text_of(function, layer)


@pytest.mark.parametrize("name", TOKENS)
def test_reasons_of_tokens(name: str) -> None:
    function, layer, reason = TOKENS[name]
    with pytest.raises(Refused, match=reason):
        text_of(function, layer, tokens=True)


def attended(m: nn.Module, x: Tensor) -> Tensor:
    return x * (m(average(x)) + m(largest(x))).sigmoid()  # type: ignore[no-any-return]


READ: dict[str, tuple[Function, nn.Module | None, str]] = {
    "both pools": (
        lambda m, x: m(torch.cat((average(x), largest(x)), 1).flatten(1)),
        nn.Linear(16, 8),
        "cat(gap | gmp)",
    ),
    "flat": (
        lambda m, x: m(torch.cat((largest(x)[:, :, 0, 0], average(x).flatten(1)), 1)),
        nn.Linear(16, 8),
        "cat(gmp | gap)",
    ),
    "attention of channels": (
        attended,
        nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1)),
        "maxpool(6) again(",
    ),
    "old softmax": (lambda m, x: functional.softmax(x), None, "conv(8) softmax gap"),
    "places": (lambda m, x: m(x[:, 2:6, 0, 1:4].mean(-1)), nn.Linear(4, 8), "slice(2, 6) trim"),
    "instances": (lambda m, x: functional.instance_norm(x, eps=1e-3).relu(), None, "in(eps=1e-3, affine=false) relu"),
    "spread": (lambda m, x: x * average(x).expand_as(x).relu(), None, "mul(id | gap(keep) relu)"),
    "one place": (lambda m, x: largest(x).mean((2, 3)), None, "conv(8) gmp linear"),
    "from the end": (lambda m, x: torch.cat((x.narrow(1, -4, 4), x), 1).mean((2, 3))[:, :8], None, "slice(4)"),
    "nothing": (lambda m, x: torch.cat((x[:, 5:3], x), 1), None, "conv(8) gap"),
    "paths": (lambda m, x: torch.stack((x, m(x)), 0).mean(0), nn.Conv2d(8, 8, 1), "res(conv(8, 1)) times(0.5)"),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    function, layer, words = READ[name]
    assert words in " ".join(text_of(function, layer).split())
