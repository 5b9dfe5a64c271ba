"""Attention: products of queries and keys, their softmax, and means of values, as the word `attend`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from archdsl.importer.fuse import arguments
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.scores import (
    ARITHMETIC,
    LENGTHS,
    TURNED,
    Scores,
    Turned,
    Unit,
    base_of,
    bias_of,
    cosine,
    network_of,
    turned_by,
)
from archdsl.importer.picks import reordered
from archdsl.importer.places import Layout, biases, laid_out, shifted_by
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, merged


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
    rotary = None
    if isinstance(query, Turned) and isinstance(key, Turned):
        rotary, query, key = _angles(query, key), query.view, key.view
    if isinstance(query, Unit) and isinstance(key, Unit) and attn_mask is None and scale == 1:
        return _attend(steps, replace(_products(steps, query, key), softmax=True, drop=float(dropout_p)), value)
    if is_causal:
        raise Inexpressible("causal attention of queries that are made elsewhere")
    bias = None if attn_mask is None else bias_of(steps, attn_mask)
    drop = float(dropout_p) if dropout_p and stays_off(steps, steps.training) else 0.0
    width = query.sizes()[-1]
    scores = Scores(query, key, width**-0.5 if scale is None else scale, bias, True, drop, rotary=rotary)
    return _attend(steps, scores, value)


def _angles(q: Turned, k: Turned) -> tuple[Any, bool]:
    if q.halves != k.halves or not torch.equal(q.angles, k.angles):
        raise Inexpressible("queries and keys turned by unlike angles")
    return q.angles, q.halves


def matmul(steps: Steps, a: Any, b: Any) -> Any:
    """A product over the last axis of one value and the last but one of the other."""
    if isinstance(a, Scores) and isinstance(b, View) and not a.flipped:
        return _attend(steps, a, b)
    if isinstance(a, View) and isinstance(b, Scores) and b.flipped:
        return turned(_attend(steps, b, turned(a)))
    if isinstance(a, View) and isinstance(b, View):
        return _scores(a, turned(b))
    if isinstance(a, Turned) and isinstance(b, Turned):
        return replace(_scores(a.view, turned(b.view)), rotary=_angles(a, b))
    if isinstance(a, Unit) and isinstance(b, Unit):
        return _products(steps, a, replace(b, view=turned(b.view)))
    raise Inexpressible("a product of a value and a weight as matrices")


def turned(x: View) -> View:
    """The last two axes exchanged."""
    n = len(x.dims)
    return x.permuted((*range(n - 2), n - 1, n - 2))


def _scores(q: View, k: View) -> Scores:
    """The products of q (…, T, D) and k (…, S, D), over the channels of a head, or over the tokens."""
    channel = 0 if len(q.shape) == 3 else len(q.shape) - 1
    if q.dims[-1] and all(x.axis == channel for x in q.dims[-1]):
        return Scores(q, k)
    if q.dims[-1] and all(x.axis not in (channel, -1) for x in q.dims[-1]):
        return Scores(turned(q), turned(k), channels=True)
    raise Inexpressible("a product of two values over their tokens")


def _products(steps: Steps, q: Unit, k: Unit) -> Scores:
    """The cosines of queries and keys."""
    if q.along != q.view.dims[-1] or k.along != k.view.dims[-1] or k.factor is not None:
        raise Inexpressible("products of vectors that are not unit vectors along what they have in common")
    return replace(_scores(q.view, k.view), unit=True, factor=q.factor)


def _attend(steps: Steps, scores: Scores, v: View) -> View:
    if not scores.softmax:
        raise Inexpressible("products of queries, keys and values without softmax (linear attention)")
    q, k = _unscaled(steps, scores.q), scores.k
    scale = scores.scale if q is scores.q else scores.scale * float(steps.made[scores.q.step].op.args[0])
    if scores.rotary is not None and scores.rotary[1]:
        q, k, v = _paired(steps, q, k, v)
    heads, parts = _headed(steps, (_row(steps, q), k, turned(v) if scores.channels else v))
    layouts = [laid_out(steps, p) for p in parts]
    sources: dict[str, Any] = {}
    args: dict[str, Any] = {"heads": heads, "drop": scores.drop}
    if scores.unit:
        if scale != 1:
            raise Inexpressible("cosines of queries and keys times a number beside the learnt one")
        args["cosine"], sources["factor"] = cosine(steps, scores.factor, heads)
    elif abs(scale - q.sizes()[-1] ** -0.5) > 1e-9:
        args["scale"] = scale
    if scores.channels:
        return _of_channels(steps, scores, layouts, parts, sources, args)
    return _of_tokens(steps, scores, layouts, parts, sources, args)


def _of_tokens(
    steps: Steps,
    scores: Scores,
    layouts: list[Layout],
    parts: list[View],
    sources: dict[str, Any],
    args: dict[str, Any],
) -> View:
    """Tokens that attend to each other, within windows or not."""
    heads = args["heads"]
    if any(x.windows != layouts[0].windows for x in layouts):
        raise Inexpressible("attention from windows of one kind to those of another")
    args |= layouts[0].words()
    prefix, shift = "f." if layouts[0].words() else "", None
    if scores.network is not None:
        sources |= network_of(steps, scores.network, layouts[0].size, heads)
        args["relpos"] = "cpb"
    if scores.bias is not None:
        shift = shifted_by(scores.bias, layouts[0], steps.batch)
        relpos, table = biases(scores.bias, layouts[0], layouts[1], heads)
        if table is not None and scores.network is not None:
            raise Inexpressible("a bias of attention that is a sum of weights")
        if table is not None:
            args["relpos"], sources["relpos"] = relpos, table
    if scores.rotary is not None:
        args["rotary"] = base_of(scores.rotary[0], layouts[0].size, scores.rotary[1])
    if scores.talk is not None:
        if len(scores.talk) != 4:
            raise Inexpressible("heads that are mixed before the softmax alone, or behind it")
        args["talk"], sources = True, sources | scores.talk
    step = steps.put("attend", *(p.step for p in parts), sources={prefix + k: w for k, w in sources.items()}, **args)
    if shift is not None:
        steps.moved[step] = shift
    shape = steps.shape(step)
    return View(step, shape, _result(parts[0], parts[2], shape))


def _paired(steps: Steps, q: View, k: View, v: View) -> tuple[View, View, View]:
    """Queries and keys whose pairs are halves of a head, with the pairs side by side: other rows of the layer before them.

    Raises:
        Inexpressible: they are not parts of one layer.
    """
    owner = steps.made[q.step].inputs[0] if q.step >= 0 and steps.made[q.step].inputs else -1
    thirds = [arguments(steps.made[x.step]) if x.step >= 0 else {} for x in (q, k, v)]
    if [(t.get("i"), t.get("n")) for t in thirds] != [(1, 3), (2, 3), (3, 3)]:
        raise Inexpressible("pairs of halves of a head, of queries and keys that are not thirds of one layer")
    axis = 0 if len(q.shape) == 3 else len(q.shape) - 1
    width, head = q.shape[axis], q.sizes()[-1]
    order = torch.arange(2 * width).reshape(-1, 2, head // 2).transpose(1, 2).flatten().tolist()
    made = reordered(steps, owner, [*order, *range(2 * width, 3 * width)])
    return tuple(replace(x, step=steps.put("part", made, i=i + 1, n=3)) for i, x in enumerate((q, k, v)))  # type: ignore[return-value]


def _of_channels(
    steps: Steps,
    scores: Scores,
    layouts: list[Layout],
    parts: list[View],
    sources: dict[str, Any],
    args: dict[str, Any],
) -> View:
    """Channels that attend to each other, over all tokens."""
    if any(x.windows is not None for x in layouts) or scores.bias or scores.talk or scores.network:
        raise Inexpressible("attention of channels within windows, or with a bias")
    step = steps.put("attend", *(p.step for p in parts), sources=sources, channels=True, **args)
    return turned(View(step, steps.shape(step), parts[0].dims))


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
    "apply_rot_embed_cat": turned_by,
}

OF_SCORES: dict[str, Callable[..., Any]] = {**ARITHMETIC, "einsum": einsum, "matmul": matmul, "bmm": matmul}
OF_TURNED: dict[str, Callable[..., Any]] = {**TURNED, "matmul": matmul, "scaled_dot_product_attention": sdpa}
OF_UNIT: dict[str, Callable[..., Any]] = {
    **LENGTHS,
    "matmul": matmul,
    "bmm": matmul,
    "scaled_dot_product_attention": sdpa,
}
