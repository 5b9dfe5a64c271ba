"""Attention: products of queries and keys, their softmax, and means of values, as the word `attend`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from archdsl.importer.fuse import arguments
from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.picks import reordered
from archdsl.importer.places import biases, laid_out, shifted_by
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.views import Atom, View, merged


@dataclass(frozen=True, eq=False)
class Scores:
    """Products of queries and keys (…, T, S): times ``scale``, with ``bias`` added; then their softmax, and dropout."""

    q: View
    k: View
    scale: float = 1.0
    bias: Table | None = None
    softmax: bool = False
    drop: float = 0.0
    last: bool = False  # whether heads are the last axis
    talk: dict[str, Any] | None = None  # weights that mix heads


def sdpa(
    steps: Steps,
    query: View,
    key: View,
    value: View,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **more: object,
) -> View:
    if is_causal:
        raise Inexpressible("causal attention of queries that are made elsewhere")
    bias = None if attn_mask is None else bias_of(steps, attn_mask)
    drop = float(dropout_p) if dropout_p and stays_off(steps, steps.training) else 0.0
    width = query.sizes()[-1]
    return _attend(steps, Scores(query, key, width**-0.5 if scale is None else scale, bias, True, drop), value)


def bias_of(steps: Steps, given: Any) -> Table:
    if isinstance(given, Computed):
        raise Inexpressible("a bias of attention that is computed of weights")
    if not isinstance(given, Param | Table):
        raise Inexpressible("a bias of attention that depends on the image")
    return steps.ledger.table(given)


def matmul(steps: Steps, a: Any, b: Any) -> Any:
    """A product over the last axis of one value and the last but one of the other."""
    if isinstance(a, Scores) and isinstance(b, View):
        return _attend(steps, a, b)
    if isinstance(a, View) and isinstance(b, View):
        order = (*range(len(b.dims) - 2), len(b.dims) - 1, len(b.dims) - 2)
        channel = 0 if len(a.shape) == 3 else len(a.shape) - 1
        if a.dims[-1] and all(x.axis == channel for x in a.dims[-1]):
            return Scores(a, b.permuted(order))
        raise Inexpressible("a product of two values over their tokens")
    raise Inexpressible("a product of a value and a weight as matrices")


def _scaled(steps: Steps, scores: Any, by: Any) -> Scores:
    if not isinstance(scores, Scores):
        scores, by = by, scores
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
    table = bias_of(steps, given)
    if scores.bias is not None:
        a, b = scores.bias, table
        shape = torch.broadcast_shapes(a.shape, b.shape)
        if bool(a.ids.any()) and bool(b.ids.any()):
            raise Inexpressible("a bias of attention that is a sum of weights")
        table = Table(a.ids.expand(shape) + b.ids.expand(shape), a.fixed.expand(shape) + b.fixed.expand(shape))
    return replace(scores, bias=table)


def _attend(steps: Steps, scores: Scores, v: View) -> View:
    if not scores.softmax:
        raise Inexpressible("products of queries, keys and values without softmax (linear attention)")
    q, k = _unscaled(steps, scores.q), scores.k
    scale = scores.scale
    if q is not scores.q:
        scale *= float(steps.made[scores.q.step].op.args[0])
    heads, parts = _headed(steps, (_row(steps, q), k, v))
    layouts = [laid_out(steps, p) for p in parts]
    if any(x.windows != layouts[0].windows for x in layouts):
        raise Inexpressible("attention from windows of one kind to those of another")
    width = q.sizes()[-1]
    args: dict[str, Any] = {"heads": heads, "drop": scores.drop}
    if abs(scale - width**-0.5) > 1e-9:
        args["scale"] = scale
    args |= layouts[0].words()
    sources: dict[str, Any] = {}
    shift = None
    if scores.bias is not None:
        shift = shifted_by(scores.bias, layouts[0], steps.batch)
        relpos, table = biases(scores.bias, layouts[0], layouts[1], heads)
        if table is not None:
            args["relpos"] = relpos
            sources["f.relpos" if layouts[0].words() else "relpos"] = table
    if scores.talk is not None:
        if len(scores.talk) != 4:
            raise Inexpressible("heads that are mixed before the softmax alone, or behind it")
        prefix = "f." if layouts[0].words() else ""
        args["talk"], sources = True, sources | {prefix + k: w for k, w in scores.talk.items()}
    step = steps.put("attend", *(p.step for p in parts), sources=sources, **args)
    if shift is not None:
        steps.moved[step] = shift
    shape = steps.shape(step)
    return View(step, shape, _result(parts[0], parts[2], shape))


def _row(steps: Steps, q: View) -> View:
    """A query that is a vector, one token taken from others, as a row of one token."""
    if len(q.shape) != 1:
        return q
    chain, at = [], q.step
    while at >= 0 and len(steps.made[at].inputs) == 1 and len(steps.shape(at)) == 1:
        chain.append(at)
        at = steps.made[at].inputs[0]
    first = steps.made[chain[-1]] if chain else None
    if first is None or first.op.name != "take" or q.dims[-2]:
        raise Inexpressible("attention of a vector that is not one of the tokens")
    i, n = int(first.op.args[0]), steps.shape(at)[0]
    step = steps.put("take", at, i=i % n, end=i % n + 1)
    for old in reversed(chain[:-1]):
        made = steps.made[old]
        step = steps.put(made.op.name, step, sources=dict(made.sources), **arguments(made))
    dims = tuple(tuple(a._replace(axis=1) if a.axis == 0 else a for a in d) for d in q.dims)
    return View(step, steps.shape(step), dims)


def _unscaled(steps: Steps, q: View) -> View:
    made = steps.made[q.step] if q.step >= 0 else None
    if made is not None and made.op.name == "times":
        return View(made.inputs[0], q.shape, q.dims)
    return q


def _headed(steps: Steps, views: tuple[View, View, View]) -> tuple[int, list[View]]:
    """The number of heads, and the values with the channels of a head side by side."""
    found = []
    numbers = set()
    for x in views:
        axis = 0 if len(x.shape) == 3 else len(x.shape) - 1
        if not isinstance(x, View):
            raise Inexpressible("attention to weights")
        lead = [a for d in x.dims[:-2] for a in d if a.axis == axis]
        if any(a.axis != axis for a in x.dims[-1]) or any(a.axis == axis for a in x.dims[-2]):
            raise Inexpressible("attention whose heads are not made of channels")
        order = [0]
        for a in (*lead, *x.dims[-1]):
            order = [o + i * a.stride for o in order for i in range(a.size)]
        if len(order) != x.shape[axis]:
            raise Inexpressible("attention in which heads share keys")
        width = x.sizes()[-1]
        numbers.add(len(order) // width)
        at = reordered(steps, x.step, order)
        found.append(View(at, x.shape, x.dims) if at == x.step else _retold(x, at, axis, width))
    if len(numbers) != 1:
        raise Inexpressible("attention in which heads share keys")
    return numbers.pop(), found


def _retold(x: View, at: int, axis: int, width: int) -> View:
    """A tensor whose channels are in the order of heads now."""
    dims = list(x.dims)
    rest = x.shape[axis] // width
    for i, d in enumerate(dims[:-2]):
        own = [a for a in d if a.axis == axis]
        if own:
            dims[i] = merged([a if a.axis != axis else Atom(axis, width, rest) for a in d])
    dims[-1] = merged([Atom(axis, 1, width)])
    return View(at, x.shape, tuple(dims))


def _result(q: View, v: View, shape: tuple[int, ...]) -> Any:
    """The axes of the result: those of the queries, with channels as in the values."""
    axis = 0 if len(shape) == 3 else 1
    width = v.sizes()[-1]
    own = 0 if len(q.shape) == 3 else 1
    dims = [merged([Atom(axis, width, a.size) if a.axis == own else a for a in d]) for d in q.dims[:-1]]
    return (*dims, merged([Atom(axis, 1, width)]))


def einsum(steps: Steps, equation: str, *operands: Any) -> Any:
    """Products of queries and keys, and means of values, in Einstein's notation."""
    given, _, out = equation.replace(" ", "").partition("->")
    names = given.split(",")
    values = operands[0] if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands
    if len(names) != 2 or not isinstance(values[1], View):
        raise Inexpressible(f"`einsum` {equation}; it is read where it is attention")
    (first, second), lead = names, out[:-2]
    alike = first[:-2] == second[:-2] == lead
    if isinstance(values[0], View) and alike and first[-1] == second[-1] and out[-2:] == first[-2] + second[-2]:
        return Scores(values[0], values[1])
    if isinstance(values[0], Scores) and alike and first[-1] == second[-2] and out[-2:] == first[-2] + second[-1]:
        return _attend(steps, values[0], values[1])
    raise Inexpressible(f"`einsum` {equation}; it is read where it is attention")


HEADS: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": sdpa,
    "matmul": matmul,
    "bmm": matmul,
    "einsum": einsum,
}

# What may be done to products of queries and keys.
OF_SCORES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mul", "imul", "rmul"), _scaled),
    **dict.fromkeys(("div", "truediv", "itruediv"), _divided),
    **dict.fromkeys(("add", "iadd", "radd"), _biased),
    **dict.fromkeys(("view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten"), _reshaped),
    "permute": _permuted,
    "linear": _mixed,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), _same),
    "softmax": _softmax,
    "dropout": _dropped,
    "einsum": einsum,
    "matmul": matmul,
    "bmm": matmul,
}
