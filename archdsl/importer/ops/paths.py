"""Branches stacked along an axis of their own: side by side as channels, and each again by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.importer.picks import restricted
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, whole


def stack(steps: Steps, tensors: Any, dim: int = 0) -> View:
    views = list(tensors)
    if not all(isinstance(v, View) for v in views) or any(v.dims != views[0].dims for v in views):
        raise Inexpressible("values stacked that are laid out in unlike ways, or weights")
    dim %= len(views[0].dims) + 1
    first = views[0]
    axis = 0 if len(first.shape) == 3 else len(first.shape) - 1
    width = first.shape[axis]
    more: dict[str, Any] = {"channels": True} if len(first.shape) == 2 else {}
    made = steps.put("cat", *(v.step for v in views), **more)
    dims = (*first.dims[:dim], (Atom(axis, width, len(views)),), *first.dims[dim:])
    return View(made, steps.shape(made), dims)


def paths(a: View, b: View) -> tuple[int, ...] | None:
    """The axis of a tensor along which branches are stacked that another one weights, each by itself."""
    channel = 0 if len(a.shape) == 3 else len(a.shape) - 1
    if len(a.dims) != len(b.dims):
        return None
    for i, d in enumerate(a.dims):
        split = len(d) == 1 and d[0].axis == channel and 1 < d[0].size < a.shape[channel] and d[0].stride > 1
        if split and b.sizes()[i] == d[0].size and len(b.dims[i]) == 1:
            return (i,)
    return None


def each_path(steps: Steps, a: View, b: View, dim: int) -> View:
    """The product of each branch with its own weight."""
    from archdsl.importer.ops.joins import mul

    parts = []
    sizes = steps.sizes
    for i in range(a.sizes()[dim]):
        one, gate = (restricted(steps, x, dim, i, i + 1, equal=True) for x in (a, b))
        one, gate = (View(x.step, x.shape, (*x.dims[:dim], *x.dims[dim + 1 :])) for x in (one, gate))
        steps.sizes = (*sizes[:dim], *sizes[dim + 1 :])
        parts.append(mul(steps, one, _vector(steps, gate)))
    steps.sizes = sizes
    return stack(steps, parts, dim)


def _vector(steps: Steps, x: View) -> View:
    """A row of tokens as a vector."""
    if len(x.shape) != 2 or x.shape[0] != 1:
        return x
    at = steps.put("flatten", x.step)
    return View(at, steps.shape(at), tuple(whole(0, x.shape[1]) if d == whole(1, x.shape[1]) else d for d in x.dims))


def softmax_of_paths(steps: Steps, x: View, dim: int) -> View:
    """A softmax over the parts of a vector, as tokens: one for each part."""
    atom = x.dims[dim]
    if len(x.shape) == 3 and x.shape[1:] == (1, 1):
        whole_image = steps.view(x.step)
        flat = steps.plain(View(x.step, x.shape, (whole_image.dims[0], whole_image.dims[1])))
        x = View(flat, steps.shape(flat), x.dims)
    if len(x.shape) != 1 or len(atom) != 1 or atom[0].stride * atom[0].size != x.shape[0]:
        raise Inexpressible("a softmax along another axis than the channels")
    n, width = atom[0].size, atom[0].stride
    rows = steps.put("stack", *(steps.put("part", x.step, i=i + 1, n=n) for i in range(n)))
    made = steps.put("transpose", steps.put("softmax", steps.put("transpose", rows)))
    dims = tuple(whole(0, n) if d == atom else whole(1, width) if d == (Atom(0, 1, width),) else d for d in x.dims)
    return View(made, steps.shape(made), dims)


PATHS: dict[str, Callable[..., Any]] = {"stack": stack}
