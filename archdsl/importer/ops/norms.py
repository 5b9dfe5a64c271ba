"""Normalisation, and filters that are fixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from archdsl.importer.modules import Param
from archdsl.importer.ops.apart import heads_of
from archdsl.importer.ops.layers import order_of, squares
from archdsl.importer.ops.scores import Unit
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import View, whole


def batch_norm(
    steps: Steps,
    x: View,
    running_mean: Param | None,
    running_var: Param | None,
    weight: Param | None = None,
    bias: Param | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> View:
    if training and not steps.training:
        raise Inexpressible("batch normalisation by the statistics of the batch in eval mode too")
    if steps.training and not training:
        raise Inexpressible("batch normalisation that keeps to its running statistics (frozen); `bn` uses the batch's")
    if running_mean is None or running_var is None:
        raise Inexpressible("batch normalisation without running statistics")
    if momentum is None:
        raise Inexpressible("batch normalisation with a cumulative average (momentum=None)")
    if (weight is None) != (bias is None):
        raise Inexpressible("batch normalisation with one of scale and shift")
    sources = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    args: dict[str, Any] = {"eps": eps, "momentum": float(momentum), "affine": weight is not None}
    return _normed(steps, x, sources, args)


def _normed(steps: Steps, x: View, sources: dict[str, Any], args: dict[str, Any]) -> View:
    """Batch normalisation of an image or a vector whose channels run along the tensor's second axis."""
    axis = 0 if len(x.shape) == 3 else len(x.shape) - 1
    if len(x.shape) == 3 and x.dims[1] == whole(axis, x.shape[axis]):
        return replace(x, step=steps.put("bn", x.step, sources=sources, **args))
    if len(x.shape) == 2 and len(x.dims) < 4 and x.dims[1] == whole(1, x.shape[1]):
        image = steps.put("bn", steps.put("untokens", x.step, rows=x.shape[0]), sources=sources, **args)
        return replace(x, step=steps.put("tokens", image))
    return steps.view(steps.put("bn", steps.plain(x), sources=sources, **args))


def _aten_batch_norm(
    steps: Steps,
    x: View,
    weight: Param,
    bias: Param,
    mean: Param,
    var: Param,
    training: bool,
    momentum: float,
    eps: float,
    *more: object,
) -> View:
    return batch_norm(steps, x, mean, var, weight, bias, training, momentum, eps)


def layer_norm(
    steps: Steps,
    x: View,
    normalized_shape: Any,
    weight: Param | None = None,
    bias: Param | None = None,
    eps: float = 1e-5,
    *more: object,
) -> View:
    over = tuple(normalized_shape)
    if weight is not None and bias is None:
        if len(over) > 1 or heads_of(x) > 1:
            raise Inexpressible("layer normalisation with a scale and no shift, other than of the channels")
        return _by_channel(steps, layer_norm(steps, x, over, None, None, eps), weight)
    if (weight is None) != (bias is None):
        raise Inexpressible("layer normalisation with a shift and no scale")
    sources = {"weight": weight, "bias": bias}
    args: dict[str, Any] = {"eps": eps, "affine": weight is not None}
    if len(x.shape) == 3 and x.plain and over == x.shape:
        return steps.view(steps.put("ln", x.step, sources=sources, axis=(1, 2, 3), **args))
    if len(over) > 1:
        raise Inexpressible(f"layer normalisation over {len(over)} axes that are not the whole image")
    if (heads := heads_of(x)) > 1:
        held = {f"f.{n}": p for n, p in sources.items()}
        return replace(x, step=steps.put("ln", x.step, sources=held, heads=heads, **args))
    x = squares(steps, x)
    if (back := order_of(x)) is None:
        view = steps.each(x)
        return replace(view, step=steps.put("ln", view.step, sources=sources, **args))
    tables = {n: steps.ledger.table(p) for n, p in sources.items() if p is not None}
    mixed = {n: Table(t.ids[back], t.fixed[back]) for n, t in tables.items()}
    return replace(x, step=steps.put("ln", x.step, sources=mixed, **args))


def _by_channel(steps: Steps, x: View, weight: Any) -> View:
    """What a normalisation without a shift does behind it."""
    return replace(x, step=steps.put("scale", x.step, sources={"weight": weight}))


def layer_norm_2d(steps: Steps, x: View, weight: Param | None, bias: Param | None, eps: float) -> View:
    """A class of its own in several libraries: channels of an image normalised at each pixel."""
    if weight is not None and bias is None:
        return _by_channel(steps, layer_norm_2d(steps, x, None, None, eps), weight)
    return steps.view(
        steps.put("ln", steps.plain(x), sources={"weight": weight, "bias": bias}, eps=eps, affine=weight is not None)
    )


def rms_norm(
    steps: Steps,
    x: View,
    normalized_shape: Any,
    weight: Param | None = None,
    eps: float | None = None,
    image: bool = False,
    std: bool = False,
) -> View:
    """``image``: whether the channels of an image (N, C, H, W) are normalised; ``std``: by their standard deviation."""
    if len(tuple(normalized_shape)) > 1:
        raise Inexpressible("RMS normalisation over several axes; `rms` is over the channels")
    if not image and heads_of(x) > 1:
        raise Inexpressible("RMS normalisation of each head by itself; `rms` is over all channels")
    view = steps.view(steps.plain(x)) if image else steps.each(x)
    args: dict[str, Any] = {"eps": torch.finfo(torch.float32).eps if eps is None else eps, "affine": weight is not None}
    args |= {"std": True} if std else {}
    return replace(view, step=steps.put("rms", view.step, sources={"weight": weight}, **args))


def group_norm(
    steps: Steps,
    x: View,
    num_groups: int,
    weight: Param | None = None,
    bias: Param | None = None,
    eps: float = 1e-5,
    *more: object,
) -> View:
    if weight is not None and bias is None:
        return _by_channel(steps, group_norm(steps, x, num_groups, None, None, eps), weight)
    return steps.view(
        steps.put(
            "gn",
            steps.plain(x),
            sources={"weight": weight, "bias": bias},
            groups=num_groups,
            eps=eps,
            affine=weight is not None,
        )
    )


def grn(steps: Steps, x: View, weight: Any, bias: Any, eps: float, last: bool) -> View:
    """Global response normalisation; ``last``: whether channels are the last axis."""
    view = steps.each(x) if last else steps.view(steps.plain(x))
    return replace(view, step=steps.put("grn", view.step, sources={"weight": weight, "bias": bias}, eps=eps))


def blur(steps: Steps, x: View, k: int, s: int, kernel: Param, mode: str) -> View:
    if k % 2 == 0:
        raise Inexpressible(f"a filter of {k}x{k} that smooths; `blurpool` has odd ones, with a pixel in the middle")
    if mode != "reflect":
        raise Inexpressible("a filter that smooths with another border than `blurpool`")
    table = steps.ledger.numbers(kernel)[:1]
    source = Table(table, torch.zeros_like(table))
    return steps.view(steps.put("blurpool", steps.plain(x), sources={"kernel": source}, k=k, s=s))


def instance_norm(
    steps: Steps,
    x: View,
    running_mean: Param | None = None,
    running_var: Param | None = None,
    weight: Param | None = None,
    bias: Param | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> View:
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise Inexpressible("instance normalisation with running statistics")
    if (weight is None) != (bias is None):
        raise Inexpressible("instance normalisation with one of scale and shift")
    return steps.view(
        steps.put("in", steps.plain(x), sources={"weight": weight, "bias": bias}, eps=eps, affine=weight is not None)
    )


def _aten_instance_norm(
    steps: Steps, x: View, weight: Param | None, bias: Param | None, mean: Param | None, var: Param | None, *more: Any
) -> View:
    return instance_norm(steps, x, mean, var, weight, bias, *more[:3])


def normalize(steps: Steps, x: View, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **more: object) -> View | Unit:
    if p != 2 or eps != 1e-12:
        raise Inexpressible("a norm other than the Euclidean one of the channels, with eps=1e-12")
    dim %= len(x.dims)
    along, axis = x.dims[dim], 0 if len(x.shape) == 3 else len(x.shape) - 1
    if (
        dim == 1
        and len(x.dims) == 3
        and x.dims[2] == whole(axis, x.shape[axis])
        and x.dims[0] == whole(-1, steps.batch)
    ):
        at = steps.put("l2norm", steps.plain(x.permuted((0, 2, 1))))  # over the tokens
        return steps.view(at).permuted((0, 2, 1))
    if along != whole(axis, x.shape[axis]) or len(x.dims) > len(x.shape) + 1:
        return Unit(x, along)
    return replace(x, step=steps.put("l2norm", x.step))


def local_response_norm(
    steps: Steps, x: View, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> View:
    at = steps.plain(x)
    return steps.view(steps.put("lrn", at, size=size, alpha=float(alpha), beta=float(beta), k=float(k)))


NORMS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        batch_norm,
        layer_norm,
        layer_norm_2d,
        rms_norm,
        group_norm,
        grn,
        blur,
        instance_norm,
        local_response_norm,
        normalize,
    )
} | {
    "rms_norm2d": partial(rms_norm, image=True),
    "aten_batch_norm": _aten_batch_norm,
    "aten_group_norm": group_norm,
    "aten_instance_norm": _aten_instance_norm,
}
