"""torch.compile of whole training batches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn


class Compiled(nn.Module):
    """Runs training batches of one size as compiled code and all else as the net itself: every other size, and every
    evaluation, would be compiled anew.
    """

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net, self.size = net, size
        self._run: Any = torch.compile(net, dynamic=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) to logits (N, classes)."""
        taken = self.training and len(x) == self.size and torch.is_grad_enabled()
        return self._run(x) if taken else self.net(x)


def compiled(net: nn.Module, images: Tensor, context: Callable[[], AbstractContextManager[object]]) -> Compiled:
    """The net, compiled for batches like ``images`` now, so that no step waits for it. Weights, statistics and chance stay.

    Raises:
        RuntimeError: it cannot be compiled here; the first line says why.
    """
    form = Compiled(net, len(images)).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    cuda = [images.device] if images.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=cuda):
            with context():
                out = form(images)
            torch.autograd.backward(out.float().sum())
    finally:
        with torch.no_grad():
            for name, value in net.state_dict().items():
                value.copy_(before[name])
        for p in net.parameters():
            p.grad = None
    return form
