"""Products of queries and keys, and what is done to them before they weight values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from archdsl.emit.layers import Attend, WeightedMean
from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.reshapes import NOTHING, permute, reshape, transpose
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.views import Dim, View


@dataclass(frozen=True, eq=False)
class Scores:
    """Products of queries and keys (…, T, S): times ``scale``, with ``bias`` added; then their softmax, and dropout.
    ``channels``: they are sums over the tokens, q and k being (…, T, channels) all the same."""

    q: View
    k: View
    scale: float = 1.0
    bias: Table | None = None
    softmax: bool = False
    drop: float = 0.0
    last: bool = False  # whether heads are the last axis
    talk: dict[str, Any] | None = None  # weights that mix heads
    channels: bool = False
    flipped: bool = False  # whether keys come before queries
    unit: bool = False  # whether queries and keys are unit vectors
    factor: Any = None  # the learnt number of each head by which they are multiplied
    network: Computed | None = None  # a bias that is computed of weights
    rotary: tuple[Any, bool] | None = None  # the angles by which both are turned; whether halves of a head are pairs


@dataclass(frozen=True, eq=False)
class Unit:
    """A value divided by its Euclidean norm along a dimension that was ``along``, times ``factor``."""

    view: View
    along: Dim
    factor: Any = None

    def sizes(self) -> tuple[int, ...]:
        return self.view.sizes()


def bias_of(steps: Steps, given: Any) -> Table:
    if not isinstance(given, Param | Table):
        raise Inexpressible("a bias of attention that depends on the image")
    return steps.ledger.table(given)


def _scaled(steps: Steps, scores: Any, by: Any) -> Scores:
    if not isinstance(scores, Scores):
        scores, by = by, scores
    if isinstance(by, Param | Table | Computed) and scores.unit and scores.factor is None and not scores.softmax:
        return replace(scores, factor=by)
    if not isinstance(by, int | float) or scores.softmax or scores.bias is not None:
        raise Inexpressible("products of queries and keys times other than a number")
    return replace(scores, scale=scores.scale * by)


def _divided(steps: Steps, scores: Any, by: Any) -> Scores:
    if not isinstance(by, int | float):
        raise Inexpressible("products of queries and keys over other than a number")
    return _scaled(steps, scores, 1 / by)


def _softmax(steps: Steps, scores: Scores, dim: int = -1, *more: object, **other: object) -> Scores:
    if dim not in (-1, len(steps.sizes) - 1) or scores.softmax or scores.last:
        raise Inexpressible("a softmax of attention over the queries")
    return replace(scores, softmax=True)


def _dropped(steps: Steps, scores: Scores, p: float = 0.5, training: bool = True, inplace: bool = False) -> Scores:
    return replace(scores, drop=float(p)) if p and stays_off(steps, training) else scores


def _reshaped(steps: Steps, scores: Scores, *more: object, **other: object) -> Scores:
    """Axes of windows put in or taken away before those of queries and keys."""
    if steps.sizes[-2:] != (scores.q.sizes()[-2], scores.k.sizes()[-2]):
        raise Inexpressible("a reshape of products of queries and keys")
    return scores


def _permuted(steps: Steps, scores: Scores, *dims: Any) -> Scores:
    """Heads as the last axis, where a linear layer mixes them, and back."""
    order = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
    if order != ((0, 3, 1, 2) if scores.last else (0, 2, 3, 1)):
        raise Inexpressible("axes of products of queries and keys in another order")
    return replace(scores, last=not scores.last)


def _flipped(steps: Steps, scores: Scores, dim0: int, dim1: int) -> Scores:
    """Queries and keys exchanged, as values before them want it."""
    n = len(steps.sizes)
    if {dim0 % n, dim1 % n} != {n - 1, n - 2} or not scores.softmax:
        raise Inexpressible("axes of products of queries and keys in another order")
    return replace(scores, flipped=not scores.flipped)


def _mixed(steps: Steps, scores: Scores, weight: Any, bias: Any = None) -> Scores:
    """Talking heads."""
    if not scores.last or bias is None:
        raise Inexpressible("a linear layer of products of queries and keys")
    name = "talk_after" if scores.softmax else "talk_before"
    return replace(scores, talk={**(scores.talk or {}), f"{name}.weight": weight, f"{name}.bias": bias})


def _same(steps: Steps, scores: Scores, *more: object, **other: object) -> Scores:
    return scores


def _biased(steps: Steps, scores: Any, given: Any) -> Scores:
    if not isinstance(scores, Scores):
        scores, given = given, scores
    if isinstance(given, Computed) and scores.network is None and not scores.softmax:
        return replace(scores, network=given)
    table = bias_of(steps, given)
    if scores.bias is not None:
        a, b = scores.bias, table
        shape = torch.broadcast_shapes(a.shape, b.shape)
        if bool(a.ids.any()) and bool(b.ids.any()):
            raise Inexpressible("a bias of attention that is a sum of weights")
        table = Table(a.ids.expand(shape) + b.ids.expand(shape), a.fixed.expand(shape) + b.fixed.expand(shape))
    return replace(scores, bias=table)


@dataclass(frozen=True, eq=False)
class Turned:
    """Queries or keys (…, T, D) turned by the places of their tokens: ``angles`` has their sines, then their cosines (T, 2·D);
    ``halves``: pairs are a number of the first half and one of the second, not neighbours."""

    view: View
    angles: Tensor
    halves: bool

    def sizes(self) -> tuple[int, ...]:
        return self.view.sizes()


def turned_by(steps: Steps, x: View, angles: Any, half: bool = False) -> Turned:
    """timm's `apply_rot_embed_cat`."""
    table = steps.ledger.table(angles) if isinstance(angles, Param | Table) else None
    if table is None or not table.constant:
        raise Inexpressible("queries and keys turned by angles that are computed of values")
    return Turned(x, table.fixed.reshape(-1, table.shape[-1]), half)


def base_of(angles: Tensor, size: tuple[int, ...], halves: bool) -> float:
    """The base of the angles of places laid out in ``size``.

    Raises:
        Inexpressible: they are other angles than those of `rotary`.
    """
    sin, cos = (t.double() for t in angles.chunk(2, -1))
    half, axes = sin.shape[-1] // 2, len(size)
    sin, cos = (t[:, :half] if halves else t[:, ::2] for t in (sin, cos))
    per = half // axes
    one = prod(size[1:])  # the token one row below the first
    rate = float(torch.atan2(sin[one, 1], cos[one, 1])) if per > 1 and len(sin) == prod(size) > one else 0.0
    if rate > 0:
        base = float(f"{rate**-per:.4g}")
        ours = WeightedMean(1)
        zero, unit = torch.zeros(len(sin), 2 * half, dtype=torch.float64), torch.ones(len(sin), half)
        zero[:, ::2] = unit
        found = ours.turned(zero, size, base)  # (cos, sin, cos, sin, …)
        if torch.allclose(found[:, ::2], cos, atol=1e-4) and torch.allclose(found[:, 1::2], sin, atol=1e-4):
            return base
    raise Inexpressible("queries and keys turned by other angles than those of `rotary`")


def _of_length(steps: Steps, unit: Any, by: Any) -> Unit:
    if not isinstance(unit, Unit):
        unit, by = by, unit
    if unit.factor is not None or not isinstance(by, Param | Table | Computed):
        raise Inexpressible("unit vectors times other than a learnt number of each head")
    return replace(unit, factor=by)


def _shown(function: Callable[..., Any], steps: Steps, unit: Any, *args: Any) -> Any:
    return replace(unit, view=function(steps, unit.view, *args))


def cosine(steps: Steps, factor: Any, heads: int) -> tuple[str, Any]:
    """How a learnt factor of cosines is given, and its weight.

    Raises:
        Inexpressible: it is not one number for each head, as `attend` has it.
    """
    if isinstance(factor, Param | Table) and prod(factor.shape) == heads:
        return "factor", factor
    if isinstance(factor, Computed) and prod(factor.shape) == heads:
        (name, *others) = factor.weights() or ("", "")
        held = steps.ledger.values.get(name)
        shape = () if held is None else tuple(held.shape)
        limit = math.log(100)
        if not others and steps.ledger.equal(factor, lambda p: p.clamp(max=limit).exp().reshape(factor.shape), shape):
            return "exp", Param(name, shape)
    raise Inexpressible("cosines of queries and keys without a learnt factor of each head that `attend` has")


def network_of(steps: Steps, bias: Computed, size: tuple[int, ...], heads: int) -> dict[str, str]:
    """The weights of a small network that computes the bias of each distance (Swin V2).

    Raises:
        Inexpressible: it is another one than that of `relpos=cpb`.
    """
    shapes = ((512, 2), (512,), (heads, 512))

    def formula(*weights: Tensor) -> Tensor:
        ours = Attend(heads, relpos="cpb", sizes=(size, size))
        ours.load_state_dict(dict(zip(NETWORK, weights, strict=True)))
        assert ours.cpb is not None
        return (16 * ours.cpb(ours.coordinates()).sigmoid())[ours.distances(weights[0].device)].permute(2, 0, 1)

    with torch.no_grad():
        found = steps.ledger.equal(bias, lambda *w: formula(*w).reshape(bias.shape), *shapes) if len(size) == 2 else ()
    if not found:
        raise Inexpressible("a bias of attention that is computed of weights in another way than by `relpos=cpb`")
    return dict(zip(NETWORK, found, strict=True))


NETWORK = ("cpb.0.weight", "cpb.0.bias", "cpb.2.weight")

ARITHMETIC: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mul", "imul", "rmul"), _scaled),
    **dict.fromkeys(("div", "truediv", "itruediv"), _divided),
    **dict.fromkeys(("add", "iadd", "radd"), _biased),
    **dict.fromkeys(("view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten"), _reshaped),
    "permute": _permuted,
    **dict.fromkeys(("transpose", "swapaxes"), _flipped),
    "linear": _mixed,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), _same),
    "softmax": _softmax,
    "dropout": _dropped,
}


def _beside(steps: Steps, parts: Any, *more: object, **other: object) -> Turned:
    parts = [p for p in parts if p is not NOTHING]
    if len(parts) != 1:
        raise Inexpressible("rotary positions of a part of the tokens alone (class tokens have none)")
    return parts[0]  # type: ignore[no-any-return]


TURNED: dict[str, Callable[..., Any]] = {
    **{f.__name__: partial(_shown, f) for f in (permute, transpose, reshape)},
    "swapaxes": partial(_shown, transpose),
    "cat": _beside,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), _same),
}

LENGTHS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mul", "imul", "rmul"), _of_length),
    **{f.__name__: partial(_shown, f) for f in (permute, transpose, reshape)},
    "swapaxes": partial(_shown, transpose),
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), _same),
}
