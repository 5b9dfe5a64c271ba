"""Normalisation of images and of the columns of a table, as one multiplication and one addition."""

from __future__ import annotations

import torch
from torch import Tensor


def coefficients(mean: tuple[float, ...], std: tuple[float, ...], top: float = 255) -> tuple[Tensor, Tensor]:
    """Scale and shift of each channel, float64 (C,), so that x · scale + shift has mean 0 and standard deviation 1.

    Mean and standard deviation are shares of ``top``; a channel that is constant in the training data becomes 0.
    """
    middle, deviation = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
    floor = 1e-3 if top == 255 else 0.0  # a column is in units of its own, however small
    flat = deviation <= 1e-6 * middle.abs().clamp(min=floor)  # nothing but rounding varies there
    safe = torch.where(flat, 1.0, deviation)
    return torch.where(flat, 0.0, 1 / (top * safe)), torch.where(flat, 0.0, -middle / safe)
