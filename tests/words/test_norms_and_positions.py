"""Normalisations of one kind each, positions by waves and of windows, and interpolation, against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from archdsl.train.init import initialise
from archdsl.train.optim.parts import biases_of
from tests.words.test_axes import IMAGE, TOKENS, VECTOR, holds, model_of, values


@pytest.mark.holds("rms")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_rms_normalises_by_the_root_of_the_mean_of_squares(shape: tuple[int, ...]) -> None:
    x, model = values(shape), model_of("rms(eps=0.1)", shape)
    (weight,) = model.parameters()
    each = x.movedim(1, -1) if len(shape) == 3 else x  # channels last
    expected = each / (each.square().mean(-1, keepdim=True) + 0.1).sqrt() * weight
    torch.testing.assert_close(model(x), expected.movedim(-1, 1) if len(shape) == 3 else expected)
    assert not list(model_of("rms(affine=false)", shape).parameters())


@pytest.mark.holds("pos")
def test_positions_by_waves_and_those_of_each_window() -> None:
    x, model = values((6, 4, 3)), model_of("pos(fourier=4)", (6, 4, 3))
    weight, bias = model.parameters()
    for row in range(4):
        for column in range(3):
            waves = []
            for place, n in ((row, 4), (column, 3)):
                angle = (place + 1) / (n + 1e-6) * 2 * torch.pi
                waves += [math.sin(angle), math.cos(angle), math.sin(angle / 100), math.cos(angle / 100)]
            added = weight[:, :, 0, 0] @ torch.tensor(waves, dtype=torch.float64) + bias
            torch.testing.assert_close(model(x)[:, :, row, column], x[:, :, row, column] + added, rtol=1e-5, atol=1e-5)
    x, model = values((6, 4, 6)), model_of("pos(tile=2x3)", (6, 4, 6))
    (table,) = model.parameters()
    torch.testing.assert_close(model(x), x + table.repeat(1, 1, 2, 2))
    model = model_of("pos(axes)", (6, 4, 6))
    rows, columns = model.parameters()
    torch.testing.assert_close(model(x), x + rows.expand_as(x[:1]) + columns.expand_as(x[:1]))


@pytest.mark.holds("resize gelu")
def test_bicubic_interpolation_and_gelu_by_tanh() -> None:
    x = values(IMAGE)
    holds("resize(9x4, bicubic)", IMAGE, functional.interpolate(x, (9, 4), mode="bicubic"))
    holds("gelu(tanh)", IMAGE, x / 2 * (1 + ((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh()))


@pytest.mark.holds("grn")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS])
def test_global_response_normalisation(shape: tuple[int, ...]) -> None:
    x, model = values(shape), model_of("grn(eps=0.1)", shape)
    weight, bias = model.parameters()
    channels = x.flatten(2).transpose(1, 2) if len(shape) == 3 else x  # (N, places, channels)
    norms = channels.square().sum(1).sqrt()
    relative = norms / (norms.mean(1, keepdim=True) + 0.1)
    expected = channels + weight * channels * relative[:, None] + bias
    torch.testing.assert_close(model(x), expected.transpose(1, 2).reshape(x.shape) if len(shape) == 3 else expected)
    assert [p is bias for p in biases_of(model, norms=True)] == [True]
    initialise(model, 0)
    torch.testing.assert_close(model(x), x)
