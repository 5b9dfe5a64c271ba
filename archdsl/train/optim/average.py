"""Averages: of the weights over the steps, and of batch norm's statistics over the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn


class Average:
    """An exponential moving average of all that ``state_dict`` holds (Polyak & Juditsky 1992; Tarvainen & Valpola 2017).

    Counters are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._copy = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the model's present weights."""
        now = self._model.state_dict()
        moving = [k for k, v in now.items() if v.is_floating_point()]
        torch._foreach_lerp_([self._copy[k] for k in moving], [now[k] for k in moving], 1 - self._decay)
        for name in now.keys() - set(moving):
            self._copy[name].copy_(now[name])

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The model with the averaged weights, for the length of a block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self._model.state_dict().items():
            kept = value.clone()
            value.copy_(self._copy[name])
            self._copy[name].copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """The averaged weights."""
        return self._copy

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from averaged weights."""
        for name, value in state.items():
            self._copy[name].copy_(value)


def precise_bn(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Batch norm's statistics as the plain mean over these batches (Wu & Johnson 2021, section 3)."""
    with torch.no_grad():
        update_bn(batches, model)
