"""Averages: of the weights over the steps, and of batch norm's statistics over the images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


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


@torch.no_grad()
def precise_bn(model: nn.Module, batches: Iterable[Tensor], hold: Callable[[], object] = lambda: None) -> None:
    """Batch norm's statistics as the plain mean over these batches (Wu & Johnson 2021, section 3).

    Args:
        hold: called once the model is in training mode; batch norm that it puts into eval mode keeps its statistics.
    """
    mode = model.training
    model.train()
    hold()
    learning = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
    momenta = {m: m.momentum for m in learning}
    for module in learning:
        module.reset_running_stats()
        module.momentum = None  # the plain mean over all that it sees
    if learning:
        for images in batches:
            model(images)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(mode)
