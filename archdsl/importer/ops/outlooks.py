"""Outlook attention: neighbourhoods of pixels that overlap, mixed by weights that are computed of the pixel in their middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.scores import untouched
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, merged, whole


@dataclass(frozen=True, eq=False)
class Spread:
    """The k × k values round each ``s``-th pixel of an image, as (N, C·k², pixels); ``order`` says how its axes (N, heads, C of a
    head, k², pixels) lie, once heads are an axis."""

    step: int
    k: int
    s: int
    order: tuple[int, ...] = ()
    heads: int = 0


@dataclass(frozen=True, eq=False)
class Mixing:
    """A softmax over a part of the channels: weights (N, heads, pixels, k², k²); ``drop``: the rate of dropout on them."""

    view: View
    drop: float = 0.0


@dataclass(frozen=True, eq=False)
class Mixed:
    """Neighbourhoods mixed by weights."""

    weights: View
    of: Spread
    order: tuple[int, ...] = (0, 1, 2, 3, 4)
    drop: float = 0.0


def spread(steps: Steps, x: View, k: tuple[int, int], s: tuple[int, int], p: tuple[int, int]) -> Spread:
    """Overlapping windows whose middles are pixels of the image."""
    if k[0] != k[1] or s[0] != s[1] or k[0] % 2 == 0 or p != (k[0] // 2,) * 2:
        raise Inexpressible("windows of an image that overlap, other than the odd neighbourhoods of its pixels")
    return Spread(steps.plain(x), k[0], s[0])


def _reshaped(steps: Steps, x: Any, *more: object, **other: object) -> Any:
    sizes = steps.sizes
    if isinstance(x, Spread) and not x.order and len(sizes) == 5 and sizes[3] == x.k**2:
        return replace(x, order=(0, 1, 2, 3, 4), heads=sizes[1])
    if isinstance(x, Mixed) and x.order == (0, 1, 4, 3, 2) and len(sizes) == 3:
        return x
    raise Inexpressible("a reshape of neighbourhoods of pixels")


def _permuted(steps: Steps, x: Any, *dims: Any) -> Any:
    order = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
    return replace(x, order=tuple(x.order[i] for i in order))


def mixed(steps: Steps, a: Any, b: Any) -> Mixed:
    """The product of weights and neighbourhoods as matrices."""
    if not isinstance(a, Mixing) or not isinstance(b, Spread) or b.order != (0, 1, 4, 3, 2):
        raise Inexpressible("a product of neighbourhoods of pixels that is not outlook attention")
    return Mixed(a.view, b, drop=a.drop)


def fold(
    steps: Steps, x: Mixed, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> View:
    from archdsl.importer.ops.layers import pair

    of, view = x.of, x.weights
    wanted = [(of.k,) * 2, (of.k // 2,) * 2, (of.s,) * 2, (1, 1), steps.shape(of.step)[1:]]
    if [pair(n) for n in (kernel_size, padding, stride, dilation, output_size)] != wanted:
        raise Inexpressible("neighbourhoods of pixels put together in another way than they were taken")
    n, pixels = of.k**2, merged([*whole(1, view.shape[1]), *whole(2, view.shape[2])])
    heads = merged([Atom(0, n * n, of.heads)])
    if view.dims[1:] != (heads, pixels, (Atom(0, n, n),), (Atom(0, 1, n),)) or len(view.shape) != 3:
        raise Inexpressible("weights of neighbourhoods that are laid out in another way than those of `outlook`")
    return steps.view(steps.put("outlook", view.step, of.step, heads=of.heads, k=of.k, s=of.s, drop=x.drop))


def _dropped(steps: Steps, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if not p or not stays_off(steps, training):
        return x
    if not isinstance(x, Mixing) or x.drop:
        raise Inexpressible("dropout of neighbourhoods of pixels; `outlook` has it once, on the weights that mix them")
    return replace(x, drop=float(p))


def softmax_of_parts(x: View, dim: int) -> Mixing | None:
    """A softmax over a part of the channels, as weights of neighbourhoods are; None where it is none."""
    last = x.dims[-1]
    if len(x.shape) != 3 or len(x.dims) != 5 or dim != 4 or len(last) != 1 or last[0][:2] != (0, 1):
        return None
    return Mixing(x)


OF_SPREAD: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("reshape", "view"), _reshaped),
    "permute": _permuted,
    **dict.fromkeys(("matmul", "bmm"), mixed),
    "fold": fold,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "same"), untouched),
    "dropout": _dropped,
}
