"""Gradients that are too long are shortened: all together, number by number, or filter by filter."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.optim.make import foreach
from archdsl.train.optim.parts import weights_of
from archdsl.words.train.values import Agc, Clip, ClipValue


def clip(parameters: Sequence[Parameter], last: Collection[int], how: Clip) -> None:
    """Shorten the gradients in place; nothing waits for the device. ``last`` are the ids of the last layer's parameters."""
    match how:
        case ClipValue(limit):
            torch.nn.utils.clip_grad_value_(parameters, limit, foreach=foreach(parameters[0].device))
        case Agc(ratio, eps):
            for p in parameters:
                if p.grad is not None and id(p) not in last:
                    longest = _norm(p.detach()).clamp_(min=eps).mul_(ratio)
                    p.grad.mul_((longest / _norm(p.grad).clamp_(min=1e-6)).clamp_(max=1))
        case norm:
            torch.nn.utils.clip_grad_norm_(parameters, norm, foreach=foreach(parameters[0].device))


def last_layer(model: nn.Module) -> frozenset[int]:
    """The ids of the parameters of the last layer that has weights."""
    weights = weights_of(model)
    if not weights:
        return frozenset()
    layer = weights[-1].name.rpartition(".")[0]
    return frozenset(id(p) for n, p in model.named_parameters() if n.rpartition(".")[0] == layer)


def _norm(values: Tensor) -> Tensor:
    """The length of each filter, in a shape that the filters can be divided by; of what has no filters, the whole length."""
    if values.ndim < 2:
        return values.norm()
    return values.flatten(1).norm(dim=1).view(-1, *[1] * (values.ndim - 1))
