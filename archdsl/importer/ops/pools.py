"""Pooling, means, padding and changes of size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.importer.ops.layers import compact, pair
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import View


def max_pool2d(
    steps: Steps,
    x: View,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> View:
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
) -> View:
    if divisor_override is not None:
        raise Inexpressible("an average with a divisor of its own")
    inside = not count_include_pad and (pair(padding) != (0, 0) or ceil_mode)
    return _pool(steps, x, "avgpool", kernel_size, stride, padding, ceil_mode, inside=inside)


def _pool(steps: Steps, x: View, word: str, k: Any, s: Any, p: Any, ceil: bool, **more: Any) -> View:
    s = None if s in (None, [], ()) or pair(s) == pair(k) else compact(s)
    at = steps.plain(x)
    made = steps.put(word, at, k=compact(k), s=s, p=compact(p), ceil=ceil, **more)
    if ceil:  # where no window is cut off, `ceil` says nothing
        usual = steps.put(word, at, k=compact(k), s=s, p=compact(p), **{**more, "inside": False} if more else {})
        made = usual if steps.shape(usual) == steps.shape(made) and not more.get("inside") else made
    return steps.view(made)


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


def adaptive_avg_pool1d(steps: Steps, x: View, output_size: Any) -> View:
    if pair(output_size) != (1, 1):
        raise Inexpressible("pooling of a sequence to more than one value")
    return mean(steps, x, [-1], keepdim=True)


def adaptive_max_pool2d(steps: Steps, x: View, output_size: Any, return_indices: bool = False) -> View:
    if pair(output_size) != (1, 1) or return_indices:
        raise Inexpressible("adaptive max pooling to more than 1x1")
    vector = steps.view(steps.put("gmp", steps.plain(x)))
    return View(vector.step, vector.shape, (*vector.dims, (), ()))


def mean(steps: Steps, x: View, dim: Any = None, keepdim: bool = False, **more: object) -> View:
    over = {d % len(x.dims) for d in (dim if isinstance(dim, tuple | list) else [dim])} if dim is not None else set()
    gone = sorted((a.axis, a.stride, a.size) for d in over for a in x.dims[d])
    spatial = [1, 2] if len(x.shape) == 3 else [0]
    if len(x.shape) < 2 or gone != sorted((i, 1, x.shape[i]) for i in spatial if x.shape[i] > 1):
        raise Inexpressible("a mean over other axes than height and width, or all tokens")
    if keepdim and len(x.shape) == 3:
        made = steps.put("gap", x.step, keep=True)
        dims = tuple(() if i in over else d for i, d in enumerate(x.dims))
        return View(made, steps.shape(made), dims)
    made = steps.put("gap", x.step)
    vector = steps.view(made)
    kept = [vector.dims[1] if n else d for n, d in enumerate(x.dims)]
    left = tuple(() if n in over else d for n, d in enumerate(kept) if keepdim or n not in over)
    return View(made, vector.shape, left)


def pad(steps: Steps, x: View, pad: Any, mode: str = "constant", value: float | None = None) -> View:
    given = (pad,) * 4 if isinstance(pad, int) else tuple(pad)
    if mode != "constant" or value not in (None, 0, 0.0) or len(given) > 6:
        raise Inexpressible("padding with other values than zeros")
    around = [*given, *[0] * (6 - len(given))]
    left, right, top, bottom, before, behind = around
    at = steps.plain(x)
    if len(steps.shape(at)) != 3 or before or min(given) < 0 < max(given):
        raise Inexpressible("padding of other axes than height and width, or in front of the channels")
    if behind:
        at = steps.put("padchannels", at, to=steps.shape(at)[0] + behind)
    if any((left, right, top, bottom)):
        word = "trim" if min(given) < 0 else "zeropad"
        sides = {"left": abs(left), "right": abs(right), "top": abs(top), "bottom": abs(bottom)}
        if word == "zeropad" and len(set(sides.values())) == 1:
            sides = {"left": left}
        at = steps.put(word, at, **sides)
    return steps.view(at)


def interpolate(
    steps: Steps, x: View, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *more: object, **o: object
) -> View:
    at = steps.plain(x)
    by = steps.sizes[-1] // steps.shape(at)[-1]
    if mode != "nearest" or steps.sizes[1:] != (steps.shape(at)[0], *(n * by for n in steps.shape(at)[1:])):
        raise Inexpressible(f"a change of size ({mode}) that is not each pixel as a square")
    return steps.view(steps.put("upsample", at, by=by))


def _word(word: str, name: str, given: str) -> Callable[..., View]:
    """A word with one number, which torch calls ``given``."""

    def put(steps: Steps, x: View, *args: int, **named: int) -> View:
        (n,) = (*args, *(v for k, v in named.items() if k == given))
        setting: dict[str, Any] = {name: n}
        return steps.view(steps.put(word, steps.plain(x), **setting))

    return put


POOLS: dict[str, Callable[..., Any]] = {
    **{
        f.__name__: f
        for f in (max_pool2d, avg_pool2d, adaptive_avg_pool2d, adaptive_avg_pool1d, adaptive_max_pool2d, mean, pad)
    },
    "interpolate": interpolate,
    "upsample_nearest2d": lambda steps, x, *more: interpolate(steps, x),
    "pixel_shuffle": _word("depthtospace", "by", "upscale_factor"),
    "pixel_unshuffle": _word("spacetodepth", "by", "downscale_factor"),
    "channel_shuffle": _word("shuffle", "groups", "groups"),
}
