"""Gradients that are too long are shortened: all together, number by number, or filter by filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.optim.make import foreach
from archdsl.train.optim.parts import Weight, weights_of, whole


class Gradients:
    """What the method ``shorten`` of a clipping word acts on. Nothing waits for the device.

    Args:
        parameters: all that are trained, at least one.
        last: the ids of the last layer's parameters.
        turned: weights whose first dimension is not that of their output channels, by the ids of their parameters.
    """

    def __init__(
        self, parameters: Sequence[Parameter], last: Collection[int], turned: Mapping[int, Weight] | None = None
    ) -> None:
        self.parameters = [p for p in parameters if p.grad is not None]
        self.before_last = [p for p in self.parameters if id(p) not in last]
        self._form, self._turned = foreach(parameters[0].device), turned or {}

    def limit_norm(self, norm: float) -> None:
        """Scale all gradients where their common norm exceeds ``norm``."""
        torch.nn.utils.clip_grad_norm_(self.parameters, norm, foreach=self._form)

    def limit_values(self, limit: float) -> None:
        """Cut each number at ``limit`` and at -``limit``."""
        torch.nn.utils.clip_grad_value_(self.parameters, limit, foreach=self._form)

    def lengths(self, values: Tensor, of: Parameter | None = None) -> Tensor:
        """The length of each filter, in a shape that the filters can be divided by; of what has no filters, the whole
        length. ``of``: the parameter whose values or gradient they are, by which those of a transposed convolution are known.
        """
        if values.ndim < 2:
            return values.norm()
        weight = self._turned.get(id(of))
        if weight is not None:
            rows = weight.filters(values)
            return weight.restored(rows.norm(dim=1, keepdim=True).expand_as(rows).contiguous())
        return values.flatten(1).norm(dim=1).view(-1, *[1] * (values.ndim - 1))


def last_layer(model: nn.Module) -> frozenset[int]:
    """The ids of the parameters of the last layer that has weights."""
    weights = weights_of(model)
    if not weights:
        return frozenset()
    layer = weights[-1].whole.rpartition(".")[0]
    return frozenset(id(p) for n, p in model.named_parameters() if whole(n).rpartition(".")[0] == layer)
