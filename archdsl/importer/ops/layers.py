"""Layers with weights, and normalisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.ops.apart import convolved
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.places import indices
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import Atom, View, merged, whole


def pair(value: Any) -> tuple[int, int]:
    """A size as (height, width); torch takes one number, or one in a list, for both."""
    value = tuple(value) if isinstance(value, tuple | list) else (value,)
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def compact(value: Any) -> Any:
    """An equal pair as one number."""
    a, b = pair(value)
    return a if a == b else (a, b)


def one(value: Any, what: str) -> int:
    """A number for both axes.

    Raises:
        Inexpressible: they differ.
    """
    a, b = pair(value)
    if a != b:
        raise Inexpressible(f"{what} that differs between height and width")
    return a


def _padding(padding: Any, k: tuple[int, int], d: int, s: tuple[int, int]) -> Any:
    if padding == "valid":
        padding = 0
    if padding == "same":
        spans = tuple((n - 1) * d for n in k)
        if s != (1, 1) or any(n % 2 for n in spans):
            raise Inexpressible("padding `same` of a window that is even or moves by more than 1")
        padding = (spans[0] // 2, spans[1] // 2)
    pad = pair(padding)
    return None if pad == ((k[0] - 1) * d // 2, (k[1] - 1) * d // 2) else compact(pad)


def conv2d(
    steps: Steps,
    x: View,
    weight: Param | Table,
    bias: Param | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    same: bool = False,
    ws: str = "none",
    gain: Param | None = None,
    eps: float = 0.0,
    rest: float = 1.0,
) -> View:
    if not isinstance(weight, Param | Table):
        raise Inexpressible("a convolution with weights that are computed")
    d = one(dilation, "dilation")
    if not same and ws == "none" and padding not in ("same", "valid"):
        parts = convolved(steps, x, weight, bias, stride, padding, d, groups)
        if parts is not None:
            return parts
    at, k, s = steps.plain(x), pair(weight.shape[2:]), pair(stride)
    if len(steps.shape(at)) == 1 and len(x.dims) == 4:
        at = _pixel(steps, at)
    if len(steps.shape(at)) != 3:
        raise Inexpressible("a convolution of a value that is not an image, or that is a vector here")
    out, cin = weight.shape[0], steps.shape(at)[0]
    if same:
        at = steps.put("samepad", at, k=compact(tuple((n - 1) * d + 1 for n in k)), s=compact(s))
    settings: dict[str, Any] = {
        "k": compact(k),
        "s": compact(s),
        "p": 0 if same and k != (1, 1) else _padding(0 if same else padding, k, d, s),
        "dilation": d,
        "bias": bias is not None,
    }
    sources: dict[str, Any] = {"weight": weight, "bias": bias}
    if ws != "none":
        usual = 1e-8 if ws == "standard" else 1e-5
        if eps > 100 * usual:
            raise Inexpressible("standardised weights with another epsilon than `ws` has")
        if abs(rest - 1) > 1e-9:  # the factor of the weights is one of what arrives
            at = steps.put("times", at, factor=rest)
        return steps.view(
            steps.put("conv", at, sources=sources | {"gain": gain}, out=out, groups=groups, ws=ws, **settings)
        )
    if groups == cin > 1 and out % cin == 0:
        return steps.view(steps.put("dwconv", at, sources=sources, multiplier=out // cin, **settings))
    return steps.view(steps.put("conv", at, sources=sources, out=out, groups=groups, **settings))


def _pixel(steps: Steps, at: int) -> int:
    """The largest value of each channel as an image of one pixel; another vector as it is."""
    made = steps.made[at] if at >= 0 else None
    shape = steps.shape(made.inputs[0]) if made is not None and made.op.name == "gmp" else ()
    if made is None or len(shape) != 3:
        return at
    return steps.put("maxpool", made.inputs[0], k=compact(shape[1:]))


def conv_transpose2d(
    steps: Steps,
    x: View,
    weight: Param,
    bias: Param | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> View:
    if pair(output_padding) != (0, 0) or groups != 1 or pair(dilation) != (1, 1):
        raise Inexpressible("a transposed convolution with output padding, groups or dilation")
    return steps.view(
        steps.put(
            "upconv",
            steps.plain(x),
            sources={"weight": weight, "bias": bias},
            out=weight.shape[1],
            k=compact(weight.shape[2:]),
            s=compact(stride),
            p=compact(padding),
            bias=bias is not None,
        )
    )


def linear(steps: Steps, x: View, weight: Any, bias: Any = None) -> View:
    if (found := _patches(steps, x, weight, bias)) is not None:
        return found
    x, weight = _in_order(steps, x, weight)
    view = steps.each(x)
    if isinstance(bias, Table) and not bias.constant and not bool(bias.ids.all()):
        return _in_parts(steps, view, weight, bias)
    bias = None if isinstance(bias, Table) and bias.constant and not bool(bias.fixed.any()) else bias
    args: dict[str, Any] = {"out": weight.shape[0], "bias": bias is not None}
    if len(view.shape) == 3:
        args["each"] = True
    step = steps.put("linear", view.step, sources={"weight": weight, "bias": bias}, **args)
    axis = 0 if len(view.shape) == 3 else len(view.shape) - 1
    return View(step, steps.shape(step), (*view.dims[:-1], whole(axis, weight.shape[0])))


def _in_order(steps: Steps, x: View, weight: Any) -> tuple[View, Any]:
    """A value whose channels are in another order, as it is, and the weight with its columns in that order."""
    back = order_of(x) if isinstance(weight, Param | Table) else None
    if back is None:
        return x, weight
    table = steps.ledger.table(weight)
    return unmixed(x), Table(table.ids[:, back], table.fixed[:, back])


def order_of(x: View) -> Any:
    """Which place of the last axis of a tensor has each channel, where that axis is all channels in another order; else None."""
    axis, last = 0 if len(x.shape) == 3 else len(x.shape) - 1, x.dims[-1]
    if len(last) < 2 or any(a.axis != axis for a in last):
        return None
    order = indices(View(x.step, x.shape, (x.dims[0], last))) // prod(x.shape[axis + 1 :])
    return order.argsort() if sorted(order.tolist()) == list(range(x.shape[axis])) else None


def unmixed(x: View) -> View:
    """The tensor with the channels of its last axis in their order."""
    axis = 0 if len(x.shape) == 3 else len(x.shape) - 1
    return replace(x, dims=(*x.dims[:-1], whole(axis, x.shape[axis])))


def squares(steps: Steps, x: View) -> View:
    """A tensor whose last axis has all values of a square of pixels, as one whose last axis is channels."""
    if len(x.shape) != 3 or not any(a.axis > 0 for a in x.dims[-1]):
        return x
    inner, rest = {a.axis: a for a in x.dims[-1]}, [a for d in x.dims[1:-1] for a in d]
    by = inner[1].size if 1 in inner and 2 in inner else 0
    if (
        len(inner) != len(x.dims[-1])
        or any(a.stride != 1 for a in inner.values())
        or by != (2 in inner and inner[2].size)
    ):
        return x
    if (0 in inner and inner[0].size != x.shape[0]) or any(a.axis == 0 or a.stride != by for a in rest):
        return x
    step = steps.put("spacetodepth", x.step, by=by)
    last = [Atom(0, {0: by * by, 1: by, 2: 1}[a.axis], a.size) for a in x.dims[-1]]
    dims = [merged([a._replace(stride=1) for a in d]) for d in x.dims[1:-1]]
    return View(step, steps.shape(step), (x.dims[0], *dims, merged(last)))


def _patches(steps: Steps, x: View, weight: Any, bias: Any) -> View | None:
    """A linear layer of all values of each patch of an image, which is a convolution; None where it is not."""
    if len(x.shape) != 3 or not isinstance(weight, Param | Table):
        return None
    inner = {a.axis: a.size for a in x.dims[-1] if a.axis > 0 and a.stride == 1}
    outer = [a for d in x.dims[1:-1] for a in d]
    whole_channels = [a for a in x.dims[-1] if a.axis == 0] == [*whole(0, x.shape[0])]
    if len(x.dims[-1]) != len(inner) + (x.shape[0] > 1) or not inner or not outer or not whole_channels:
        return None  # without patches beside each other it is a linear layer of the image
    if any(a.axis not in inner or a.stride != inner[a.axis] for a in outer):
        return None
    (p, q), table = (inner.get(1, 1), inner.get(2, 1)), steps.ledger.table(weight)
    index = indices(View(x.step, (x.shape[0], p, q), (x.dims[0], x.dims[-1])))
    back = index.argsort()
    ids, fixed = (t[:, back].reshape(-1, x.shape[0], p, q) for t in (table.ids, table.fixed))
    made = conv2d(steps, steps.view(x.step), Table(ids, fixed), bias, (p, q))
    dims = [merged([a._replace(stride=1) for a in d]) for d in x.dims[1:-1]]
    return View(made.step, made.shape, (x.dims[0], *dims, whole(0, made.shape[0])))


def _in_parts(steps: Steps, x: View, weight: Any, bias: Table) -> View:
    """A linear layer of which some outputs have no bias, as several side by side."""
    has = [bool(i) for i in bias.ids]
    if bool(bias.fixed.any()):
        raise Inexpressible("a bias of which a part is a constant")
    ends = [i for i in range(1, len(has) + 1) if i == len(has) or has[i] != has[i - 1]]
    table = steps.ledger.table(weight)
    parts, start = [], 0
    for end in ends:
        rows = Table(table.ids[start:end], table.fixed[start:end])
        own = Table(bias.ids[start:end], bias.fixed[start:end]) if has[start] else None
        parts.append(linear(steps, x, rows, own))
        start = end
    more: dict[str, Any] = {"channels": True} if len(x.shape) == 2 else {}
    joined = steps.put("cat", *(p.step for p in parts), **more)
    axis = 0 if len(x.shape) == 3 else len(x.shape) - 1
    return View(joined, steps.shape(joined), (*x.dims[:-1], whole(axis, len(has))))


def attention(
    steps: Steps,
    query: View,
    key: View,
    value: View,
    heads: int,
    weights: dict[str, Param | None],
    other: str,
    drop: float,
    training: bool,
    first: bool = True,
    key_padding_mask: object = None,
    need_weights: bool = True,
    attn_mask: object = None,
    **more: object,
) -> tuple[View, None]:
    if not (query == key == value):
        raise Inexpressible("attention to another value than its own; `attention` is self-attention")
    if other or key_padding_mask is not None or attn_mask is not None:
        raise Inexpressible(f"attention with {other or 'a mask'}")
    drop = drop if stays_off(steps, training) else 0.0
    if len(query.dims) != 3:
        raise Inexpressible("attention of a value that is not tokens of examples")
    order = (0, 1, 2) if first else (1, 0, 2)
    at, bias = steps.plain(query.permuted(order)), weights["in_proj_bias"] is not None
    made = steps.put("attention", at, sources=weights, heads=heads, bias=bias, drop=drop)
    return steps.view(made).permuted(order), None


def refuse(steps: Steps, x: View, *more: object, reason: str) -> View:
    raise Inexpressible(reason)


LAYERS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        conv2d,
        conv_transpose2d,
        linear,
        attention,
        refuse,
    )
}
