"""Where values meet: sums, products, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch

from archdsl.importer.fuse import arguments
from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import Drawn, Masked, shifted, times
from archdsl.importer.ops.paths import each_path, paths
from archdsl.importer.ops.pointwise import scaled
from archdsl.importer.ops.positions import computed, position
from archdsl.importer.ops.products import Weighted, weighted
from archdsl.importer.ops.reshapes import NOTHING
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.views import BATCH, View, standing, whole


def add(steps: Steps, a: Any, b: Any, alpha: float = 1) -> Any:
    if alpha != 1:
        raise Inexpressible("a sum of which one part has a factor")
    if isinstance(a, Param) or not isinstance(a, View):
        a, b = b, a
    if isinstance(a, Drawn) or isinstance(b, Drawn):
        drawn, other = (a, b) if isinstance(a, Drawn) else (b, a)
        return shifted(drawn, other)
    if isinstance(b, int | float):
        if b == 0:
            return a  # type: ignore[no-any-return]
        raise Inexpressible("a fixed number added")
    if isinstance(b, Computed):
        return computed(steps, a, b)
    if isinstance(b, Param) and b.name in steps.tokens and a.shape == (1, b.shape[-1]):
        return met(steps, "add", steps.view(steps.put("take", steps.tokens[b.name], i=0, end=1)), a)
    if isinstance(b, Param | Table):
        table = steps.ledger.table(b)
        return _shifted(steps, a, table) or position(steps, a, table)
    return met(steps, "add", a, b)


def sub(steps: Steps, a: Any, b: Any, alpha: float = 1) -> Any:
    if not (isinstance(a, View) and isinstance(b, View)) or alpha != 1:
        raise Inexpressible("a difference of a value and a number")
    return met(steps, "sub", a, b)


def met(steps: Steps, word: str, a: View, b: View) -> View:
    """Two values of equal shape in one join, in the layout of the first."""
    if a.shape == b.shape and a.dims == b.dims:
        return View(steps.put(word, a.step, b.step), a.shape, a.dims)
    order = aligned(a) or (aligned(b) if b.dims[0] != whole(BATCH, steps.batch) else None)
    if order is not None and len(a.dims) == len(b.dims):
        back = tuple(order.index(i) for i in range(len(order)))
        made = steps.put(word, steps.plain(a.permuted(order)), steps.plain(b.permuted(order)))
        return steps.view(made).permuted(back)
    return steps.view(steps.put(word, steps.plain(a), steps.plain(b)))


def aligned(x: View) -> tuple[int, ...] | None:
    """The order of axes in which a tensor is its value as it is; None where there is none."""
    wanted = standing(x.shape, next((a.size for d in x.dims for a in d if a.axis == BATCH), 1))
    if len(wanted) != len(x.dims) or sorted(map(len, wanted)) != sorted(map(len, x.dims)) or not all(wanted):
        return None
    return tuple(x.dims.index(d) for d in wanted) if all(d in x.dims for d in wanted) else None


def _shifted(steps: Steps, x: View, table: Table) -> View | None:
    """A weight added behind a learnt factor, which is `affine`; None where there is no such factor."""
    made = steps.made[x.step] if x.step >= 0 else None
    if made is None or made.op.name != "scale" or table.constant:
        return None
    one = bool(arguments(made)["one"])
    sizes = (1,) * (len(x.dims) - len(table.shape)) + table.shape
    if [i for i, n in enumerate(sizes) if n != 1] != ([] if one else [steps.channels(x)]):
        return None
    sources = {"weight": made.sources["weight"], "bias": table}
    return replace(x, step=steps.put("affine", made.inputs[0], sources=sources, one=one))


def mul(steps: Steps, a: Any, b: Any) -> Any:
    if isinstance(a, int | float | Param | Table | Computed):
        a, b = b, a
    if isinstance(a, Drawn | Masked) or isinstance(b, Drawn | Masked):
        return times(steps, a, b)
    if isinstance(b, Param | Table | int | float):
        return scaled(steps, a, b)
    if isinstance(b, Computed) and isinstance(a, View):
        return _by_computed(steps, a, b)
    if not isinstance(b, View) or not isinstance(a, View):
        raise Inexpressible("a value times what is computed of weights")
    if a.shape == b.shape and a.dims == b.dims:
        return View(steps.put("mul", a.step, b.step), a.shape, a.dims)
    return _gated(steps, *_ordered(steps, a, b))


def _by_computed(steps: Steps, x: View, by: Computed) -> View | Weighted:
    """A value times the sigmoid of learnt numbers, one for each channel or for all; or times one of several shares."""
    if (table := steps.ledger.sigmoid(by)) is not None:
        return scaled(steps, x, table, sigmoid=True)
    if prod(by.shape) == 1:
        return weighted(steps, x, by)
    raise Inexpressible("a value times what is computed of weights")


def _ordered(steps: Steps, a: View, b: View) -> tuple[View, View]:
    """What is gated, and its gate."""
    if a.sizes() != steps.sizes:
        a, b = b, a
    if b.shape[1:] == (1, 1) and a.shape[:1] == (1,) and a.sizes() != steps.sizes:
        a, b = b, a
    if a.sizes() != steps.sizes and a.shape[1:] == (1, 1) and b.shape[:1] == (1,) and b.shape[-1] == b.shape[1]:
        a = steps.view(steps.put("upsample", steps.plain(a), by=b.shape[-1]))  # one number of a channel at each pixel
    if a.sizes() != steps.sizes:
        raise Inexpressible("a product of values of other shapes than a gate and what it gates")
    return a, replace(b, dims=((),) * (len(a.dims) - len(b.dims)) + b.dims)


def _gated(steps: Steps, a: View, b: View) -> View:
    if stacked := paths(a, b):
        return each_path(steps, a, b, *stacked)
    order = aligned(a)
    if order is None:
        a = steps.view(steps.plain(a))
        order = tuple(range(len(a.dims)))
    gate = b.permuted(order) if len(b.dims) == len(order) else b
    if len(gate.shape) == 1 and gate.sizes()[1:] != (gate.shape[0], *(1,) * (len(order) - 2)):
        channel = 1 if len(a.shape) == 3 else len(order) - 1
        if [i for i, d in enumerate(gate.dims) if d and i] != [channel]:
            raise Inexpressible("a product of values of other shapes than a gate and what it gates")
    at = gate.step if len(gate.shape) == 1 else steps.plain(gate)
    return replace(a, step=steps.put("mul", a.step, at))


def div(steps: Steps, a: Any, b: Any) -> Any:
    if isinstance(b, int | float) and b == 0:
        raise Inexpressible("a quotient with 0 below")
    if isinstance(a, Drawn | Masked) and isinstance(b, int | float):
        return times(steps, a, 1 / b)
    if not isinstance(b, int | float) or not isinstance(a, View):
        raise Inexpressible("a quotient of two values")
    return scaled(steps, a, 1 / b)


def cat(steps: Steps, tensors: Any, dim: int = 0, axis: int | None = None) -> View:
    parts, dim = [t for t in tensors if t is not NOTHING], dim if axis is None else axis
    views = [t for t in parts if isinstance(t, View)]
    dim %= len(views[0].dims)
    if len(views) < len(parts):
        return _class_tokens(steps, parts, dim)
    if len(views) == 1:
        return views[0]
    if {len(v.shape) for v in views} == {1, 3} and all(v.shape[1:] in ((), (1, 1)) for v in views):
        views = [_vector(steps, v) for v in views]
    first = views[0]
    channel = 0 if len(first.shape) == 3 else len(first.shape) - 1
    rest = [(v.dims[:dim], v.dims[dim + 1 :]) for v in views]
    along = [i for i in range(len(first.shape)) if all(v.dims[dim] == whole(i, v.shape[i]) for v in views)]
    if all(r == rest[0] for r in rest) and along and along[0] in {channel, *([0] if len(first.shape) == 2 else [])}:
        more: dict[str, Any] = {"channels": True} if len(first.shape) == 2 and along[0] == channel else {}
        made = steps.put("cat", *(v.step for v in views), **more)
        shape = steps.shape(made)
        return View(made, shape, (*first.dims[:dim], whole(along[0], shape[along[0]]), *first.dims[dim + 1 :]))
    at = [steps.plain(v) for v in views]
    ranks = {len(steps.shape(i)) for i in at}
    if ranks == {2} and dim == 2:
        return steps.view(steps.put("cat", *at, channels=True))
    if dim != 1:
        raise Inexpressible("values side by side along another axis than channels, or tokens")
    return steps.view(steps.put("cat", *at))


def _vector(steps: Steps, x: View) -> View:
    """An image of one pixel as a vector."""
    if len(x.shape) == 1:
        return x
    made = steps.plain(View(x.step, x.shape, (whole(BATCH, steps.batch), whole(0, x.shape[0]))))
    return View(made, steps.shape(made), x.dims)


def _class_tokens(steps: Steps, parts: list[Any], dim: int) -> View:
    """Learnt tokens before others: one `cls` for each."""
    if not isinstance(parts[-1], View) or sum(isinstance(p, View) for p in parts) > 1 or dim != 1:
        raise Inexpressible("a weight beside a value, other than class tokens before the others")
    at = steps.plain(parts[-1])
    width = steps.shape(at)[-1]
    for part in reversed(parts[:-1]):
        if not isinstance(part, Param | Table) or part.shape[-1:] != (width,) or len(steps.shape(at)) != 2:
            raise Inexpressible("a weight beside a value, other than class tokens before the others")
        table = steps.ledger.table(part)
        if table.ids.numel() == width:
            at = steps.put("cls", at, sources={"token": part})
            steps.tokens[steps.named(part)] = at
            continue
        rows = table.ids.reshape(-1, width)
        if table.ids.shape[0] not in (1, len(rows)):
            raise Inexpressible("class tokens that differ from image to image")
        for row in reversed(range(len(rows))):
            at = steps.put("cls", at, sources={"token": Table(rows[row], torch.zeros_like(rows[row]))})
    return steps.view(at)


JOINS: dict[str, Callable[..., Any]] = {
    "add": add,
    "iadd": add,
    "radd": add,
    "mul": mul,
    "imul": mul,
    "rmul": mul,
    "multiply": mul,
    "div": div,
    "truediv": div,
    "itruediv": div,
    "sub": sub,
    "isub": sub,
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
}
