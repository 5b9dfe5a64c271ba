"""torch.compile of whole training batches."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.data.roots import cache_base
from archdsl.notices import notice
from archdsl.trust import distrust, make_private

INDUCTOR = "TORCHINDUCTOR_CACHE_DIR"


class Compiled(nn.Module):
    """Runs training batches of one size as compiled code and all else as the net itself: every other size, and every
    evaluation, would be compiled again.
    """

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net, self.size = net, size
        self._run: Any = torch.compile(net, dynamic=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) to logits (N, classes)."""
        taken = self.training and len(x) == self.size and torch.is_grad_enabled()
        return self._run(x) if taken else self.net(x)


def own_cache() -> None:
    """Let torch.compile keep what it makes, which is code, in a folder of this user's. By itself it takes one in the folder
    of temporary files, named by the user: another user may have made it first, and there may be no name.
    """
    if os.environ.get(INDUCTOR):
        return
    folder = cache_base() / "inductor"
    if why := distrust(folder):
        folder = Path(tempfile.mkdtemp(prefix="archdsl-inductor-"))  # of mode 0700
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        notice(f"the output of torch.compile is not cached: {why}")
    with suppress(OSError):
        make_private(folder)
    os.environ[INDUCTOR] = str(folder)


def compiled(net: nn.Module, images: Tensor, context: Callable[[], AbstractContextManager[object]]) -> Compiled:
    """The net, compiled for batches like ``images`` now, so that no step waits for it. Weights, statistics and chance stay.

    Raises:
        RuntimeError: it cannot be compiled here; the first line says why.
    """
    own_cache()
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
