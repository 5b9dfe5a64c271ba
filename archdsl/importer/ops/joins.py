"""Where values meet: sums, products, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import Drawn, Masked, shifted, times
from archdsl.importer.ops.pointwise import scaled
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import View


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
    if isinstance(b, Param):
        return _position(steps, a, b)
    if a.shape == b.shape and a.dims == b.dims:
        return View(steps.put("add", a.step, b.step), a.shape, a.dims)
    return steps.view(steps.put("add", steps.plain(a), steps.plain(b)))


def _position(steps: Steps, x: View, p: Param) -> View:
    at = steps.plain(x)
    shape = steps.shape(at)
    if len(shape) != 2 or tuple(p.shape) not in (shape, (1, *shape)):
        raise Inexpressible("a weight added to a value that is not tokens, or not one vector for each")
    return steps.view(steps.put("pos", at, sources={"embedding": p}))


def mul(steps: Steps, a: Any, b: Any) -> Any:
    if isinstance(a, int | float | Param):
        a, b = b, a
    if isinstance(a, Drawn | Masked) or isinstance(b, Drawn | Masked):
        return times(steps, a, b)
    if isinstance(b, Param | int | float):
        return scaled(steps, a, b)
    if a.shape == b.shape and a.dims == b.dims:
        return View(steps.put("mul", a.step, b.step), a.shape, a.dims)
    if a.sizes() != steps.sizes:
        a, b = b, a
    if a.sizes() != steps.sizes or (len(b.shape) == 1 and b.sizes()[1:] != (b.shape[0], 1, 1)):
        raise Inexpressible("a product of values of other shapes than a gate and what it gates")
    return steps.view(steps.put("mul", steps.plain(a), steps.plain(b)))


def div(steps: Steps, a: Any, b: Any) -> Any:
    if isinstance(a, Drawn | Masked) and isinstance(b, int | float):
        return times(steps, a, 1 / b)
    if not isinstance(b, int | float) or not isinstance(a, View):
        raise Inexpressible("a quotient of two values")
    return scaled(steps, a, 1 / b)


def cat(steps: Steps, tensors: Any, dim: int = 0, axis: int | None = None) -> View:
    parts, dim = list(tensors), dim if axis is None else axis
    views = [t for t in parts if isinstance(t, View)]
    if not views:
        raise Inexpressible("weights side by side")
    dim %= len(views[0].dims)
    if len(views) < len(parts):
        return _class_token(steps, parts, dim)
    at = [steps.plain(v) for v in views]
    if dim != 1:
        raise Inexpressible("values side by side along another axis than channels, or tokens")
    return steps.view(at[0] if len(at) == 1 else steps.put("cat", *at))


def _class_token(steps: Steps, parts: list[Any], dim: int) -> View:
    if len(parts) != 2 or not isinstance(parts[0], Param) or dim != 1:
        raise Inexpressible("a weight beside a value, other than one class token before the others")
    at, token = steps.plain(parts[1]), parts[0]
    if len(steps.shape(at)) != 2 or tuple(token.shape) != (1, 1, steps.shape(at)[1]):
        raise Inexpressible("a weight beside a value, other than one class token before the others")
    return steps.view(steps.put("cls", at, sources={"token": token}))


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
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
}
