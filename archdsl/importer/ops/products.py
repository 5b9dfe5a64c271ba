"""Products of values as matrices without a softmax: linear attention, products that are values themselves, sums of branches whose
weights are learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from archdsl.importer.modules import Param
from archdsl.importer.ops.headed import headed, result, turned
from archdsl.importer.ops.scores import Scores, untouched
from archdsl.importer.places import laid_out
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.views import View

FRACTION = 1e-5  # what `attend(by=fraction)` adds to the sum of a query's products


@dataclass(frozen=True, eq=False)
class Ones:
    """Values (…, S, D) with a one behind the numbers of each token, so that sums of them have the sum of their weights."""

    view: View


@dataclass(frozen=True, eq=False)
class Keyed:
    """The products of keys (…, S, D) and of values with ones, over the tokens."""

    k: View
    v: View


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums of values for queries, weighted by their products with keys, and the sums of these weights behind them; ``part``:
    ``both``, the ``values`` or the ``sums`` alone, plus ``eps``."""

    q: View
    k: View
    v: View
    part: str = "both"
    eps: float = 0.0


@dataclass(frozen=True, eq=False)
class Weighted:
    """Branches, each times a number that is computed of weights."""

    parts: tuple[tuple[View, Computed], ...]


def product(steps: Steps, a: Any, b: Any) -> Any:
    """A product of matrices other than one of queries and keys; None if the operation is not such a product."""
    if isinstance(a, View) and isinstance(b, Ones):
        return Keyed(turned(a), b.view)
    if isinstance(a, View) and isinstance(b, Keyed):
        return Summed(a, b.k, b.v)
    if isinstance(a, View) and isinstance(b, Scores) and b.channels and b.fresh:
        return _linear(steps, a, b.q, b.k, {"by": "product"})
    if isinstance(a, View) and isinstance(b, Param | Table) and len(b.shape) == 2:
        from archdsl.importer.ops.layers import linear

        return linear(steps, a, steps.ledger.run(torch.t, (b,), {}))
    return None


def weightless(steps: Steps, scores: Scores, v: View) -> View:
    """Sums of values, weighted by products of queries and keys without a softmax."""
    if scores.channels or not replace(scores, scale=1.0).fresh:
        raise Inexpressible(
            "products of queries, keys and values without a softmax, and more than a factor between them"
        )
    told: dict[str, Any] = {} if scores.scale == 1 else {"scale": scores.scale}
    return _linear(steps, scores.q, scores.k, v, {"by": "product", **told})


def _linear(steps: Steps, q: View, k: View, v: View, told: dict[str, Any]) -> View:
    heads, kv, parts = headed(steps, (q, k, v))
    if kv != heads or any(laid_out(steps, p).windows is not None for p in parts):
        raise Inexpressible("linear attention within windows, or whose heads share keys")
    made = steps.put("attend", *(p.step for p in parts), heads=heads, **told)
    shape = steps.shape(made)
    return View(made, shape, result(parts[0], parts[2], shape))


def _part(steps: Steps, x: Summed, index: Any) -> Summed:
    wanted = (("values", slice(None, -1)), ("sums", slice(-1, None)))
    whole = isinstance(index, tuple) and all(i is Ellipsis or i == slice(None) for i in index[:-1])
    found = next((part for part, cut in wanted if whole and index[-1] == cut), "")
    if x.part != "both" or not found:
        raise Inexpressible("a part of sums of values that is neither these nor the sums of their weights")
    return replace(x, part=found)


def _more(steps: Steps, x: Any, by: Any, *other: object) -> Summed:
    x, by = (x, by) if isinstance(x, Summed) else (by, x)
    if x.part != "sums" or not isinstance(by, int | float):
        raise Inexpressible("arithmetic on sums of values that no word does")
    return replace(x, eps=x.eps + by)


def _divided(steps: Steps, a: Any, b: Any) -> View:
    alike = isinstance(a, Summed) and isinstance(b, Summed) and (a.q, a.k, a.v) == (b.q, b.k, b.v)
    if not alike or (a.part, b.part) != ("values", "sums") or abs(b.eps - FRACTION) > FRACTION / 1000:
        raise Inexpressible("a quotient of sums of values other than a fraction of the products, with 1e-5 below")
    return _linear(steps, a.q, a.k, a.v, {"by": "fraction"})


def forced(steps: Steps, given: Any) -> Any:
    """The arguments of an operation with products as values themselves, where they can be; None where they cannot."""
    found = [v for v in _all(given) if isinstance(v, Scores)]
    if not found or any(not s.fresh or s.pair is None or len(s.pair[0].dims) != 3 for s in found):
        return None
    made = {id(s): steps.view(steps.put("matmul", *map(steps.plain, s.pair or ()))) for s in found}
    return _mapped(given, lambda v: made.get(id(v), v))


def _all(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list) and not isinstance(value, Param):
        return [x for v in value for x in _all(v)]
    return [value]


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {k: _mapped(v, change) for k, v in value.items()}
    if isinstance(value, tuple | list) and not isinstance(value, Param | torch.Size):
        return type(value)(_mapped(v, change) for v in value)
    return change(value)


def weighted(steps: Steps, x: View, by: Computed) -> Weighted:
    """A branch times a number that is computed of weights."""
    return Weighted(((x, by),))


def _stacked(steps: Steps, parts: Any, dim: int = 0) -> Weighted:
    if dim != 0 or not all(isinstance(p, Weighted) for p in parts):
        raise Inexpressible("branches of which some are weighted by what is computed of weights")
    return Weighted(tuple(p for part in parts for p in part.parts))


def _total(steps: Steps, x: Weighted, dim: Any = None, *more: object, **other: object) -> View:
    return _blended(steps, x.parts if dim in (0, [0], (0,)) else ())


def _blended(steps: Steps, parts: tuple[tuple[View, Computed], ...]) -> View:
    """The sum of branches weighted by the softmax of learnt numbers."""
    n = len(parts)
    names = {by.weights() for _, by in parts}
    alike = [
        steps.ledger.equal(by, lambda w, i=i: w.softmax(-1)[i].reshape(by.shape), (n,))  # noqa: B023 - called at once
        for i, (_, by) in enumerate(parts)
    ]
    if n < 2 or len(names) != 1 or not all(alike):
        raise Inexpressible(
            "branches weighted by what is computed of weights, other than the softmax of a number of each"
        )
    views = [x for x, _ in parts]
    if any(v.shape != views[0].shape or v.dims != views[0].dims for v in views):
        raise Inexpressible("weighted branches that are laid out in unlike ways")
    made = steps.put("blend", *(v.step for v in views), sources={"weight": Param(alike[0][0], (n,))})
    return replace(views[0], step=made)


OF_SUMS: dict[str, Callable[..., Any]] = {
    "getitem": _part,
    **dict.fromkeys(("add", "iadd", "radd"), _more),
    **dict.fromkeys(("div", "truediv"), _divided),
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), untouched),
}
OF_KEYED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("matmul", "bmm"), product),
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), untouched),
}
OF_WEIGHTED: dict[str, Callable[..., Any]] = {"stack": _stacked, "sum": _total}
