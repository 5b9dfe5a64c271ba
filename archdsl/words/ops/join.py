"""How branches meet, and the empty branch."""

from __future__ import annotations

from archdsl.ir.layer import Along, Layer, Misfit, words
from archdsl.registry import join, op
from archdsl.registry.types import Shape


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


@join("conv(8) add(conv(8) relu | id)", paper="He et al. 2015, arXiv:1512.03385", traits="overwritable pointwise")
def add(xs: tuple[Shape, ...]) -> Layer:
    """The sum of branches of equal shape."""
    _equal(xs, "add", "write `res(…)` or `add(… | shortcut)` for a projection, or give the branches one shape")
    return Layer(out=xs[0], call=_sum)


@join(
    "conv(8) sub(id | avgpool(3, s=1, p=1))",
    paper="Yu et al. 2022, MetaFormer is actually what you need for vision, arXiv:2111.11418 (PoolFormer)",
    traits="overwritable pointwise",
)
def sub(xs: tuple[Shape, ...]) -> Layer:
    """The first branch minus the others, all of equal shape."""
    _equal(xs, "sub")
    return Layer(out=xs[0], call=_difference)


def _equal(xs: tuple[Shape, ...], word: str, help: str = "give the branches one shape") -> None:
    if any(x != xs[0] for x in xs):
        raise Misfit(f"`{word}` joins unlike shapes: " + " and ".join("x".join(map(str, x)) for x in xs), "A304", help)


def _difference(torch: object, *values: object) -> object:
    total = values[0]
    for value in values[1:]:
        total = total - value  # type: ignore[operator]
    return total


def _sum(torch: object, *values: object) -> object:
    total = values[0]
    for value in values[1:]:
        total = total + value  # type: ignore[operator]
    return total


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

    A vector, or of an image also a 1x1 image, with one value a channel is a gate of each channel. An image of one channel is a
    gate of each pixel, and tokens of width 1 are one of each token.
    """
    out = max(xs, key=lambda x: (len(x), x))
    if not all(x == out or _gates(x, out) for x in xs):
        raise Misfit(
            "`mul` joins unlike shapes: " + " and ".join("x".join(map(str, x)) for x in xs),
            "A304",
            "a gate is a vector with one value a channel, an image of one channel, or tokens of width 1",
        )
    ranks = [len(x) for x in xs]

    def product(torch: object, *values: object) -> object:
        total: object = None
        for value, rank in zip(values, ranks, strict=True):
            gate = value
            if rank < len(out):
                gate = value[:, :, None, None] if len(out) == 3 else value[:, None]  # type: ignore[index]
            total = gate if total is None else total * gate  # type: ignore[operator]
        return total

    return Layer(out=out, call=product)


def _gates(factor: Shape, out: Shape) -> bool:
    """Whether a factor has one value for each channel of the product, for each pixel, or for each token."""
    if len(out) == 3:
        return factor in ((out[0],), (out[0], 1, 1), (1, *out[1:]))
    return len(out) == 2 and factor in ((out[1],), (out[0], 1))


@join("conv(8) gap stack(linear(4) | linear(4)) transpose softmax", paper="Li et al. 2019, SKNet, arXiv:1903.06586")
def stack(xs: tuple[Shape, ...]) -> Layer:
    """Vectors of equal size as tokens, one each. `take` picks one of them again."""
    if len(xs[0]) != 1:
        raise Misfit(f"`stack` joins vectors, and here arrives {words(xs[0])}", "A304", "`cat` joins images and tokens")
    _equal(xs, "stack")
    return Layer(out=(len(xs), *xs[0]), call=lambda torch, *v: torch.stack(v, 1))
