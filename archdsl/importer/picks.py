"""Parts of a tensor: stretches of an axis of the value that it shows, as words, or as parts of the layer that made it."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Recipe
from archdsl.importer.views import Atom, Dim, View, merged
from archdsl.registry import params

# Words that treat each channel by itself: a part of their result is their result for a part.
EACH = frozenset(
    {"bn", "scale", "affine", "prelu", "maxpool", "avgpool", "dwconv", "drop", "spatial", "droppath", "times"}
)


class Together(Inexpressible):
    """Raised where parts of the channels cannot be made each by itself, since all are drawn together."""


def restricted(steps: Steps, x: View, dim: int, start: int, stop: int, step: int = 1, equal: bool = False) -> View:
    """The places of one axis of a tensor from ``start`` to before ``stop``; ``equal``: one of several equal parts.

    Raises:
        Inexpressible: they are not a stretch of an axis of the value.
    """
    if start == 0 and stop == x.sizes()[dim] and step == 1:
        return x
    if len(x.dims[dim]) != 1 or x.dims[dim][0].axis < 0:
        raise Inexpressible("a part of an axis that is not one of the value")
    atom = x.dims[dim][0]
    chosen = range(start, stop, step)
    length = x.shape[atom.axis]
    kept = [c for c in range(length) if (c // atom.stride) % atom.size in chosen]
    at = taken(steps, x.step, atom.axis, kept, equal)
    return _shrunk(steps, x, at, dim, atom, len(chosen))


def _shrunk(steps: Steps, x: View, at: int, dim: int, atom: Atom, size: int) -> View:
    def changed(a: Atom) -> Atom:
        return _strided(a, atom, size) if a.axis == atom.axis else a

    dims: list[Dim] = [merged([changed(a) for a in d]) for d in x.dims]
    dims[dim] = merged([Atom(atom.axis, atom.stride, size)])
    return View(at, steps.shape(at), tuple(dims))


def _strided(a: Atom, cut: Atom, size: int) -> Atom:
    """An atom of the same axis after ``cut`` has become ``size`` long."""
    return Atom(a.axis, a.stride // cut.size * size, a.size) if a.stride > cut.stride else a


def taken(steps: Steps, at: int, axis: int, kept: list[int], equal: bool = True) -> int:
    """The step with these places of an axis of a value.

    Raises:
        Inexpressible: no word takes them.
    """
    shape = steps.shape(at)
    if kept == list(range(shape[axis])):
        return at
    stretch = kept == list(range(kept[0], kept[-1] + 1))
    if axis == (0 if len(shape) == 3 else len(shape) - 1):
        return _channels(steps, at, kept, stretch, equal)
    if len(shape) == 2 and stretch:
        return steps.put("take", at, i=kept[0], end=kept[-1] + 1)
    if len(shape) == 3:
        return _pixels(steps, at, axis, kept)
    raise Inexpressible("places of an axis that are not one stretch")


def _channels(steps: Steps, at: int, kept: list[int], stretch: bool, equal: bool) -> int:
    shape = steps.shape(at)
    total = shape[0] if len(shape) == 3 else shape[-1]
    if equal and (one := _branch(steps, at, kept)) is not None:
        return one
    if stretch:
        n = total // len(kept)
        if equal and total % len(kept) == 0 and kept[0] % len(kept) == 0:
            return steps.put("part", at, i=kept[0] // len(kept) + 1, n=n)
        return steps.put("slice", at, start=kept[0], end=None if kept[-1] + 1 == total else kept[-1] + 1)
    try:
        return reordered(steps, at, kept)
    except Together:
        raise
    except Inexpressible:
        if (found := _shuffled(steps, at, kept, total)) is None:
            raise
        return found


def _shuffled(steps: Steps, at: int, kept: list[int], total: int) -> int | None:
    """The same stretch of each of several groups, as a part of the channels in another order; None where they are not that."""
    run = next(i for i in range(1, len(kept)) if kept[i] != kept[i - 1] + 1)
    period = kept[run] - kept[0]
    start, groups = kept[0], total // period
    if period % run or start % run or kept != [g * period + start + i for g in range(groups) for i in range(run)]:
        return None
    if (at, groups, run) not in steps.shuffled:
        steps.shuffled[at, groups, run] = steps.put("shuffle", at, groups=groups, run=run)
    return steps.put("part", steps.shuffled[at, groups, run], i=start // run + 1, n=period // run)


def _branch(steps: Steps, at: int, kept: list[int]) -> int | None:
    """The branch of a `cat` that these channels are."""
    made = steps.made[at] if at >= 0 else None
    shape = steps.shape(at)
    if made is None or made.op.name != "cat" or (len(shape) == 2 and not made.op.args[0]):
        return None
    start = 0
    for branch in made.inputs:
        width = steps.shape(branch)[0 if len(shape) == 3 else -1]
        if kept == list(range(start, start + width)):
            return branch
        start += width
    return None


def reordered(steps: Steps, at: int, kept: list[int]) -> int:
    """The channels of a value in another order, by the rows of the layer that gives them.

    Raises:
        Inexpressible: it is not made by one.
    """
    shape = steps.shape(at)
    total = shape[0] if len(shape) == 3 else shape[-1]
    if kept == list(range(total)):
        return at
    if at < 0:
        raise Inexpressible("the channels of the input in another order")
    made = steps.made[at]
    args = {p.name: a for p, a in zip(params(made.op.entry), made.op.args, strict=True)}
    steps_path, steps.path = steps.path, made.path
    try:
        name = made.op.name
        if name == "droppath" and len(kept) < total:
            raise Together("channels in an order that no word gives, behind stochastic depth of all of them together")
        if name == "linear" or (name == "conv" and args["groups"] == 1):
            return steps.put(name, made.inputs[0], sources=_rows(steps, at, kept), **{**args, "out": len(kept)})
        if len(made.inputs) == 1 and (made.op.entry.traits & {"act"} or name in EACH) and name != "softmax":
            below = reordered(steps, made.inputs[0], kept)
            return steps.put(name, below, sources=_rows(steps, at, kept), **args)
    finally:
        steps.path = steps_path
    raise Inexpressible("channels in an order that no word gives")


def _rows(steps: Steps, at: int, kept: list[int]) -> dict[str, Any]:
    """The sources of a layer, of these rows alone."""
    made = steps.made[at]
    shapes = {**made.layer.weights, **made.layer.buffers}
    out: dict[str, Any] = {}
    for own, source in made.sources.items():
        shape = shapes[own]
        index = torch.arange(prod(shape)).reshape(shape)[kept].reshape(-1)
        if isinstance(source, Recipe):
            out[own] = Recipe(source.names, source.entries[index])
        else:
            out[own] = Recipe((source,), index)
    return out


def _pixels(steps: Steps, at: int, axis: int, kept: list[int]) -> int:
    """Rows or columns of an image: a stretch, or every n-th of them."""
    size = steps.shape(at)[axis]
    by = kept[1] - kept[0] if len(kept) > 1 else 1
    if kept != list(range(kept[0], kept[-1] + 1, by)):
        raise Inexpressible("rows or columns of an image that are not equally far apart")
    last = min(size, kept[-1] + by) if by > 1 else kept[-1] + 1
    before, behind = ("top", "bottom") if axis == 1 else ("left", "right")
    if kept[0] or last < size:
        sides: dict[str, Any] = {"left": 0, "right": 0, "top": 0, "bottom": 0, before: kept[0], behind: size - last}
        at = steps.put("trim", at, **sides)
    if by > 1:
        at = steps.put("maxpool", at, k=1, s=(by, 1) if axis == 1 else (1, by))
    return at
