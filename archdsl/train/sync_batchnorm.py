"""Batch norm over the images of all processes (the train word ``syncbn``)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class Synchronised(_BatchNorm):
    """Batch norm whose mean and variance are of the whole batch of all processes (Peng et al. 2018).

    torch.nn.SyncBatchNorm does this on a GPU alone; this one does it wherever all_reduce runs. The base of a class of its own
    for each kind of batch norm.
    """

    group: Any = None  # of its own, so that its sums never wait in line with those of the gradients

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) or (N, C, …) to the same shape."""
        if not self.training:
            return super().forward(x)
        dims, wide = (0, *range(2, x.ndim)), x.float()
        count = wide.new_tensor([x.numel() / x.shape[1]])
        sums = all_reduce(torch.cat((wide.sum(dims), count)), group=self.group)
        mean = sums[:-1] / sums[-1]
        # From the centred values: sums of squares of large values cancel.
        squares = all_reduce((wide - _each(mean, x)).square().sum(dims), group=self.group)
        var = squares / sums[-1]
        self._remember(mean.detach(), (squares / (sums[-1] - 1).clamp(min=1)).detach())
        return self._normalised(x, mean, var)

    def _normalised(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        weight: Tensor | None = self.weight  # None without scale and shift
        bias: Tensor | None = self.bias
        scale = torch.rsqrt(var + self.eps) if weight is None else torch.rsqrt(var + self.eps) * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        return torch.addcmul(_each(shift, x), x.float(), _each(scale, x)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        fraction = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, fraction)
        self.running_var.lerp_(var, fraction)


def _each(values: Tensor, x: Tensor) -> Tensor:
    """Values (C,) in a shape that meets the channels of ``x``."""
    return values.view(1, -1, *[1] * (x.ndim - 2))


_KINDS: dict[type[_BatchNorm], type[_BatchNorm]] = {}  # each kind of batch norm, synchronised


def _synchronised(kind: type[_BatchNorm]) -> type[_BatchNorm]:
    if kind not in _KINDS:
        _KINDS[kind] = type(f"Sync{kind.__name__}", (Synchronised, kind), {})
    return _KINDS[kind]


def synchronise(net: nn.Module, device: torch.device) -> nn.Module:
    """The net with every batch norm over all processes; parameters and buffers are the same objects."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(net)
    group = dist.new_group()
    for module in net.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, Synchronised):
            module.__class__ = _synchronised(type(module))
            module.group = group  # type: ignore[assignment]
    return net
