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
    if len(x.dims) != 3:
        raise Inexpressible("pooling of a sequence that is not one of tokens")
    inside = not count_include_pad and pair(padding)[0] > 0
    return _pool(steps, x, "avgpool1", (kernel_size, stride, padding), ceil_mode, inside=inside)


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
    return _pool(steps, x, "maxpool1", (kernel_size, stride, padding), ceil_mode)


def _pool(steps: Steps, x: View, word: str, window: tuple[Any, Any, Any], ceil: bool, **more: Any) -> View:
    """Pooling by a word, with the word's ``ceil`` only where it changes the number of tokens.

    Args:
        window: kernel size, stride (the kernel size where none is stated) and padding.
    """
    k, s, p = (pair(n)[0] for n in (window[0], window[1] or window[0], window[2]))
    args: dict[str, Any] = {"k": k, "s": None if s == k else s, "p": p, **more}
    at = steps.plain(x.permuted((0, 2, 1)))
    usual = steps.put(word, at, **args)
    made = steps.put(word, at, **args, ceil=True) if ceil else usual
    return steps.view(usual if steps.shape(usual) == steps.shape(made) else made).permuted((0, 2, 1))


def adaptive_max_pool1d(steps: Steps, x: View, output_size: Any, return_indices: bool = False) -> View:
    if pair(output_size) != (1, 1) or return_indices:
        raise Inexpressible("adaptive max pooling of a sequence to more than one value")
    return amax(steps, x, [-1], keepdim=True)


POOLS1: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (max_pool1d, avg_pool1d, adaptive_avg_pool1d, adaptive_max_pool1d)
}
