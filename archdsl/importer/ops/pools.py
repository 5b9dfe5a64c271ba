"""Pooling, and means."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from archdsl.importer.ops.layers import compact, pair
from archdsl.importer.ops.pointwise import scaled
from archdsl.importer.picks import restricted
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import BATCH, Atom, Dim, View, merged, whole


def max_pool2d(
    steps: Steps,
    x: View,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    same: bool = False,
) -> View:
    if same:
        at = steps.put("samepad", steps.plain(x), k=compact(kernel_size), s=compact(stride), fill="lowest")
        return _pool(steps, steps.view(at), "maxpool", kernel_size, stride, 0, False)
    if pair(dilation) != (1, 1) or return_indices:
        raise Inexpressible("max pooling with dilation, or with the places of the maxima")
    return _pool(steps, x, "maxpool", kernel_size, stride, padding, ceil_mode)


def avg_pool2d(
    steps: Steps,
    x: View,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    same: bool = False,
) -> View:
    if same:
        at = steps.put("samepad", steps.plain(x), k=compact(kernel_size), s=compact(stride))
        return _pool(steps, steps.view(at), "avgpool", kernel_size, stride, 0, False)
    if divisor_override is not None:
        raise Inexpressible("an average with a divisor of its own")
    inside = not count_include_pad and (pair(padding) != (0, 0) or ceil_mode)
    return _pool(steps, x, "avgpool", kernel_size, stride, padding, ceil_mode, inside=inside)


def _pool(steps: Steps, x: View, word: str, k: Any, s: Any, p: Any, ceil: bool, **more: Any) -> View:
    s = None if s in (None, [], ()) or pair(s) == pair(k) else compact(s)
    if s is None and pair(p) == (0, 0) and (windows := _in_windows(x, pair(k))):
        return _smaller(steps, x, word, pair(k), windows)
    at = steps.plain(x)
    made = steps.put(word, at, k=compact(k), s=s, p=compact(p), ceil=ceil, **more)
    if ceil:  # where no window is cut off, `ceil` says nothing
        usual = steps.put(word, at, k=compact(k), s=s, p=compact(p), **{**more, "inside": False} if more else {})
        made = usual if steps.shape(usual) == steps.shape(made) and not more.get("inside") else made
    return steps.view(made)


def _in_windows(x: View, k: tuple[int, int]) -> tuple[Dim, ...] | None:
    """The axes of an image that is cut into windows, which squares of this size divide; None where it is another tensor."""
    if len(x.shape) != 3 or len(x.dims) != 4 or not any(a.axis > 0 for a in x.dims[0]):
        return None
    rows, columns = (sum(a.size for a in d if a[:2] == (axis, 1)) for axis, d in ((1, x.dims[2]), (2, x.dims[3])))
    inner = (whole(0, x.shape[0]), merged([Atom(1, 1, rows)]), merged([Atom(2, 1, columns)]))
    divides = not (rows % k[0] or columns % k[1])
    return (
        (x.dims[0], inner[0], (Atom(1, 1, rows),), (Atom(2, 1, columns),)) if x.dims[1:] == inner and divides else None
    )


def _smaller(steps: Steps, x: View, word: str, k: tuple[int, int], dims: tuple[Dim, ...]) -> View:
    """A tensor of an image after each square of pixels has become one."""
    made = steps.put(word, x.step, k=compact(k))

    def shrunk(a: Atom) -> Atom:
        if a.axis < 1:
            return a
        by = k[a.axis - 1]
        return a._replace(size=a.size // by) if a.stride == 1 else a._replace(stride=a.stride // by)

    return View(made, steps.shape(made), tuple(merged([shrunk(a) for a in d]) for d in dims))


def _of_squares(steps: Steps, x: View, over: set[int], keepdim: bool, word: str) -> View | None:
    """Each square of pixels, whose pixels run along axes of their own, as one pixel; None where they do not."""
    gone = [a for i in over for a in x.dims[i]]
    by = {a.axis: a.size for a in gone}
    if len(x.shape) != 3 or set(by) != {1, 2} or len(gone) != 2 or any(a.stride != 1 for a in gone):
        return None
    if all(by[axis] == x.shape[axis] for axis in by) or any(x.shape[axis] % by[axis] for axis in by):
        return None
    kept = tuple(() if i in over else d for i, d in enumerate(x.dims) if keepdim or i not in over)
    return _smaller(steps, x, word, (by[1], by[2]), kept)


def adaptive_avg_pool2d(steps: Steps, x: View, output_size: Any) -> View:
    at = steps.plain(x)
    shape = steps.shape(at)
    if len(shape) != 3:
        raise Inexpressible("pooling of a value that is not an image")
    wanted: Any = pair(output_size)  # None keeps what arrives
    size = tuple(shape[i + 1] if n is None else n for i, n in enumerate(wanted))
    if size == shape[1:]:
        return steps.view(at)
    if size == (1, 1):
        return steps.view(steps.put("gap", at, keep=True))
    return steps.view(steps.put("resize", at, size=compact(size)))


def adaptive_max_pool2d(steps: Steps, x: View, output_size: Any, return_indices: bool = False) -> View:
    if pair(output_size) != (1, 1) or return_indices:
        raise Inexpressible("adaptive max pooling to more than 1x1")
    vector = steps.view(steps.put("gmp", steps.plain(x)))
    return View(vector.step, vector.shape, (*vector.dims, (), ()))


def mean(steps: Steps, x: View, dim: Any = None, keepdim: bool = False, **more: object) -> View:
    over = _over(x, dim)
    if (one := _of_one(x, over, keepdim)) is not None:
        return one
    if (paths := _of_paths(steps, x, over, keepdim)) is not None:
        return scaled(steps, paths, 1 / prod(x.sizes()[i] for i in over))
    if (squares := _of_squares(steps, x, over, keepdim, "avgpool")) is not None:
        return squares
    if len(x.dims) == 4 and len(x.shape) == 2 and x.dims[1] == whole(0, x.shape[0]):
        x = steps.view(steps.plain(x))  # tokens whose width is rows and columns
    channel = steps.channels(x) if len(x.dims) > 2 or len(x.shape) == 1 else -1
    if over == {channel}:
        return over_channels(steps, x, channel, keepdim, "mean")
    spatial = [1, 2] if len(x.shape) == 3 else [0]
    if len(x.shape) < 2 or not _all_places(x, over, spatial):
        if over == {channel} | {i for i, d in enumerate(x.dims) if i and any(a.axis in spatial for a in d)}:
            raise Inexpressible("a mean over everything")
        raise Inexpressible("a mean over other axes than height and width, or all tokens")
    if keepdim and len(x.shape) == 3:
        made = steps.put("gap", x.step, keep=True)
        dims = tuple(() if i in over else d for i, d in enumerate(x.dims))
        return View(made, steps.shape(made), dims)
    made = steps.put("gap", x.step)
    return _vector(steps, x, made, over, keepdim)


def _of_one(x: View, over: set[int], keepdim: bool) -> View | None:
    """A vector that is shown with axes of one place, without them; None where others are taken together."""
    if len(x.shape) != 1 or any(x.dims[i] for i in over):
        return None
    return View(x.step, x.shape, tuple(d for i, d in enumerate(x.dims) if keepdim or i not in over))


def _all_places(x: View, over: set[int], spatial: list[int]) -> bool:
    """Whether axes of a tensor have all places of a value, however they are cut, and nothing else."""
    gone = [a for i in over for a in x.dims[i]]
    numbers = {axis: prod(a.size for a in gone if a.axis == axis) for axis in {a.axis for a in gone}}
    return numbers == {i: x.shape[i] for i in spatial if x.shape[i] > 1}


def _over(x: View, dim: Any) -> set[int]:
    over = set() if dim is None else {d % len(x.dims) for d in (dim if isinstance(dim, tuple | list) else [dim])}
    if not over or any(a.axis == BATCH for i in over for a in x.dims[i]):
        raise Inexpressible("one number of all axes, or of the examples of a batch; each example is by itself here")
    return over


def _vector(steps: Steps, x: View, made: int, over: set[int], keepdim: bool) -> View:
    """The tensor after its places have become one."""
    vector = steps.view(made)
    axis = 0 if len(x.shape) == 3 else 1
    kept = [vector.dims[1] if d == whole(axis, x.shape[axis]) else d for d in x.dims]
    left = tuple(() if n in over else d for n, d in enumerate(kept) if keepdim or n not in over)
    return View(made, vector.shape, left)


def over_channels(steps: Steps, x: View, channel: int, keepdim: bool, by: str) -> View:
    """The mean, sum or largest value over the channels."""
    made = steps.put("reduce", x.step, by=by)
    dims = tuple(() if i == channel else d for i, d in enumerate(x.dims) if keepdim or i != channel)
    return View(made, steps.shape(made), dims)


def amax(steps: Steps, x: View, dim: Any = None, keepdim: bool = False) -> View:
    over = _over(x, dim)
    if (one := _of_one(x, over, keepdim)) is not None:
        return one
    if (squares := _of_squares(steps, x, over, keepdim, "maxpool")) is not None:
        return squares
    if over == {steps.channels(x)}:
        return over_channels(steps, x, steps.channels(x), keepdim, "max")
    if len(x.shape) < 2 or not _all_places(x, over, [1, 2] if len(x.shape) == 3 else [0]):
        raise Inexpressible("the largest value over other axes than the channels, height and width, or all tokens")
    return _vector(steps, x, steps.put("gmp", x.step), over, keepdim)


def largest(steps: Steps, x: View, dim: Any = None, keepdim: bool = False) -> tuple[View, None]:
    if not isinstance(dim, int):
        raise Inexpressible("the larger one of two values, or the largest number of all")
    return amax(steps, x, dim, keepdim), None


def _of_paths(steps: Steps, x: View, over: set[int], keepdim: bool) -> View | None:
    """The sum of branches that are stacked along an axis of their own; None where they are not."""
    split = [i for i in over if x.dims[i]]
    channel = 0 if len(x.shape) == 3 else len(x.shape) - 1
    if len(split) != 1 or len(x.dims[split[0]]) != 1 or x.dims[split[0]][0].axis != channel:
        return None
    if x.dims[split[0]] == whole(channel, x.shape[channel]):
        return None
    parts = [restricted(steps, x, split[0], i, i + 1, equal=True) for i in range(x.sizes()[split[0]])]
    dims = tuple(d for i, d in enumerate(parts[0].dims) if keepdim or i not in over)
    return View(steps.put("add", *(p.step for p in parts)), parts[0].shape, dims)


def total(steps: Steps, x: View, dim: Any = None, keepdim: bool = False, **more: object) -> View:
    over = _over(x, dim)
    split = [i for i in over if x.dims[i]]
    channel = 0 if len(x.shape) == 3 else len(x.shape) - 1
    if len(split) == 1 and x.dims[split[0]] == whole(channel, x.shape[channel]):
        return over_channels(steps, x, split[0], keepdim, "sum")
    if (paths := _of_paths(steps, x, over, keepdim)) is not None:
        return paths
    averaged = mean(steps, x, dim, keepdim)
    factor = prod(x.sizes()[i] for i in over)
    if factor == 1:
        return averaged
    return View(steps.put("times", averaged.step, factor=float(factor)), averaged.shape, averaged.dims)


POOLS: dict[str, Callable[..., Any]] = {
    **{
        f.__name__: f
        for f in (
            max_pool2d,
            avg_pool2d,
            adaptive_avg_pool2d,
            adaptive_max_pool2d,
            mean,
            amax,
        )
    },
    "sum": total,
    "max": largest,
}
