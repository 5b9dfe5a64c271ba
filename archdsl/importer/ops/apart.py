"""What works on each head's channels, or on each window of an image, by itself: the rest is in one axis with the batch."""

from __future__ import annotations

from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import Atom, View, merged, whole


def convolved(
    steps: Steps,
    x: View,
    weight: Param | Table,
    bias: Param | None,
    stride: Any,
    padding: Any,
    dilation: int,
    groups: int,
) -> View | None:
    """A convolution of an image (batch and others, channels, rows, columns); None where nothing is beside the batch."""
    others = [a for a in x.dims[0] if a.axis >= 0]
    if not others or len(x.shape) != 3 or len(x.dims) != 4:
        return None
    settings = _settings(weight, stride, padding, dilation, bias)
    if all(a.axis == 0 for a in others):
        return _of_heads(steps, x, weight, bias, settings, groups)
    if all(a.axis > 0 for a in others):
        return _of_windows(steps, x, weight, bias, settings, groups)
    raise Inexpressible("a convolution of windows and heads at once")


def _settings(weight: Param | Table, stride: Any, padding: Any, dilation: int, bias: Any) -> dict[str, Any]:
    from archdsl.importer.ops.layers import compact, pair

    k, p = pair(weight.shape[2:]), pair(padding)
    usual = ((k[0] - 1) * dilation // 2, (k[1] - 1) * dilation // 2)
    args: dict[str, Any] = {"k": compact(k), "s": compact(stride), "p": None if p == usual else compact(p)}
    return args | {"dilation": dilation, "bias": bias is not None}


def _of_heads(
    steps: Steps, x: View, weight: Param | Table, bias: Param | None, settings: dict[str, Any], groups: int
) -> View:
    """Each channel of a head by itself, with the same windows in every head."""
    width, heads = x.sizes()[1], x.shape[0] // x.sizes()[1]
    rows, columns = (whole(i, x.shape[i]) for i in (1, 2))
    batch = tuple(a for a in x.dims[0] if a.axis < 0)
    wanted = (merged([*batch, Atom(0, width, heads)]), merged([Atom(0, 1, width)]), rows, columns)
    if x.dims != wanted or groups != width or weight.shape[0] % width:
        raise Inexpressible("a convolution that the heads share, other than of each channel by itself")
    sources = {"f.weight": weight, "f.bias": bias}
    multiplier = weight.shape[0] // width
    made = steps.put("dwconv", x.step, sources=sources, multiplier=multiplier, heads=heads, **settings)
    shape = steps.shape(made)
    rows, columns = (whole(i, shape[i]) for i in (1, 2))
    lead = merged([*batch, Atom(0, width * multiplier, heads)])
    return View(made, shape, (lead, merged([Atom(0, 1, width * multiplier)]), rows, columns))


def _of_windows(
    steps: Steps, x: View, weight: Param | Table, bias: Param | None, settings: dict[str, Any], groups: int
) -> View:
    """Each window of an image by itself: of 1×1 what the whole image gives, else with zeros round each window."""
    channels, (p, q) = whole(0, x.shape[0]), x.sizes()[2:]
    cut = [a for a in x.dims[0] if a.axis > 0]
    beside = [Atom(1, p, x.shape[1] // p), Atom(2, q, x.shape[2] // q)]
    inner = (channels, merged([Atom(1, 1, p)]), merged([Atom(2, 1, q)]))
    if x.dims[1:] != inner or cut != [a for a in beside if a.size > 1]:
        raise Inexpressible("a convolution of parts of an image that are not its windows, one after the other")
    if settings["s"] != 1 or settings["p"] is not None:
        raise Inexpressible("a convolution within windows that changes their size")
    if settings["k"] == 1 and groups == 1:
        sources: dict[str, Any] = {"weight": weight, "bias": bias}
        made = steps.put("conv", x.step, sources=sources, out=weight.shape[0], **settings)
    elif groups == x.shape[0] and weight.shape[0] % groups == 0:
        size: Any = p if p == q else (p, q)
        sources = {"f.weight": weight, "f.bias": bias}
        multiplier = weight.shape[0] // groups
        made = steps.put("dwconv", x.step, sources=sources, window=size, multiplier=multiplier, **settings)
    else:
        raise Inexpressible("a convolution within windows that is neither of 1x1 nor depthwise")
    return View(made, steps.shape(made), (x.dims[0], whole(0, steps.shape(made)[0]), *inner[1:]))


def heads_of(x: View) -> int:
    """The number of heads where the last axis of a tensor has the channels of one and another axis the heads; else 1."""
    axis = 0 if len(x.shape) == 3 else len(x.shape) - 1
    width = x.sizes()[-1]
    others = [a for d in x.dims[:-1] for a in d if a.axis == axis]
    heads = x.shape[axis] // width if width else 1
    return (
        heads
        if len(x.shape) > 1 and others == [Atom(axis, width, heads)] and x.dims[-1] == merged([Atom(axis, 1, width)])
        else 1
    )
