"""The whitening layer: patches of unit covariance, filters that stay."""

from __future__ import annotations

import torch
from torch.nn import functional

from archdsl.emit import layers


def test_the_patches_leave_with_unit_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(200, 3, 12, 12, generator=generator)
    images[:, 1] = 0.8 * images[:, 0] + 0.2 * images[:, 1]  # correlated channels
    images = functional.avg_pool2d(images, 3, 1, 1) * 4  # and correlated neighbours
    layer = layers.PatchWhitening2d(3, 2, eps=1e-9)
    layer.whiten(images)
    out = layer(images)
    assert out.shape == (200, 24, 11, 11)
    half = out[:, :12].transpose(0, 1).flatten(1)
    covariance = half @ half.T / half.shape[1]
    torch.testing.assert_close(covariance, torch.eye(12), rtol=0, atol=2e-3)
    torch.testing.assert_close(out[:, 12:], -out[:, :12])
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad
