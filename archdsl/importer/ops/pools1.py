"""Pooling along tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.importer.ops.layers import pair
from archdsl.importer.ops.pools import amax, mean
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import View


def adaptive_avg_pool1d(steps: Steps, x: View, output_size: Any) -> View:
    if pair(output_size) != (1, 1):
        raise Inexpressible("pooling of a sequence to more than one value")
    return mean(steps, x, [-1], keepdim=True)


def avg_pool1d(
    steps: Steps,
    x: View,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> View:
    """Of a tensor (N, C, T), whose last axis is that of the tokens."""
    k, s, p = (pair(n)[0] for n in (kernel_size, stride or kernel_size, padding))
    args: dict[str, Any] = {
        "k": k,
        "s": None if s == k else s,
        "p": p,
        "ceil": ceil_mode,
        "inside": not count_include_pad and p > 0,
    }
    if len(x.dims) != 3:
        raise Inexpressible("pooling of a sequence that is not one of tokens")
    at = steps.plain(x.permuted((0, 2, 1)))
    usual = steps.put("avgpool1", at, **{**args, "ceil": False})
    made = steps.put("avgpool1", at, **args) if ceil_mode else usual
    return steps.view(usual if steps.shape(usual) == steps.shape(made) else made).permuted((0, 2, 1))


def max_pool1d(
    steps: Steps,
    x: View,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> View:
    """Of a tensor (N, C, T), whose last axis is that of the tokens."""
    if pair(dilation)[0] != 1 or return_indices or len(x.dims) != 3:
        raise Inexpressible("max pooling along tokens with dilation, or with the places of the maxima")
    k, s, p = (pair(n)[0] for n in (kernel_size, stride or kernel_size, padding))
    at = steps.plain(x.permuted((0, 2, 1)))
    args: dict[str, Any] = {"k": k, "s": None if s == k else s, "p": p}
    usual = steps.put("maxpool1", at, **args)
    made = steps.put("maxpool1", at, **args, ceil=True) if ceil_mode else usual
    return steps.view(usual if steps.shape(usual) == steps.shape(made) else made).permuted((0, 2, 1))


def adaptive_max_pool1d(steps: Steps, x: View, output_size: Any, return_indices: bool = False) -> View:
    if pair(output_size) != (1, 1) or return_indices:
        raise Inexpressible("adaptive max pooling of a sequence to more than one value")
    return amax(steps, x, [-1], keepdim=True)


POOLS1: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (max_pool1d, avg_pool1d, adaptive_avg_pool1d, adaptive_max_pool1d)
}
