"""How branches meet, and the empty branch."""

from __future__ import annotations

from archdsl.ir.layer import Layer, Misfit, words
from archdsl.registry import join, op
from archdsl.registry.types import Shape


@op("cat(conv(8) | id)")
def id_(x: Shape) -> Layer:
    """Nothing: the value passes unchanged. The empty branch."""
    return Layer(out=x)


@join(
    "conv(8) cat(conv(8, 1) | conv(8, 3) | id)",
    paper="Szegedy et al. 2014, Going deeper with convolutions",
    traits="mixes",
)
def cat(xs: tuple[Shape, ...]) -> Layer:
    """Branches side by side along channels; of tokens, one after the other."""
    first = xs[0]
    if any(len(x) != len(first) for x in xs):
        raise Misfit("`cat` joins " + " and ".join(words(x) for x in xs), "A304", "bring all branches to one kind")
    if len(first) == 2:
        if any(x[1] != first[1] for x in xs):
            raise Misfit("`cat` joins tokens of unlike width: " + ", ".join(str(x[1]) for x in xs), "A304")
        return Layer(out=(sum(x[0] for x in xs), first[1]), call=lambda torch, *v: torch.cat(v, 1))
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
    if any(x != xs[0] for x in xs):
        raise Misfit(
            "`add` joins unlike shapes: " + " and ".join("x".join(map(str, x)) for x in xs),
            "A304",
            "write `res(…)` or `add(… | shortcut)` for a projection, or give the branches one shape",
        )
    return Layer(out=xs[0], call=_sum)


def _sum(torch: object, *values: object) -> object:
    total = values[0]
    for value in values[1:]:
        total = total + value  # type: ignore[operator]
    return total


@join("conv(8) mul(id | gap linear(8) sigmoid)", paper="Hu et al. 2017, arXiv:1709.01507", traits="product pointwise")
def mul(xs: tuple[Shape, ...]) -> Layer:
    """The product of branches of equal shape; a vector or a 1x1 image of as many channels is a gate of the whole
    image."""
    out = max(xs, key=lambda x: (len(x), x))
    for x in xs:
        if x != out and not (len(out) == 3 and x[0] == out[0] and (len(x) == 1 or x[1:] == (1, 1))):
            raise Misfit(
                "`mul` joins unlike shapes: " + " and ".join("x".join(map(str, x)) for x in xs),
                "A304",
                "a gate is a vector with one value a channel",
            )
    vectors = [len(x) == 1 and len(out) == 3 for x in xs]

    def product(torch: object, *values: object) -> object:
        total: object = None
        for value, vector in zip(values, vectors, strict=True):
            gate = value[:, :, None, None] if vector else value  # type: ignore[index]
            total = gate if total is None else total * gate  # type: ignore[operator]
        return total

    return Layer(out=out, call=product)
