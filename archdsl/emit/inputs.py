"""Batches of made-up inputs: what is fed to a network by whoever asks what it does, and not what it has learnt."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.registry.shapes import Ids
from archdsl.registry.types import Shape


def random_inputs(
    shape: Shape,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Normally distributed numbers of ``dtype``, drawn in float32; of ``Ids`` uniform ones, int64.

    Args:
        shape: with the batch, as ``archdsl.registry.shapes.batch_of`` gives it.
    """
    if isinstance(shape, Ids):
        return torch.randint(shape.vocabulary, tuple(shape), generator=generator, device=device)
    return torch.randn(shape, generator=generator, device=device).to(dtype)


def zero_inputs(shape: Shape, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """Zeros of ``dtype``, of ``Ids`` int64: for what looks at shapes alone. ``shape`` is with the batch."""
    return torch.zeros(tuple(shape), device=device, dtype=torch.int64 if isinstance(shape, Ids) else dtype)
