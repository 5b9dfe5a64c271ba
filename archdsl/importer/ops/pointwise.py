"""What treats every number, or every channel, by itself: activations, dropout, factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.ops.outlooks import softmax_of_parts
from archdsl.importer.ops.paths import softmax_of_paths
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import BATCH, View, whole


def _act(word: str) -> Callable[..., View]:
    return lambda steps, x, inplace=False: steps.changed(x, word)


def hardtanh(steps: Steps, x: View, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> View:
    if (min_val, max_val) != (0, 6):
        raise Inexpressible(f"values cut to {min_val} … {max_val}; `relu6` cuts to 0 … 6")
    return steps.changed(x, "relu6")


def clamp(steps: Steps, x: View, min: float | None = None, max: float | None = None) -> View:
    if min == 0 and max in (None, float("inf")):
        return steps.changed(x, "relu")
    if min is None or max is None:
        raise Inexpressible("values cut on one side, other than at 0 from below; `relu` does that")
    return hardtanh(steps, x, min, max)


def leaky_relu(steps: Steps, x: View, negative_slope: float = 0.01, inplace: bool = False) -> View:
    return steps.changed(x, "leaky", slope=float(negative_slope))


def elu(steps: Steps, x: View, alpha: float = 1.0, *more: object, **other: object) -> View:
    return steps.changed(x, "elu", alpha=float(alpha))


def gelu(steps: Steps, x: View, approximate: str = "none") -> View:
    args: dict[str, Any] = {} if approximate == "none" else {"tanh": True}
    return steps.changed(x, "gelu", **args)


def prelu(steps: Steps, x: View, weight: Param) -> View:
    at = steps.plain(x)
    shape = steps.shape(at)
    if prod(weight.shape) != (1 if len(shape) == 2 else shape[0]):
        each = "one for all tokens and channels" if len(shape) == 2 else "one for each channel"
        raise Inexpressible(f"a number of slopes ({prod(weight.shape)}); `prelu` has {each} here")
    return steps.view(steps.put("prelu", at, sources={"weight": weight}))


def softmax(steps: Steps, x: View, dim: int | None = -1, *more: object, **other: object) -> Any:
    if dim is None:  # torch's old rule
        dim = 0 if len(x.dims) == 3 else 1
    dim %= len(x.dims)
    if any(a.axis == BATCH for a in x.dims[dim]):
        raise Inexpressible("a softmax over the examples of a batch")
    channel = 0 if len(x.shape) == 3 else len(x.shape) - 1
    if x.dims[dim] == whole(channel, x.shape[channel]):
        return replace(x, step=steps.put("softmax", x.step))
    if len(x.shape) == 2 and x.dims[dim] == whole(0, x.shape[0]):
        step = steps.put("transpose", steps.put("softmax", steps.put("transpose", x.step)))
        return replace(x, step=step)
    if len(x.dims) == 3 and x.dims[0] == whole(BATCH, steps.batch) and sorted(map(len, x.dims)) != [1, 1, 1]:
        order = (0, 1, 2) if dim == 2 else (0, 2, 1)  # over the pixels of an image
        return steps.view(steps.put("softmax", steps.plain(x.permuted(order)))).permuted(order)
    if (parts := softmax_of_parts(x, dim)) is not None:
        return parts
    return softmax_of_paths(steps, x, dim)


def log_softmax(steps: Steps, x: Any, *more: object, **other: object) -> View:
    raise Inexpressible(
        "a logarithm of shares; the loss of a classification takes logits: leave `log_softmax` out of the source"
    )


def same(steps: Steps, x: Any, *more: object, **other: object) -> Any:
    return x


def scaled(steps: Steps, x: View, factor: Any, sigmoid: bool = False) -> View:
    """A tensor times a number, or times a learnt factor for each channel, or for all; ``sigmoid``: its sigmoid is the factor."""
    if isinstance(factor, int | float):
        return steps.changed(x, "times", factor=float(factor)) if factor != 1 else x
    if isinstance(factor, Table) and factor.constant:
        if factor.fixed.numel() != 1:
            raise Inexpressible("fixed factors that differ from place to place")
        return scaled(steps, x, float(factor.fixed))
    if prod(factor.shape) == 1:
        return replace(x, step=steps.put("scale", x.step, sources={"weight": factor}, one=True, sigmoid=sigmoid))
    sizes = (1,) * (len(x.dims) - len(factor.shape)) + tuple(factor.shape)
    at = steps.channels(x)
    if len(x.dims) == 3 and [i for i, n in enumerate(sizes) if n != 1] == [1] != [at]:
        x, at = steps.view(steps.plain(x.permuted((0, 2, 1)))).permuted((0, 2, 1)), 1
    if [i for i, n in enumerate(sizes) if n != 1] != [at]:
        raise Inexpressible("a learnt factor that is not one for each channel")
    return replace(x, step=steps.put("scale", x.step, sources={"weight": factor}, sigmoid=sigmoid))


def softplus(steps: Steps, x: View, beta: float = 1.0, threshold: float = 20.0) -> View:
    if (beta, threshold) != (1, 20):
        raise Inexpressible("beta or threshold of softplus set")
    return steps.changed(x, "softplus")


def neg(steps: Steps, x: View) -> View:
    return scaled(steps, x, -1.0)


def square(steps: Steps, x: Any, exponent: Any = 2) -> View:
    if not isinstance(x, View) or not isinstance(exponent, int | float):
        raise Inexpressible("a power whose exponent is not a number, or whose base is not a value")
    if exponent != 2:
        raise Inexpressible(f"a power of {exponent}; the language has squares alone")
    return replace(x, step=steps.put("mul", x.step, x.step))


SAME = ("contiguous", "clone", "type", "detach", "alias", "lift_fresh_copy", "to", "float", "type_as", "_to_copy")

POINTWISE: dict[str, Callable[..., Any]] = {
    **{w: _act(w) for w in ("relu", "relu6", "selu", "silu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh")},
    **{f.__name__: f for f in (hardtanh, clamp, leaky_relu, elu, gelu, prelu, softmax, log_softmax, same, neg, square)},
    "pow": square,
    **dict.fromkeys(SAME, same),
    "softplus": softplus,
    **dict.fromkeys(("clip", "clamp_min"), clamp),
    **dict.fromkeys(("abs", "absolute"), _act("abs")),
}
