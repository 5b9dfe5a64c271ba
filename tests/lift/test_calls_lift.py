"""How functions and layers are called: by names, by the names of NumPy, with paddings that are words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from tests.lift.blocks import text_of

IMAGES: dict[str, tuple[Callable[[nn.Module, Tensor], Tensor], str]] = {
    "axis": (lambda m, x: x * x.mean(axis=(2, 3), keepdims=True).sigmoid(), "mul(id | gap(keep) sigmoid)"),  # type: ignore[call-overload]
    "keepdims": (lambda m, x: x * x.sum(1, keepdims=True).sigmoid(), "mul(id | reduce(sum) sigmoid)"),  # type: ignore[call-overload]
    "split": (lambda m, x: torch.cat(x.split(split_size=4, dim=1)[::-1], 1), "cat(part(2, 2) | part(1, 2))"),
    "sections": (lambda m, x: torch.cat(x.tensor_split(sections=2, dim=1)[::-1], 1), "cat(part(2, 2) | part(1, 2))"),
    "input": (lambda m, x: functional.relu(input=x, inplace=True), "relu"),
    "other": (lambda m, x: torch.add(input=x, other=x.relu()), "res(relu)"),
    "pooled": (
        lambda m, x: torch.flatten(input=functional.adaptive_avg_pool2d(input=x, output_size=1), start_dim=1),
        "gap",
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_arguments_by_name(name: str) -> None:
    function, words = IMAGES[name]
    assert f"conv(8) {words} " in text_of(function)


def test_arguments_of_layers_by_name() -> None:
    assert "conv(8) conv(8, 1) gap" in text_of(lambda m, x: m(input=x), nn.Conv2d(8, 8, 1))
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    assert "attention(2)" in text_of(lambda m, x: m(query=x, key=x, value=x)[0], attention, tokens=True)
    assert "lstm(8)" in text_of(lambda m, x: m(x, hx=None)[0], nn.LSTM(8, 8, batch_first=True), tokens=True)


def test_axes_by_name() -> None:
    def mixed(layer: nn.Module, x: Tensor) -> Tensor:
        return layer(torch.permute(x, dims=(0, 2, 1))).permute(dims=(0, 2, 1))  # type: ignore[no-any-return]

    assert "tokens transpose linear(36)" in text_of(mixed, nn.Linear(36, 36), tokens=True)


@pytest.mark.parametrize("function", [lambda m, x: m(x, x, x)[1].mean(1)[:, :8], lambda m, x: x.max(1)[1].float()])
def test_what_a_layer_gives_beside_its_result(function: Callable[[nn.Module, Tensor], Tensor]) -> None:
    with pytest.raises(Refused, match="what a layer gives beside its result"):
        text_of(function, nn.MultiheadAttention(8, 2, batch_first=True), tokens=True)


@pytest.mark.parametrize(
    ("k", "padding", "dilation", "words"),
    [
        (3, "same", 1, "conv1(8)"),
        (4, "same", 2, "conv1(8, 4, dilation=2)"),
        (3, "valid", 1, "conv1(8, p=0)"),
        (1, "same", 1, "linear(8, each)"),
    ],
)
def test_paddings_along_tokens(k: int, padding: str, dilation: int, words: str) -> None:
    layer = nn.Conv1d(8, 8, k, padding=padding, dilation=dilation)
    assert words in text_of(lambda m, x: m(x.transpose(1, 2)).transpose(1, 2), layer, tokens=True)


def test_the_padding_same_of_an_even_window_along_tokens() -> None:
    with pytest.raises(Refused, match="padding `same` of a window that is even"):
        text_of(lambda m, x: m(x.transpose(1, 2)).transpose(1, 2), nn.Conv1d(8, 8, 4, padding="same"), tokens=True)
