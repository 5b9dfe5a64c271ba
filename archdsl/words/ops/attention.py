"""Attention: of tokens and of an image's pixels, within windows, to a smaller image, of the class token, of channels."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.ir.trace import channels
from archdsl.ir.window import Sight, Window
from archdsl.registry import op
from archdsl.registry.params import Flag, Range
from archdsl.registry.types import Channels, Count, Padding, Positive, Rate, Shape, Size
from archdsl.words.ops.attentionparts import placed_windows as placed_windows
from archdsl.words.ops.attentionparts import projection
from archdsl.words.ops.attentionparts import turned_axes as turned_axes
from archdsl.words.ops.shapes import compact, extent, pair

Base = Annotated[float, Range(1, 1e300), Flag(10000.0)]  # of rotary angles; the flag as in Su et al. 2021


@op(
    "patch(8, 64) tokens attention(4)",
    "patch(8, 64) tokens add(id | ln attention(4, bias=false))",
    "patch(8, 64) tokens attention(4, drop=0.1)",
    "patch(8, 48) tokens attention(4, head_dim=8, out=64, scale=0.2)",
    "patch(8, 64) tokens attention(4, kv=2, rotary, causal)",
    "patch(8, 64) tokens attention(4, kv=1, qknorm=ln, relpos)",
    "patch(8, 64) tokens attention(4, talk)",
    "patch(4, 24) attention(3, window=4, shift=2, relpos)",
    "patch(4, 24) attention(3, window=3)",
    "patch(4, 24) attention(2, grid=4, relpos, talk)",
    "patch(4, 32) attention(2, out=48, relpos)",
    "patch(4, 32) attention(2, rotary=100, qknorm=rms)",
    "patch(4, 32) attention(2, reduce=2)",
    "patch(4, 32) attention(2, pool=3, drop=0.1)",
    paper="Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762",
    traits="weighted attention",
)
def attention(
    x: Shape,
    heads: Count = 8,
    bias: bool = True,
    drop: Rate = 0.0,
    window: Size | None = None,
    shift: Padding = 0,
    grid: Size | None = None,
    relpos: bool = False,
    rotary: Base | None = None,
    causal: bool = False,
    head_dim: Channels | None = None,
    out: Channels | None = None,
    kv: Count | None = None,
    qknorm: Literal["none", "ln", "rms"] = "none",
    talk: bool = False,
    scale: Positive | None = None,
    reduce: Size | None = None,
    pool: Size | None = None,
) -> Layer:
    """Multi-head self-attention: each token becomes a mean over all, weighted by softmax(q·k/√(width/heads)). Of an image the
    pixels are the tokens.

    Of tokens, and with none of the forms below, weights are those of `torch.nn.MultiheadAttention`. `drop` is the rate of dropout
    on the attention weights while training. The products of queries with keys and of weights with values count into the MACs.

    Who looks at whom. `window`: of an image, the pixels of each window of this size at each other; `shift` moves the windows
    down and to the right, and those at the border are cut in two (Swin, Liu et al. 2021, arXiv:2103.14030). Zeros fill up
    the last windows where the size does not divide the image. `grid`: so many rows and columns of pixels that are equally
    far apart (MaxViT, Tu et al. 2022, arXiv:2204.01697). `causal`: no token at those behind it. `reduce`: each pixel at a smaller
    image, from a convolution of this window and stride, and `ln` (PVT, Wang et al. 2021, arXiv:2102.12122); `reduce=1` has
    PVT's weights without the convolution. `pool`: the same from average pooling to this size, a convolution of 1×1, `ln` and
    `gelu` (linear PVT v2, arXiv:2106.13797).

    Where they are. `relpos`: a learnt bias for each head and each distance, on an image or in a window for each distance in
    rows and columns. `rotary`: queries and keys are turned by angles of this base, 10000 if none is given (Su et al. 2021,
    arXiv:2104.09864); on an image one half of each head by the row, the other by the column.

    What they compute. `head_dim`: the width of a head, `out`: that of the result. `kv`: heads of keys and values, which several
    heads of queries share (Ainslie et al. 2023, arXiv:2305.13245). `qknorm`: normalises each head's queries and keys
    (Dehghani et al. 2023, arXiv:2302.05442). `talk`: mixes the heads before and behind the softmax (Shazeer et al. 2020,
    arXiv:2003.02436). `scale`: the factor of q·k instead of 1/√(width/heads).
    """
    if len(x) == 1:
        raise Misfit(
            f"`attention` takes tokens or an image, and here arrives {words(x)}",
            "A301",
            "`patch(16, 768) tokens` makes an image to tokens; `gap` and `flatten` come behind",
        )
    d = channels(x)
    if head_dim is None and d % heads:
        raise Misfit(f"{heads} heads do not divide a width of {d}", "A303", "choose a number of heads that divides it")
    forms: dict[str, Any] = {"window": window, "shift": shift, "grid": grid, "reduce": reduce, "pool": pool}
    forms |= {"relpos": relpos, "rotary": rotary, "causal": causal, "talk": talk, "scale": scale}
    forms["head_dim"] = None if head_dim is None or head_dim * heads == d else head_dim
    forms |= {"out": None if out == d else out, "kv": None if kv == heads else kv}
    forms["qknorm"] = None if qknorm == "none" else str(qknorm)
    asked = {name: value for name, value in forms.items() if value}
    common: dict[str, Any] = ({} if bias else {"bias": False}) | ({"drop": drop} if drop else {})
    _agree(x, asked)
    if "reduce" in asked or "pool" in asked:
        return _reduced(x, heads, reduce, pool, common)
    return _general(x, heads, asked, common) if asked or len(x) == 3 else _plain(x, heads, common)


# Arguments that need an image, one alone of several, or have no meaning beside another.
_IMAGE = ("window", "shift", "grid", "reduce", "pool")
_PLACES = ("window", "grid", "reduce", "pool", "causal")


def _agree(x: Shape, asked: dict[str, Any]) -> None:
    """Refuse arguments that contradict each other or what arrives."""
    if len(x) == 2 and (name := next((n for n in _IMAGE if n in asked), "")):
        help = "leave `tokens` out before it, or write `untokens` there"
        raise Misfit(f"`attention({name}=…)` takes an image, and here arrive {words(x)}", "A301", help)
    if len(several := [f"`{n}`" for n in _PLACES if n in asked]) > 1:
        raise Misfit(f"{' and '.join(several)} of `attention` exclude each other", help="keep one of them")
    if "causal" in asked and len(x) == 3:
        raise Misfit("`causal` needs an order, which an image has not", "A301", "write `tokens` before `attention`")
    if "shift" in asked and "window" not in asked:
        raise Misfit("`shift` moves windows, and there are none", help="write `window=`, or leave `shift` out")
    if "reduce" in asked or "pool" in asked:
        name = "reduce" if "reduce" in asked else "pool"
        if len(asked) > 1:
            other = next(n for n in asked if n != name)
            raise Misfit(f"`attention({name}=…)` does not support `{other}`", help="leave one of the two out")


def _plain(x: Shape, heads: int, common: dict[str, Any]) -> Layer:
    """As in ``torch.nn.MultiheadAttention``."""
    n, d = x
    weights: dict[str, Shape] = {"in_proj_weight": (3 * d, d), "in_proj_bias": (3 * d,)}
    weights |= {"out_proj.weight": (d, d), "out_proj.bias": (d,)}
    if "bias" in common:
        weights = {k: s for k, s in weights.items() if not k.endswith("bias")}
    macs = 4 * n * d * d + 2 * n * n * d
    return Layer(out=x, weights=weights, macs=macs, window=GLOBAL, module=lambda nn: nn.Attention(d, heads, **common))


def _general(x: Shape, heads: int, asked: dict[str, Any], common: dict[str, Any]) -> Layer:
    """Of tokens, or within windows of an image, the whole of it as one of them."""
    sight: Window | Sight = GLOBAL
    d, spots = channels(x), x[0]
    size: tuple[int, ...] = (x[0],)
    windows: dict[str, Any] = {}
    if len(x) == 3:
        size, spots, sight, windows = placed_windows(x, asked)
    keys, kv, out = prod(size), asked.get("kv", heads), asked.get("out", d)
    head_dim = asked.get("head_dim", d // heads)
    if heads % kv:
        raise Misfit(
            f"{kv} heads of keys do not divide {heads} heads", "A303", "choose `kv` so that it divides `heads`"
        )
    if "rotary" in asked:
        turned_axes(len(size), head_dim)
    weights: dict[str, Shape] = {"relpos": (prod(2 * n - 1 for n in size), heads)} if "relpos" in asked else {}
    weights |= projection("qkv", d, (heads + 2 * kv) * head_dim, common)
    if "qknorm" in asked:
        kept = ("weight", "bias") if asked["qknorm"] == "ln" else ("weight",)
        weights |= {f"{norm}.{k}": (head_dim,) for norm in ("q_norm", "k_norm") for k in kept}
    weights |= projection("proj", heads * head_dim, out, common)
    if "talk" in asked:
        weights |= projection("talk_before", heads, heads, common) | projection("talk_after", heads, heads, common)
    macs = spots * head_dim * (d * (heads + 2 * kv) + 2 * keys * heads + heads * out)
    macs += 2 * spots * keys * heads * heads if "talk" in asked else 0
    settings = common | {k: v for k, v in asked.items() if k not in ("window", "shift", "grid")}
    if "relpos" in asked or "rotary" in asked:
        settings["size"] = size
    if not windows:
        return Layer((x[0], out), lambda nn: nn.GeneralAttention(d, heads, **settings), None, weights, {}, macs, sight)
    return Layer(
        out=(out, *x[1:]),
        weights={f"f.{k}": s for k, s in weights.items()},
        macs=macs,
        window=sight,
        module=lambda nn: nn.Windows(nn.GeneralAttention(d, heads, **settings), **windows),
    )


def _reduced(x: Shape, heads: int, reduce: Any, pool: Any, common: dict[str, Any]) -> Layer:
    """Keys and values from a smaller image."""
    d, h, w = x
    n, k = h * w, (1, 1) if reduce is None else pair(reduce)
    small = pair(pool) if reduce is None else (extent(h, k[0], k[0], 0), extent(w, k[1], k[1], 0))
    if 0 in small:
        help = f"choose a window of at most {h}x{w}"
        raise Misfit(f"`reduce={k[0]}x{k[1]}` leaves nothing of an image of {h}x{w}", help=help)
    m, reduces = prod(small), reduce is None or k != (1, 1)
    weights = projection("q", d, d, common) | projection("kv", d, 2 * d, common) | projection("proj", d, d, common)
    if reduces:
        weights |= {"reduce.weight": (d, d, *k), "reduce.bias": (d,), "norm.weight": (d,), "norm.bias": (d,)}
    macs = 2 * n * d * d + 2 * m * d * d + 2 * n * m * d + (m * d * d * prod(k) if reduces else 0)
    settings: dict[str, Any] = {"pool": compact(small)} if reduce is None else {"reduce": compact(k)}
    return Layer(x, lambda nn: nn.ReducedAttention(d, heads, **settings, **common), None, weights, {}, macs, GLOBAL)
