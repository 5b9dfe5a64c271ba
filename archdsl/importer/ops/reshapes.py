"""Reshapes, permutations, parts: views that become words only where a layer needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.picks import restricted
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, merged

NOTHING: Any = type("Nothing", (), {})()  # a part without places, which a concatenation leaves out


def reshape(steps: Steps, x: View | Param, *more: object, **other: object) -> View | Param:
    """Whatever the arguments: what the example gave says the sizes."""
    if isinstance(x, Param):
        return Param(x.name, steps.sizes)
    found = x.reshaped(steps.sizes)
    if found is None:
        raise Inexpressible(f"a reshape from {_sizes(x.sizes())} to {_sizes(steps.sizes)}")
    return found


def _sizes(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


def unfold(
    steps: Steps, x: View, kernel_size: Any, *more: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Windows that lie side by side are a reshape of the image: (N, C·k·k, windows)."""
    from archdsl.importer.ops.outlooks import spread

    if len(more) == 2:  # Tensor.unfold(axis, size, step)
        raise Inexpressible("windows along an axis; no word has keys of windows that overlap")
    dilation, padding, stride = (*more, *(dilation, padding, stride)[len(more) :])

    sizes = [(n, n) if isinstance(n, int) else tuple(n) for n in (kernel_size, dilation, padding, stride)]
    (p, q), (height, width) = sizes[0], x.shape[1:] if len(x.shape) == 3 else (0, 0)
    if sizes[1:] != [(1, 1), (0, 0), (p, q)] or not height or height % p or width % q:
        if sizes[1] != (1, 1) or not height:
            raise Inexpressible("windows of an image with gaps, each with its pixels as channels; no word has them")
        return spread(steps, x, (p, q), sizes[3], sizes[2])
    at = steps.plain(x)
    c, view = x.shape[0], steps.view(at)
    values = merged([Atom(0, 1, c), Atom(1, 1, p), Atom(2, 1, q)])
    return View(at, view.shape, (view.dims[0], values, merged([Atom(1, p, height // p), Atom(2, q, width // q)])))


def expand(steps: Steps, x: View | Param, *more: object) -> View | Param:
    """Broadcasting made visible: what takes the value broadcasts by itself."""
    return Param(x.name, (1, *steps.sizes[1:])) if isinstance(x, Param) else x


def permute(steps: Steps, x: View | Param, *dims: Any) -> View:
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
    return _no_weight(x).permuted(tuple(d % len(order) for d in order))


def transpose(steps: Steps, x: View | Param, dim0: int, dim1: int) -> View:
    view = _no_weight(x)
    order = list(range(len(view.dims)))
    a, b = dim0 % len(order), dim1 % len(order)
    order[a], order[b] = order[b], order[a]
    return view.permuted(tuple(order))


def _no_weight(x: View | Param) -> View:
    if isinstance(x, Param):
        raise Inexpressible("arithmetic on a weight")
    return x


def chunk(steps: Steps, x: View, chunks: int, dim: int = 0) -> tuple[View, ...]:
    total = x.sizes()[dim % len(x.dims)]
    return split(steps, x, -(-total // chunks), dim)


def split(steps: Steps, x: View, sizes: Any, dim: int = 0) -> tuple[View, ...]:
    dim %= len(x.dims)
    total = x.sizes()[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - at) for at in range(0, total, sizes)]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    view = _settled(steps, x, dim)
    equal = len(set(sizes)) == 1
    return tuple(
        restricted(steps, view, dim, end - size, end, equal=equal) for size, end in zip(sizes, ends, strict=True)
    )


def tensor_split(steps: Steps, x: View, given: Any, dim: int = 0) -> tuple[View, ...]:
    """A number of parts, of which the first are longer by one where they are unlike; or the places where parts begin."""
    total = x.sizes()[dim % len(x.dims)]
    if isinstance(given, int):
        size, more = divmod(total, given)
        return split(steps, x, [size + (i < more) for i in range(given)], dim)
    ends = [*given, total]
    sizes = [end - start for start, end in zip([0, *given], ends, strict=True)]
    if min(sizes) < 1:
        raise Inexpressible("parts of an axis without places, or counted from its end")
    return split(steps, x, sizes, dim)


def unbind(steps: Steps, x: View, dim: int = 0) -> tuple[View, ...]:
    dim %= len(x.dims)
    return tuple(select(steps, x, dim, i) for i in range(x.sizes()[dim]))


def _settled(steps: Steps, x: View, dim: int) -> View:
    """The tensor as the value of a step where its axis is none of a value's."""
    if len(x.dims[dim]) == 1 and x.dims[dim][0].axis >= 0:
        return x
    return steps.view(steps.plain(x))


def getitem(steps: Steps, x: Any, index: Any) -> Any:
    if isinstance(x, tuple | list) and not isinstance(x, Param):
        return x[index]
    if isinstance(x, Param):
        raise Inexpressible("a table of weights from which places are read")
    keys = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(x.dims) - len(keys) + 1 + keys.count(None))
    if None in keys:  # axes of size 1 put in: a reshape
        return reshape(steps, x) if all(k is None or k == slice(None) for k in keys) else _refuse()
    for dim, key in enumerate(keys):
        if key == slice(None):
            continue
        if isinstance(key, int):
            rest = keys[dim + 1 :]
            one = select(steps, x, dim, key)
            return getitem(steps, one, (*[slice(None)] * dim, *rest)) if any(k != slice(None) for k in rest) else one
        if not isinstance(key, slice):
            _refuse()
        x = cut(steps, x, dim, key.start, key.stop, key.step or 1)
    return x


def _refuse() -> Any:
    raise Inexpressible("an index that takes other than one place or a stretch of channels")


def select(steps: Steps, x: View, dim: int, index: int) -> View:
    """One place of an axis, which is gone then."""
    dim %= len(x.dims)
    total = x.sizes()[dim]
    index %= total
    if not x.dims[dim] and dim:
        return replace(x, dims=x.dims[:dim] + x.dims[dim + 1 :])
    if len(x.shape) == 2 and x.plain and dim == 1:
        return steps.view(steps.put("take", x.step, i=index if index < total - 1 or not index else -1))
    found = restricted(steps, _settled(steps, x, dim), dim, index, index + 1, equal=True)
    return replace(found, dims=found.dims[:dim] + found.dims[dim + 1 :])


def cut(steps: Steps, x: View, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    dim %= len(x.dims)
    total = x.sizes()[dim]
    first, last, _ = slice(start, end).indices(total)
    if first >= last:
        return NOTHING
    if (first, last, step) == (0, total, 1):
        return x
    return restricted(steps, _settled(steps, x, dim), dim, first, last, step)


def narrow(steps: Steps, x: View, dim: int, start: int, length: int) -> Any:
    start %= x.sizes()[dim]
    return cut(steps, x, dim, start, start + length)


RESHAPES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(
        ("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "_unsafe_view", "view_as", "reshape_as"),
        reshape,
    ),
    **{f.__name__: f for f in (unfold, expand, permute, transpose, chunk, split, unbind, getitem, select)},
    "expand_as": expand,
    "swapaxes": transpose,
    "split_with_sizes": split,
    "tensor_split": tensor_split,
    "slice": cut,
    "narrow": narrow,
    "t": lambda steps, x: transpose(steps, x, 0, 1),
}
