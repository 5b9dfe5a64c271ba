"""Layers along tokens: recurrent ones, along rows and columns of an image too, and convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.ops.layers import linear, pair
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, standing, whole


def recurrent(
    word: str,
    steps: Steps,
    x: View,
    state: object = None,
    *,
    weights: dict[str, Param | None],
    out: int,
    bias: bool,
    layers: int,
    both: bool,
    drop: float,
    first: bool,
) -> tuple[View, tuple[None, None]]:
    """Of tokens, or of the rows or columns of an image with the others in one axis with the batch; states are not read."""
    if state is not None or not first:
        raise Inexpressible("a recurrent layer with a first state that is given, or with tokens before the batch")
    args: dict[str, Any] = {"out": out, "layers": layers, "both": both, "drop": drop, "bias": bias}
    along = _course(x)
    if along:
        made = steps.put(word, x.step, sources=weights, along=along, **args)
        shape = steps.shape(made)
        return View(made, shape, (*x.dims[:2], whole(0, shape[0]))), (None, None)
    return steps.view(steps.put(word, steps.plain(x), sources=weights, **args)), (None, None)


def _course(x: View) -> str:
    """Along what a tensor (batch and others, tokens, channels) shows an image; nothing where it shows tokens."""
    if len(x.shape) != 3 or len(x.dims) != 3 or x.dims[2] != whole(0, x.shape[0]):
        return ""
    _, _, rows, columns = standing(x.shape, 0)
    batch = tuple(a for a in x.dims[0] if a.axis == -1)
    ways = {"rows": (rows, columns), "columns": (columns, rows)}
    return next((n for n, (beside, way) in ways.items() if x.dims[:2] == ((*batch, *beside), way)), "")


def conv1d(
    steps: Steps,
    x: View,
    weight: Param,
    bias: Param | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> View:
    """Along the last axis of a tensor (N, C, T)."""
    k, s, d = weight.shape[2], pair(stride)[0], pair(dilation)[0]
    tokens = x.permuted((0, 2, 1))
    if (k, s, groups) == (1, 1, 1) and padding in (0, (0,)):
        return linear(steps, tokens, Param(weight.name, weight.shape[:2]), bias).permuted((0, 2, 1))
    if isinstance(padding, str):
        raise Inexpressible(f"a convolution along tokens with the padding `{padding}`")
    made = steps.put(
        "conv1",
        steps.plain(tokens),
        sources={"weight": weight, "bias": bias},
        out=weight.shape[0],
        k=k,
        s=s,
        p=None if 2 * pair(padding)[0] == (k - 1) * d else pair(padding)[0],
        dilation=d,
        groups=groups,
        bias=bias is not None,
    )
    return steps.view(made).permuted((0, 2, 1))


def repeat_interleave(steps: Steps, x: View, repeats: int, dim: int | None = None, **more: object) -> View:
    """An image for each of as many windows as there are: the image side by side with itself, cut into windows.

    Raises:
        Inexpressible: other values than images are repeated, or for windows that are not as many in each direction.
    """
    if repeats == 1:
        return x
    side = int(repeats**0.5)
    if dim != 0 or len(x.shape) != 3 or side * side != repeats or any(a.axis >= 0 for a in x.dims[0]):
        raise Inexpressible("a value repeated, other than an image for each window")
    made = steps.put("tile", x.step, by=side)
    _, height, width = x.shape
    beside = [Atom(axis, n, side) for axis, n in ((1, height), (2, width))]
    return View(made, steps.shape(made), ((*x.dims[0], *beside), *x.dims[1:]))


SEQUENCES: dict[str, Callable[..., Any]] = {
    "lstm": partial(recurrent, "lstm"),
    "gru": partial(recurrent, "gru"),
    "conv1d": conv1d,
    "repeat_interleave": repeat_interleave,
}
