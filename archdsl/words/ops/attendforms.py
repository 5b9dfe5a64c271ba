"""The forms of `attend`: their weights, their cost, what fits them."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.registry.types import Shape
from archdsl.words.ops.attentionparts import placed_windows, turned_axes
from archdsl.words.ops.shapes import pair

Sizes = tuple[tuple[int, ...], tuple[int, ...]]


def spots(x: Shape) -> int:
    """The number of tokens, or of pixels."""
    return x[0] if len(x) == 2 else x[1] * x[2]


def size(x: Shape) -> tuple[int, ...]:
    """How tokens are laid out: in a row, or in rows and columns."""
    return (x[0],) if len(x) == 2 else tuple(x[1:])


def laid_out(q: Shape, k: Shape, prefix: int, width: int) -> Sizes:
    """How queries and keys are laid out; with ``prefix`` those behind so many others, a square image.

    Raises:
        Misfit: they are no square image, or their heads of this width cannot be turned along two axes.
    """
    if not prefix:
        return size(q), size(k)
    sides = [isqrt(max(spots(x) - prefix, 0)) for x in (q, k)]
    if any(len(x) != 2 or not n or n * n != spots(x) - prefix for x, n in zip((q, k), sides, strict=True)):
        help = "leave `prefix` out, or give both branches all tokens"
        raise Misfit(f"behind {prefix} tokens there is no square image", "A304", help)
    turned_axes(2, width)
    return (sides[0],) * 2, (sides[1],) * 2


def of_channels(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], asked: list[str], settings: dict[str, Any]
) -> Layer:
    """Channels that attend to each other."""
    q, k, v = xs
    if asked:
        raise Misfit(f"`attend(channels)` does not support `{asked[0]}`", help="leave one of the two out")
    if spots(q) != spots(k) or widths[1] != widths[2]:
        help = "queries and keys are of the same tokens, keys and values are equally wide"
        raise Misfit(f"`attend(channels)` joins {words(q)}, {words(k)} and {words(v)}", "A304", help)
    return Layer(
        out=q,
        module=lambda nn: nn.Attend(heads, channels=True, **settings),
        weights={"factor": (heads, 1, 1)} if "cosine" in settings else {},
        macs=2 * spots(q) * widths[0] * widths[1] // heads,
        window=GLOBAL,
    )


def linear_form(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], scale: float | None, fraction: bool, asked: list[str]
) -> Layer:
    """Products as weights, without a softmax: keys and values are multiplied first."""
    if asked:
        form = "fraction" if fraction else "product"
        raise Misfit(f"`attend(by={form})` does not support `{asked[0]}`", help="leave one of the two out")
    if fraction and scale is not None:
        raise Misfit("`scale` has no effect on the fractions of `attend(by=fraction)`", help="leave `scale` out")
    q = xs[0]
    settings: dict[str, Any] = ({"scale": scale} if scale is not None else {}) | (
        {"fraction": True} if fraction else {}
    )
    return Layer(
        out=(q[0], widths[2]) if len(q) == 2 else (widths[2], *q[1:]),
        module=lambda nn: nn.LinearAttend(heads, **settings),
        macs=(spots(q) + spots(xs[1])) * widths[0] * widths[2] // heads,
        window=GLOBAL,
    )


def learnt(
    queries: tuple[int, ...], keys: tuple[int, ...], heads: int, relpos: str, width: int, settings: dict[str, Any]
) -> tuple[dict[str, Shape], int]:
    """The weights of its forms in the order of the module, and the MACs of the bias; ``settings`` gains the sizes.

    Args:
        width: of a head.
    """
    weights: dict[str, Shape] = {"factor": (heads, 1, 1)} if "cosine" in settings else {}
    macs = 0
    if "rotary" in settings and "prefix" not in settings and (len(queries) != len(keys) or relpos == "class"):
        raise Misfit("`rotary` needs queries and keys that are both tokens, or both images", "A304", "say `untokens`")
    if "prefix" in settings and relpos != "none":
        raise Misfit("`prefix` of `attend` does not support `relpos`", help="leave one of the two out")
    if relpos == "class":
        queries, keys = _behind_class(queries), _behind_class(keys)
    if relpos in ("query", "gated", "cpb", "mlp"):
        _images(queries, keys, relpos)
    if relpos != "none":
        settings |= {"relpos": str(relpos), "sizes": (queries, keys)}
    if relpos in ("signed", "absolute", "class"):
        weights |= {"relpos": (_distances(queries, keys, relpos), heads)}
    if relpos == "cpb":
        weights |= {"cpb.0.weight": (512, 2), "cpb.0.bias": (512,), "cpb.2.weight": (heads, 512)}
        macs = _distances(queries, keys, relpos) * 512 * (2 + heads)
    if relpos == "mlp":
        weights |= {
            "mlp.0.weight": (384, 2),
            "mlp.0.bias": (384,),
            "mlp.2.weight": (heads, 384),
            "mlp.2.bias": (heads,),
        }
        macs = _distances(queries, keys, relpos) * 384 * (2 + heads)
    if relpos == "query":
        settings |= {"head": width}
        rows, columns = (2 * max(m, n) - 1 for m, n in zip(queries, keys, strict=True))
        weights |= {"rows": (rows, width), "columns": (columns, width)}
        macs = prod(queries) * sum(keys) * heads * width
    if relpos == "gated":
        weights |= {"gate": (heads,), "place.weight": (heads, 3), "place.bias": (heads,)}
        macs = prod(queries) * prod(keys) * 3 * heads
        if given := next((n for n in ("cosine", "talk") if n in settings), ""):
            raise Misfit(f"`relpos=gated` of `attend` does not support `{given}`", help="leave one of the two out")
    return weights | (_talk(heads) if settings.get("talk") else {}), macs


def _images(queries: tuple[int, ...], keys: tuple[int, ...], relpos: str) -> None:
    """Refuse places that such a bias does not know."""
    if len(queries) != 2 or len(keys) != 2 or (relpos != "query" and queries != keys):
        of = "images" if relpos == "query" else "images of one size"
        raise Misfit(f"`relpos={relpos}` needs queries and keys of {of}", "A304", "say `untokens`")
    if relpos == "query" and any(max(m, n) % min(m, n) for m, n in zip(queries, keys, strict=True)):
        help = "give one a whole multiple of the other's rows and columns"
        raise Misfit(f"`relpos=query` needs images that fit: {queries} and {keys}", "A304", help)


def within(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], forms: dict[str, Any], relpos: str, settings: Any
) -> Layer:
    """Within windows of images of one size, or of a smaller image of queries."""
    asked = {n: a for n, a in forms.items() if a}
    if len(xs[0]) == 3 and all(len(x) == 3 for x in xs) and xs[0][1:] != xs[1][1:] == xs[2][1:]:
        return _pooled(xs, heads, widths, asked, relpos, settings)
    if any(len(x) != 3 or x[1:] != xs[0][1:] for x in xs):
        help = "give the branches images of one size, or leave `window` and `grid` out"
        raise Misfit("windows of `attend` need three images of one size", "A304", help)
    if "window" in asked and "grid" in asked:
        raise Misfit("`window` and `grid` of `attend` exclude each other", help="keep one of them")
    if "shift" in asked and "window" not in asked:
        raise Misfit("`shift` moves windows, and there are none", help="write `window=`, or leave `shift` out")
    if given := next((n for n in ("kv", "prefix") if n in settings), "gated" if relpos == "gated" else ""):
        raise Misfit(f"windows of `attend` do not support `{given}`", help="leave one of the two out")
    here, number, sight, windows = placed_windows(xs[0], asked)
    settings |= {"sizes": (here, here)} if "rotary" in settings else {}
    weights, macs = learnt(here, here, heads, relpos, widths[0] // heads, settings)
    macs *= number // prod(here) if relpos == "query" else 1
    return Layer(
        out=(widths[2], *xs[0][1:]),
        module=lambda nn: nn.AttendWindows(nn.AttendPacked(heads, widths, **settings), **windows),
        weights={f"f.{k}": shape for k, shape in weights.items()},
        macs=number * prod(here) * (widths[0] + widths[2] + (2 * heads * heads if "talk" in settings else 0)) + macs,
        window=sight,
    )


def _pooled(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], asked: dict[str, Any], relpos: str, settings: Any
) -> Layer:
    """Within windows of the keys, of which the queries' image has as many smaller ones."""
    window, image, small = pair(asked.get("window", (0, 0))), xs[1][1:], xs[0][1:]
    if other := next((n for n in asked if n != "window"), next((n for n in ("rotary", "kv") if n in settings), "")):
        help = "give the branches images of one size, or leave one of the two out"
        raise Misfit(f"windows of a smaller image of queries do not support `{other}`", "A304", help)
    if any(n % p or m * p % n for n, p, m in zip(image, window, small, strict=True)):
        raise Misfit(
            f"windows of {window[0]}x{window[1]} of an image of {image[0]}x{image[1]} have no smaller ones in queries of "
            f"{small[0]}x{small[1]}",
            "A304",
            "choose windows that divide both images into as many",
        )
    inner = tuple(m * p // n for n, p, m in zip(image, window, small, strict=True))
    weights, macs = learnt(inner, window, heads, relpos, widths[0] // heads, settings)
    number = prod(image) // prod(window)
    macs = macs * (number if relpos == "query" else 1) + number * prod(inner) * prod(window) * (widths[0] + widths[2])
    macs += 2 * number * prod(inner) * prod(window) * heads * heads if "talk" in settings else 0
    return Layer(
        out=(widths[2], *small),
        module=lambda nn: nn.AttendPooled(heads, window, **settings),
        weights=weights,
        macs=macs,
        window=GLOBAL,
    )


def _talk(heads: int) -> dict[str, Shape]:
    """The weights that mix heads."""
    shapes: dict[str, Shape] = {"weight": (heads, heads), "bias": (heads,)}
    return {f"talk_{place}.{k}": shape for place in ("before", "after") for k, shape in shapes.items()}


def _distances(queries: tuple[int, ...], keys: tuple[int, ...], relpos: str) -> int:
    """The rows of the table: distances of queries that are ``keys / queries`` keys apart, rounded up.

    Raises:
        Misfit: they have no distances, or some query is behind the last key.
    """
    if len(queries) != len(keys):
        raise Misfit("`relpos` needs queries and keys that are both tokens, or both images", "A304", "say `untokens`")
    number = 3 if relpos == "class" else 0
    ends = [(m - 1) * -(-n // m) for m, n in zip(queries, keys, strict=True)]  # of the last query
    if any(end >= n and (relpos == "absolute" or n > m) for end, m, n in zip(ends, queries, keys, strict=True)):
        help = "give the keys a whole multiple of the queries' rows and columns"
        raise Misfit(f"`relpos={relpos}` needs queries and keys that fit: {queries} and {keys}", "A304", help)
    return number + prod(n if relpos == "absolute" else end + n for end, n in zip(ends, keys, strict=True))


def _behind_class(size: tuple[int, ...]) -> tuple[int, ...]:
    """The square image that tokens behind a class token are."""
    side = isqrt(size[0] - 1)
    if len(size) != 1 or not side or side * side != size[0] - 1:
        help = "write `cls` before, and leave the image square"
        raise Misfit("`relpos=class` takes a class token and the pixels of a square image", "A304", help)
    return (side, side)
