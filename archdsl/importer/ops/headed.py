"""Queries, keys and values as words take them: a token in a row, the channels of a head side by side."""

from __future__ import annotations

from typing import Any

from archdsl.importer.picks import reordered
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, merged


def turned(x: View) -> View:
    """The last two axes exchanged."""
    n = len(x.dims)
    return x.permuted((*range(n - 2), n - 1, n - 2))


def row(steps: Steps, q: View) -> View:
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
        step = steps.copied(old, step)
    dims = tuple(tuple(a._replace(axis=1) if a.axis == 0 else a for a in d) for d in q.dims)
    return View(step, steps.shape(step), dims)


def unscaled(steps: Steps, q: View) -> View:
    made = steps.made[q.step] if q.step >= 0 else None
    if made is not None and made.op.name == "times":
        return View(made.inputs[0], q.shape, q.dims)
    return q


def headed(steps: Steps, views: tuple[View, View, View]) -> tuple[int, int, list[View]]:
    """The number of heads of queries, and of keys; the values with the channels of a head side by side."""
    found = []
    numbers = []
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
            raise Inexpressible("attention whose heads are a part of the channels")
        width = x.sizes()[-1]
        numbers.append(len(order) // width)
        at = reordered(steps, x.step, order)
        found.append(View(at, x.shape, x.dims) if at == x.step else _retold(x, at, axis, width))
    if numbers[1] != numbers[2] or numbers[1] not in (1, numbers[0]):
        raise Inexpressible("attention in which groups of heads share keys")
    return numbers[0], numbers[1], found


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


def result(q: View, v: View, shape: tuple[int, ...]) -> Any:
    """The axes of the result: those of the queries, with channels as in the values."""
    axis = 0 if len(shape) == 3 else 1
    width = v.sizes()[-1]
    own = 0 if len(q.shape) == 3 else 1
    dims = [merged([Atom(axis, width, a.size) if a.axis == own else a for a in d]) for d in q.dims[:-1]]
    return (*dims, merged([Atom(axis, 1, width)]))
