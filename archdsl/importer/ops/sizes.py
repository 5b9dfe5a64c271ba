"""Padding and changes of size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.importer.ops.layers import compact, pair
from archdsl.importer.ops.products import Ones
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import View, whole


def pad(steps: Steps, x: View, pad: Any, mode: str = "constant", value: float | None = None) -> View | Ones:
    given = (pad,) * 4 if isinstance(pad, int) else tuple(pad)
    if (mode, value, given) == ("constant", 1, (0, 1)):
        return Ones(x)
    if mode != "constant" or value not in (None, 0, 0.0) or len(given) > 6:
        raise Inexpressible("padding with other values than zeros")
    if not any(given):
        return x
    given = _in_order(x, given)
    around = [*given, *[0] * (6 - len(given))]
    left, right, top, bottom, before, behind = around
    if len(x.dims) == 4 and x.dims[3] == whole(0, x.shape[0]) and len(x.shape) == 3:
        view, at = x, steps.plain(x.permuted((0, 3, 1, 2)))
    elif len(x.dims) == 4 and len(x.shape) > 1 and whole(3 - len(x.shape), x.shape[3 - len(x.shape)]) not in x.dims:
        raise Inexpressible("zeros beside the tokens of heads; `zeropad` puts them round an image")
    else:
        view, at = None, steps.plain(x)
    if len(steps.shape(at)) != 3 or before or behind < 0:
        raise Inexpressible("padding of other axes than height and width, or in front of the channels")
    if behind:
        at = steps.put("padchannels", at, to=steps.shape(at)[0] + behind)
    sides = {"left": left, "right": right, "top": top, "bottom": bottom}
    if min(sides.values()) < 0:
        less: dict[str, Any] = {k: max(0, -n) for k, n in sides.items()}
        at = steps.put("trim", at, **less)
    if max(sides.values()) > 0:
        more: dict[str, Any] = {k: max(0, n) for k, n in sides.items()}
        at = steps.put("zeropad", at, **({"left": left} if len(set(more.values())) == 1 else more))
    return steps.view(at) if view is None else steps.view(at).permuted((0, 2, 3, 1))


def _in_order(x: View, given: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of a padding, those of width, height and channels in this order; torch counts from the last axis."""
    if len(x.dims) == 4 and len(x.shape) == 3 and x.dims[3] == whole(0, x.shape[0]) and x.shape[0] > 1:
        return (*(*given, 0, 0, 0, 0)[2:6], *given[:2])
    return given


def interpolate(
    steps: Steps,
    x: View,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> View:
    at = steps.plain(x)
    before, after = steps.shape(at)[1:], steps.sizes[2:]
    if len(before) != 2:
        raise Inexpressible("a change of size of tokens; `upsample` and `resize` take images")
    if before == after:
        return steps.view(at)
    if antialias:
        raise Inexpressible("a change of size with antialiasing; `resize` has none")
    if align_corners:
        raise Inexpressible(
            f"a change of size ({mode}) with align_corners=True; `upsample` and `resize` have align_corners=False"
        )
    if scale_factor is not None and not recompute_scale_factor and _scaled(before, scale_factor) != after:
        raise Inexpressible("a change of size by a factor that gives no whole number of pixels; `size=` says how many")
    by = after[-1] // before[-1]
    whole_times = after == tuple(n * by for n in before)
    if mode == "nearest" and whole_times:
        return steps.view(steps.put("upsample", at, by=by))
    if mode == "bilinear":
        if whole_times:
            return steps.view(steps.put("upsample", at, by=by, mode="bilinear"))
        return steps.view(steps.put("resize", at, size=compact(after), by="bilinear"))
    if mode == "bicubic":
        return steps.view(steps.put("resize", at, size=compact(after), by="bicubic"))
    raise Inexpressible(f"a change of size ({mode}) that neither `upsample` nor `resize` makes")


def _scaled(size: tuple[int, ...], factor: Any) -> tuple[float, ...]:
    return tuple(round(n * float(f), 6) for n, f in zip(size, pair(factor), strict=True))


def _word(word: str, name: str, given: str) -> Callable[..., View]:
    """A word with one number, which torch calls ``given``."""

    def put(steps: Steps, x: View, *args: int, **named: int) -> View:
        (n,) = (*args, *(v for k, v in named.items() if k == given))
        setting: dict[str, Any] = {name: n}
        return steps.view(steps.put(word, steps.plain(x), **setting))

    return put


SIZES: dict[str, Callable[..., Any]] = {
    "pad": pad,
    "interpolate": interpolate,
    "upsample_bicubic2d": lambda steps, x, size, corners, *more: interpolate(
        steps, x, mode="bicubic", align_corners=corners
    ),
    "upsample_nearest2d": lambda steps, x, *more: interpolate(steps, x),
    "pixel_shuffle": _word("depthtospace", "by", "upscale_factor"),
    "pixel_unshuffle": _word("spacetodepth", "by", "downscale_factor"),
    "channel_shuffle": _word("shuffle", "groups", "groups"),
}
