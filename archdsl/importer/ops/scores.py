"""Products of queries and keys, and what is done to them before they weight values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import torch

from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.reshapes import permute, reshape, transpose
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
    # the angles by which both are turned, whether halves of a head are pairs, how many tokens before the others are not turned
    rotary: tuple[Any, bool, int] | None = None
    # a query, and the vectors of distances with which its products are a bias
    query: tuple[View, Any, Any] | None = None
    # the share of the softmax, and what is added to its share of distances
    local: tuple[Computed, Computed] | None = None
    pair: tuple[View, View] | None = None  # the values of which they are the product as matrices

    @property
    def fresh(self) -> bool:
        """Whether nothing was done to the products yet."""
        done = (self.bias, self.talk, self.factor, self.network, self.rotary, self.query, self.local)
        return self.scale == 1 and not (self.softmax or self.last or self.unit or any(x is not None for x in done))


@dataclass(frozen=True, eq=False)
class Unit:
    """A value divided by its Euclidean norm along a dimension that was ``along``, times ``factor``."""

    view: View
    along: Dim
    factor: Any = None

    def sizes(self) -> tuple[int, ...]:
        return self.view.sizes()


@dataclass(frozen=True, eq=False)
class Dependent:
    """A bias of attention: the products of queries with a learnt vector of the distance in rows and one of that in columns."""

    q: View
    rows: Any
    columns: Any

    def sizes(self) -> tuple[int, ...]:
        return self.q.sizes()


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums of weights that are shares of 1 already."""


def decomposed(
    steps: Steps, q: View, rel_pos_h: Any, rel_pos_w: Any, q_size: tuple[int, int], k_size: tuple[int, int]
) -> Dependent:
    """timm's `get_decomposed_rel_pos_bias` of Segment Anything, as in MViTv2."""
    for table, m, n in zip((rel_pos_h, rel_pos_w), q_size, k_size, strict=True):
        if not isinstance(table, Param) or table.shape[0] != 2 * max(m, n) - 1:
            raise Inexpressible("a bias of distances whose table is made for another size")
    return Dependent(q, rel_pos_h, rel_pos_w)


def spatial(
    steps: Steps,
    attn: Scores,
    q: View,
    has_cls_token: bool,
    q_size: Any,
    k_size: Any,
    rel_pos_h: Any,
    rel_pos_w: Any,
) -> Scores:
    """timm's `cal_rel_pos_type` of MViTv2."""
    if has_cls_token:
        raise Inexpressible("a bias of distances that depends on the queries, beside a class token")
    return _biased(steps, attn, decomposed(steps, q, rel_pos_h, rel_pos_w, q_size, k_size))


def _summed(steps: Steps, scores: Scores, dim: Any = None, *more: object, **other: object) -> Sums:
    if not scores.softmax or dim not in (-1, (-1,), [-1]) or scores.drop:
        raise Inexpressible("sums of products of queries and keys, or of weights behind their dropout")
    return Sums()


def bias_of(steps: Steps, given: Any) -> Table:
    if not isinstance(given, Param | Table):
        raise Inexpressible("a bias of attention that depends on the image")
    return steps.ledger.table(given)


def _scaled(steps: Steps, scores: Any, by: Any) -> Scores:
    if not isinstance(scores, Scores):
        scores, by = by, scores
    if scores.drop:
        raise Inexpressible("products of queries and keys times more behind their dropout; in `attend` it is the last")
    if isinstance(by, Computed) and scores.softmax and scores.local is None:
        return replace(scores, local=(by, by))
    if isinstance(by, Param | Table | Computed) and scores.unit and scores.factor is None and not scores.softmax:
        return replace(scores, factor=by)
    if not isinstance(by, int | float):
        raise Inexpressible("products of queries and keys times other than a number")
    if scores.softmax or any(b is not None for b in (scores.bias, scores.network, scores.query)):
        raise Inexpressible("products of queries and keys times a number behind their bias or their softmax")
    return replace(scores, scale=scores.scale * by)


def _divided(steps: Steps, scores: Any, by: Any) -> Scores:
    if isinstance(by, Sums) and scores.local is not None:
        return scores  # shares of two softmaxes, which sum to 1, over their sum
    if not isinstance(by, int | float):
        raise Inexpressible("products of queries and keys over other than a number")
    return _scaled(steps, scores, 1 / by)


def _softmax(steps: Steps, scores: Scores, dim: int = -1, *more: object, **other: object) -> Scores:
    if dim not in (-1, len(steps.sizes) - 1) or scores.softmax or scores.last:
        raise Inexpressible("a softmax of attention over the queries")
    return replace(scores, softmax=True)


def _dropped(steps: Steps, scores: Scores, p: float = 0.5, training: bool = True, inplace: bool = False) -> Scores:
    if not p or not stays_off(steps, training):
        return scores
    if not scores.softmax or scores.drop:
        raise Inexpressible(
            "dropout of products of queries and keys that is not once behind their softmax, as in `attend`"
        )
    return replace(scores, drop=float(p))


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
    if scores.drop:
        raise Inexpressible("heads that are mixed behind dropout of their weights; in `attend` it is the last")
    name = "talk_after" if scores.softmax else "talk_before"
    return replace(scores, talk={**(scores.talk or {}), f"{name}.weight": weight, f"{name}.bias": bias})


def _mixed_by_convolution(
    steps: Steps, scores: Scores, weight: Param, bias: Param | None = None, groups: int = 1, **more: Any
) -> Scores:
    """Talking heads by a convolution of 1×1, whose channels the heads are."""
    heads = weight.shape[0]
    if scores.last or groups != 1 or bias is None or weight.shape != (heads, heads, 1, 1):
        raise Inexpressible("a convolution of products of queries and keys")
    done = _mixed(steps, replace(scores, last=True), Param(weight.name, (heads, heads)), bias)
    return replace(done, last=False)


def untouched(steps: Steps, value: Any, *more: object, **other: object) -> Any:
    """What an operation gives that changes nothing."""
    return value


def _biased(steps: Steps, scores: Any, given: Any) -> Scores:
    if not isinstance(scores, Scores):
        scores, given = given, scores
    if scores.drop or (scores.softmax and scores.local is None):
        raise Inexpressible("what is added to weights of attention, behind their softmax or their dropout")
    if isinstance(given, Dependent):
        return replace(scores, query=(given.q, given.rows, given.columns))
    if isinstance(given, Computed) and scores.local is not None and scores.local[0] is scores.local[1]:
        return replace(scores, local=(scores.local[0], given))
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


def _of_length(steps: Steps, unit: Any, by: Any) -> Unit:
    if not isinstance(unit, Unit):
        unit, by = by, unit
    if unit.factor is not None or not isinstance(by, Param | Table | Computed):
        raise Inexpressible("unit vectors times other than a learnt number of each head")
    return replace(unit, factor=by)


def shown(function: Callable[..., Any], steps: Steps, unit: Any, *args: Any) -> Any:
    """Another view of a value of attention."""
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
        formula = lambda p: p.clamp(max=limit).exp().reshape(factor.shape)  # noqa: E731
        if not others and steps.ledger.equal(factor, formula, shape) and _cut_at(steps, factor, name, limit):
            return "exp", Param(name, shape)
    raise Inexpressible(
        "cosines of queries and keys without a learnt factor of each head that `attend` has: a number, or `exp` of one that "
        "is cut at log 100"
    )


def _cut_at(steps: Steps, factor: Computed, name: str, limit: float) -> bool:
    """Whether `exp` of a weight is cut at this limit and nowhere else, which numbers as they are drawn do not show."""
    values = steps.ledger.values
    for at in (-6.0, 6.0):
        found = factor.of({**values, name: torch.full_like(values[name], at)})
        if not torch.allclose(found, torch.full_like(found, math.exp(min(at, limit))), rtol=1e-3):
            return False
    return True


ARITHMETIC: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mul", "imul", "rmul"), _scaled),
    **dict.fromkeys(("div", "truediv", "itruediv"), _divided),
    **dict.fromkeys(("add", "iadd", "radd"), _biased),
    **dict.fromkeys(("view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten"), _reshaped),
    "permute": _permuted,
    **dict.fromkeys(("transpose", "swapaxes"), _flipped),
    "linear": _mixed,
    "conv2d": _mixed_by_convolution,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), untouched),
    "softmax": _softmax,
    "sum": _summed,
    "cal_rel_pos_type": spatial,
    "dropout": _dropped,
}


LENGTHS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mul", "imul", "rmul"), _of_length),
    **{f.__name__: partial(shown, f) for f in (permute, transpose, reshape)},
    "swapaxes": partial(shown, transpose),
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), untouched),
}
