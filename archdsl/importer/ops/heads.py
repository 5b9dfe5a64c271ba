"""Attention: products of queries and keys, their softmax, and means of values, as the word `attend`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from archdsl.importer.fuse import arguments
from archdsl.importer.ops.chance import ALWAYS, PASS
from archdsl.importer.ops.headed import headed, result, row, turned, unscaled
from archdsl.importer.ops.local import network_of, of_places
from archdsl.importer.ops.products import product, weightless
from archdsl.importer.ops.scores import (
    ARITHMETIC,
    LENGTHS,
    Dependent,
    Scores,
    Unit,
    bias_of,
    cosine,
    decomposed,
    spatial,
)
from archdsl.importer.ops.turning import TURNED, Turned, rotary, turned_by
from archdsl.importer.picks import reordered
from archdsl.importer.places import Layout, biases, laid_out, shifted_by
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed
from archdsl.importer.views import View


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
        raise Inexpressible("causal attention, which is not read; write `attention(…, causal)` into the spec by hand")
    if dropout_p and not steps.training:
        raise Inexpressible(ALWAYS.replace(PASS, "`dropout_p=p if self.training else 0.0`"))
    turn = None
    if isinstance(query, Turned) and isinstance(key, Turned):
        turn, query, key = _angles(query, key), query.view, key.view
    if isinstance(query, Unit) and isinstance(key, Unit) and attn_mask is None and scale == 1:
        return _attend(steps, replace(_products(steps, query, key), softmax=True, drop=float(dropout_p)), value)
    dependent = isinstance(attn_mask, Dependent)
    network = attn_mask if isinstance(attn_mask, Computed) else None
    bias = None if attn_mask is None or dependent or network is not None else bias_of(steps, attn_mask)
    width = query.sizes()[-1]
    scores = Scores(
        query, key, width**-0.5 if scale is None else scale, bias, True, float(dropout_p), rotary=turn, network=network
    )
    if dependent:
        scores = replace(scores, query=(attn_mask.q, attn_mask.rows, attn_mask.columns))
    return _attend(steps, scores, value)


def _angles(q: Turned, k: Turned) -> tuple[Any, bool, int]:
    if (q.halves, q.prefix) != (k.halves, k.prefix) or not torch.equal(q.angles, k.angles):
        raise Inexpressible("queries and keys turned by unlike angles")
    return q.angles, q.halves, q.prefix


def matmul(steps: Steps, a: Any, b: Any) -> Any:
    """A product over the last axis of one value and the last but one of the other."""
    if isinstance(a, Scores) and isinstance(b, View) and not a.flipped:
        return _attend(steps, a, b)
    if isinstance(a, View) and isinstance(b, Scores) and b.flipped:
        return turned(_attend(steps, b, turned(a)))
    if (made := product(steps, a, b)) is not None:
        return made
    if isinstance(a, View) and isinstance(b, View):
        return replace(_scores(a, turned(b)), pair=(a, b))
    if isinstance(a, Turned) and isinstance(b, Turned):
        return replace(_scores(a.view, turned(b.view)), rotary=_angles(a, b))
    if isinstance(a, Unit) and isinstance(b, Unit):
        return _products(steps, a, replace(b, view=turned(b.view)))
    raise Inexpressible("a product of a value and a weight as matrices")


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
    if scores.last:
        raise Inexpressible("products of queries and keys with heads as their last axis, times values")
    if not scores.softmax:
        return weightless(steps, scores, v)
    q, k = unscaled(steps, scores.q), scores.k
    scale = scores.scale if q is scores.q else scores.scale * float(steps.made[scores.q.step].op.args[0])
    if scores.rotary is not None and scores.rotary[1]:
        q, k, v = _paired(steps, q, k, v)
    heads, kv, parts = headed(steps, (row(steps, q), k, turned(v) if scores.channels else v))
    layouts = [laid_out(steps, p) for p in parts]
    sources: dict[str, Any] = {}
    args: dict[str, Any] = {"heads": heads, "drop": scores.drop} | ({"kv": kv} if kv != heads else {})
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
    pooled = layouts[0].smaller(layouts[1])
    if layouts[1].windows != layouts[2].windows or (layouts[0].windows != layouts[1].windows and not pooled):
        raise Inexpressible("attention from windows of one kind to those of another")
    args |= layouts[1].words()
    prefix, shift = "f." if layouts[1].words() and not pooled else "", None
    if scores.network is not None:
        network, args["relpos"] = network_of(steps, scores.network, layouts[0].size, heads)
        sources |= network
    if scores.bias is not None:
        shift = shifted_by(scores.bias, layouts[0], steps.batch)
        relpos, table = biases(scores.bias, layouts[0], layouts[1], heads)
        if table is not None and scores.network is not None:
            raise Inexpressible("a bias of attention that is a sum of weights")
        if table is not None:
            args["relpos"], sources["relpos"] = relpos, table
    if scores.rotary is not None:
        args |= rotary(scores.rotary, layouts[0].size)
    sources |= of_places(steps, scores, layouts, args)
    if scores.talk is not None:
        if len(scores.talk) != 4:
            raise Inexpressible("heads that are mixed before the softmax alone, or behind it")
        args["talk"], sources = True, sources | scores.talk
    step = steps.put("attend", *(p.step for p in parts), sources={prefix + k: w for k, w in sources.items()}, **args)
    if shift is not None:
        steps.moved[step] = shift
    shape = steps.shape(step)
    return View(step, shape, result(parts[0], parts[2], shape))


def _paired(steps: Steps, q: View, k: View, v: View) -> tuple[View, View, View]:
    """Queries and keys whose pairs are halves of a head, with the pairs side by side: other rows of the layers before them.

    Raises:
        Inexpressible: no layer before them has rows in another order.
    """
    owner = steps.made[q.step].inputs[0] if q.step >= 0 and steps.made[q.step].inputs else -1
    thirds = [arguments(steps.made[x.step]) if x.step >= 0 else {} for x in (q, k, v)]
    axis = 0 if len(q.shape) == 3 else len(q.shape) - 1
    width, head = q.shape[axis], q.sizes()[-1]
    order = torch.arange(2 * width).reshape(-1, 2, head // 2).transpose(1, 2).flatten().tolist()
    if [(t.get("i"), t.get("n")) for t in thirds] != [(1, 3), (2, 3), (3, 3)]:
        q, k = (replace(x, step=reordered(steps, x.step, order[:width])) for x in (q, k))
        return q, k, v
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
    if (
        isinstance(values[0], Scores)
        and not values[0].flipped
        and alike
        and first[-1] == second[-2]
        and out[-2:] == first[-2] + second[-1]
    ):
        return _attend(steps, values[0], values[1])
    raise Inexpressible(f"`einsum` {equation}; it is read where it is attention")


HEADS: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": sdpa,
    "matmul": matmul,
    "bmm": matmul,
    "einsum": einsum,
    "apply_rot_embed_cat": turned_by,
    "get_decomposed_rel_pos_bias": decomposed,
    "cal_rel_pos_type": spatial,
}

OF_SCORES: dict[str, Callable[..., Any]] = {**ARITHMETIC, "einsum": einsum, "matmul": matmul, "bmm": matmul}
OF_TURNED: dict[str, Callable[..., Any]] = {**TURNED, "matmul": matmul, "scaled_dot_product_attention": sdpa}
OF_UNIT: dict[str, Callable[..., Any]] = {
    **LENGTHS,
    "matmul": matmul,
    "bmm": matmul,
    "scaled_dot_product_attention": sdpa,
}
OF_WEIGHT_SUMS: dict[str, Callable[..., Any]] = {"unsqueeze": lambda steps, sums, dim: sums}
