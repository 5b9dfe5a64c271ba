"""Attention of the class token, and of channels."""

from __future__ import annotations

from typing import Any

from archdsl.ir.layer import GLOBAL, Layer, Misfit
from archdsl.registry import op
from archdsl.registry.types import Count, Rate, Shape
from archdsl.words.ops.attentionparts import projection
from archdsl.words.ops.tokens import tokens_of


def _heads(x: Shape, word: str, heads: int) -> tuple[int, int]:
    n, d = tokens_of(x, word)
    if d % heads:
        raise Misfit(f"{heads} heads do not divide a width of {d}", "A303", "choose a number of heads that divides it")
    return n, d


@op(
    "patch(8, 64) tokens cls classattention(4)",
    "patch(8, 64) tokens as x cls take(0, 1) add(id | cat(id | @x) ln classattention(4, bias=false) scale) take linear(10)",
    paper="Touvron et al. 2021, Going deeper with image transformers, arXiv:2103.17239",
    traits="weighted attention",
)
def classattention(x: Shape, heads: Count = 8, bias: bool = True, drop: Rate = 0.0) -> Layer:
    """Attention of the first token alone to all tokens, itself among them; the result is one token.

    `cat(classattention(4) | take(1, 197))` puts the other 196 behind it again. `drop` is as for `attention`.
    """
    n, d = _heads(x, "classattention", heads)
    common: dict[str, Any] = ({} if bias else {"bias": False}) | ({"drop": drop} if drop else {})
    weights = {k: s for name in ("q", "k", "v", "proj") for k, s in projection(name, d, d, common).items()}
    macs = 2 * d * d * (n + 1) + 2 * n * d
    return Layer((1, d), lambda nn: nn.ClassAttention(d, heads, **common), None, weights, {}, macs, GLOBAL)


@op(
    "patch(8, 64) tokens xca(4)",
    "patch(8, 64) tokens add(id | ln xca(2, bias=false, drop=0.1))",
    paper="El-Nouby et al. 2021, XCiT: Cross-covariance image transformers, arXiv:2106.09681",
    traits="weighted attention",
)
def xca(x: Shape, heads: Count = 8, bias: bool = True, drop: Rate = 0.0) -> Layer:
    """Cross-covariance attention: within each head each channel becomes a mean over all, weighted by the softmax of the cosine
    of the two channels over the tokens, times a learnt temperature for each head. Its cost grows with the tokens, not with
    their square. `drop` is as for `attention`.
    """
    n, d = _heads(x, "xca", heads)
    common: dict[str, Any] = ({} if bias else {"bias": False}) | ({"drop": drop} if drop else {})
    weights: dict[str, Shape] = {"temperature": (heads, 1, 1)} | projection("qkv", d, 3 * d, common)
    weights |= projection("proj", d, d, common)
    macs = 4 * n * d * d + 2 * n * d * (d // heads)
    module = lambda nn: nn.CrossCovarianceAttention(d, heads, **common)  # noqa: E731
    return Layer(x, module, None, weights, {}, macs, GLOBAL)
