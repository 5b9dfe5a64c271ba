"""How branches meet, and the empty branch."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Any

from archdsl.ir.layer import GLOBAL, Along, Layer, Misfit, words
from archdsl.registry import join, op
from archdsl.registry.types import Shape

if TYPE_CHECKING:
    from collections.abc import Callable


@op("cat(conv(8) | id)", traits="ids")
def id_(x: Shape) -> Layer:
    """Nothing: the value passes unchanged. The empty branch."""
    return Layer(out=x)


@join(
    "conv(8) cat(conv(8, 1) | conv(8, 3) | id)",
    "patch(8, 16) tokens cat(linear(8) | id, channels)",
    paper="Szegedy et al. 2014, Going deeper with convolutions",
    traits="mixes",
)
def cat(xs: tuple[Shape, ...], channels: bool = False) -> Layer:
    """Branches side by side along channels; of tokens, one after the other, and with `channels` side by side as well."""
    first = xs[0]
    if any(len(x) != len(first) for x in xs):
        raise Misfit("`cat` joins " + " and ".join(words(x) for x in xs), "A304", "bring all branches to one kind")
    if len(first) == 2 and channels:
        if any(x[0] != first[0] for x in xs):
            numbers = ", ".join(str(x[0]) for x in xs)
            raise Misfit(
                f"`cat` along channels joins unlike numbers of tokens: {numbers}", "A304", "leave `channels` out"
            )
        return Layer(out=(first[0], sum(x[1] for x in xs)), call=lambda torch, *v: torch.cat(v, 2))
    if len(first) == 2:
        if any(x[1] != first[1] for x in xs):
            raise Misfit(
                "`cat` joins tokens of unlike width: " + ", ".join(str(x[1]) for x in xs),
                "A304",
                "give the branches one width, or write `cat(…, channels)` for tokens side by side",
            )
        return Layer(
            out=(sum(x[0] for x in xs), first[1]), call=lambda torch, *v: torch.cat(v, 1), window=Along(None, None)
        )
    if any(x[1:] != first[1:] for x in xs):
        raise Misfit(
            "`cat` joins images of unlike size: " + ", ".join("x".join(map(str, x[1:])) for x in xs),
            "A304",
            "give the branches equal strides and paddings",
        )
    return Layer(out=(sum(x[0] for x in xs), *first[1:]), call=lambda torch, *v: torch.cat(v, 1))


@join(
    "conv(8) add(conv(8) relu | id)",
    "conv(8) add(id | gap linear(8))",
    paper="He et al. 2015, arXiv:1512.03385",
    traits="overwritable pointwise",
)
def add(xs: tuple[Shape, ...]) -> Layer:
    """The sum of branches of equal shape, some of which may have one channel or one place for all; see `mul`."""
    help = "write `res(…)` or `add(… | shortcut)` for a projection, or give the branches one shape"
    return _pointwise(xs, "add", operator.add, help)


@join(
    "conv(8) sub(id | avgpool(3, s=1, p=1))",
    "conv(8) sub(id | gap)",
    paper="Yu et al. 2022, MetaFormer is actually what you need for vision, arXiv:2111.11418 (PoolFormer)",
    traits="overwritable pointwise",
)
def sub(xs: tuple[Shape, ...]) -> Layer:
    """The first branch minus the others, of equal shape; some may have one channel or one place for all, see `mul`."""
    return _pointwise(xs, "sub", operator.sub, "give the branches one shape")


@join(
    "conv(8) mul(id | gap linear(8) sigmoid)",
    "conv(8) mul(id | conv(1, 7) sigmoid)",
    "patch(8, 64) tokens mul(id | linear(1) sigmoid)",
    "patch(8, 64) tokens mul(id | gap linear(64) sigmoid)",
    paper="Hu et al. 2017, arXiv:1709.01507",
    traits="product pointwise",
)
def mul(xs: tuple[Shape, ...]) -> Layer:
    """The product of branches of equal shape, some of which may be gates.

    Where branches have one and several channels, rows, columns or tokens, the one is for all. So an image of one channel is a
    gate of each pixel, tokens of width 1 are one of each token, and a vector, which has one place, is one of each channel.
    """
    help = (
        "a gate has one channel or one place where the other branch has more, or is a vector with one value a channel"
    )
    return _pointwise(xs, "mul", operator.mul, help)


def _pointwise(xs: tuple[Shape, ...], word: str, combine: Callable[[Any, Any], Any], help: str) -> Layer:
    """Branches combined number by number, after torch's rules of broadcasting; a vector is an image or a token of one place.

    Raises:
        Misfit: A304, along an axis two branches have unlike numbers, both above 1.
    """
    rank = max(map(len, xs))
    spread = [x if len(x) == rank else (*x, 1, 1) if rank == 3 else (1, *x) for x in xs]
    out = tuple(map(max, *spread)) if len(xs) > 1 else xs[0]
    if any(1 < len(x) < rank for x in xs) or any(n not in (1, m) for x in spread for n, m in zip(x, out, strict=True)):
        raise Misfit(f"`{word}` joins unlike shapes: " + " and ".join("x".join(map(str, x)) for x in xs), "A304", help)
    ranks = [len(x) for x in xs]

    def call(torch: object, *values: Any) -> Any:
        wide = values if rank < 2 else [_placed(v, n, rank) for v, n in zip(values, ranks, strict=True)]
        return reduce(combine, wide)

    return Layer(out=out, call=call)


def _placed(value: Any, rank: int, of: int) -> Any:
    """A vector (N, C) as an image (N, C, 1, 1) or a token (N, 1, C); other values as they are."""
    if rank == of:
        return value
    return value[:, :, None, None] if of == 3 else value[:, None]


@join("conv(8) gap stack(linear(4) | linear(4)) transpose softmax", paper="Li et al. 2019, SKNet, arXiv:1903.06586")
def stack(xs: tuple[Shape, ...]) -> Layer:
    """Vectors of equal size as tokens, one each. `take` picks one of them again."""
    if len(xs[0]) != 1:
        raise Misfit(f"`stack` joins vectors, and here arrives {words(xs[0])}", "A304", "`cat` joins images and tokens")
    if any(x != xs[0] for x in xs):
        sizes = " and ".join(str(x[0]) if len(x) == 1 else words(x) for x in xs)
        raise Misfit(f"`stack` joins unlike shapes: {sizes}", "A304", "give the branches one size")
    return Layer(out=(len(xs), *xs[0]), call=lambda torch, *v: torch.stack(v, 1))


@join(
    "conv(16) relu gap heads(kind: linear(3) | price: linear(1))",
    "conv(16) relu gap heads(kind: (linear(32) relu linear(3)) | price: linear(1))",
    paper="Caruana 1997, Multitask learning",
    traits="outputs",
)
def heads(xs: tuple[Shape, ...]) -> Layer:
    """Several outputs of one network, as its last layer: branches with a label each, which give vectors.

    The network gives their values side by side. Data with several targets says what each head is for, by its label, and
    `classes` in a head is the number of its own classes, 1 for a number.
    """
    if any(len(x) != 1 for x in xs):
        kinds = " and ".join(words(x) for x in xs)
        raise Misfit(f"`heads` takes vectors, and here arrive {kinds}", "A304", "end each head with `linear(classes)`")
    return Layer(out=(sum(x[0] for x in xs),), call=lambda torch, *v: torch.cat(v, 1))


@join(
    "patch(8, 64) tokens matmul(linear(16) transpose softmax | id)",
    "patch(8, 64) tokens as x matmul(linear(8) | @x linear(8) transpose)",
    paper="Lee et al. 2024, EfficientViM, arXiv:2411.15241 (hidden states)",
    traits="mixes",
)
def matmul(xs: tuple[Shape, ...]) -> Layer:
    """The product of two branches of tokens as matrices: n tokens of width m and m tokens of width d give n tokens of width d.

    Each token of the result is a sum of the second branch's tokens, weighted by the numbers of the first one's. Where the weights
    are a softmax of products of queries and keys, `attend` says it shorter.
    """
    if len(xs) != 2:
        raise Misfit(f"`matmul` has {len(xs)} branches; it takes two", "A304", "write `matmul(a | b)`")
    a, b = xs
    if any(len(x) != 2 for x in xs) or a[1] != b[0]:
        help = "the width of the first branch is the number of tokens of the second; `transpose` exchanges the two"
        raise Misfit(f"`matmul` joins {words(a)} and {words(b)}", "A304", help)
    return Layer(
        out=(a[0], b[1]), call=lambda torch, *v: torch.matmul(v[0], v[1]), macs=a[0] * a[1] * b[1], window=GLOBAL
    )


@join(
    "conv(8) gap blend(linear(10) | relu linear(10))",
    "conv(8) blend(id | conv(8) relu | avgpool(3, s=1, p=1))",
    paper="Peters et al. 2018, Deep contextualized word representations, arXiv:1802.05365 (scalar mix)",
    traits="mixes",
)
def blend(xs: tuple[Shape, ...]) -> Layer:
    """The sum of branches of equal shape, weighted by the softmax of one learnt number for each; they begin equal."""
    if any(x != xs[0] for x in xs):
        shapes = " and ".join("x".join(map(str, x)) for x in xs)
        raise Misfit(f"`blend` joins unlike shapes: {shapes}", "A304", "give the branches one shape")
    return Layer(out=xs[0], module=lambda nn: nn.Blend(len(xs)), weights={"weight": (len(xs),)})
