"""Torchvision's functions for attention within windows, which are one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from archdsl.importer.ops.chance import dropout as dropped_out
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.joins import cat
from archdsl.importer.ops.layers import linear
from archdsl.importer.ops.local import network_of
from archdsl.importer.ops.reshapes import cut
from archdsl.importer.ops.scores import bias_of
from archdsl.importer.places import Layout, biases
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed
from archdsl.importer.views import View


def _without_keys(bias: Any) -> Any:
    third = len(bias) // 3
    return torch.cat((bias[:third], torch.zeros_like(bias[:third]), bias[2 * third :]))


def _bias(steps: Steps, given: Any, layout: Layout, heads: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights of a bias of each distance, and the arguments that say so."""
    if isinstance(given, Computed):
        network, kind = network_of(steps, given, layout.size, heads)
        return dict(network), {"relpos": kind}
    relpos, table = biases(bias_of(steps, given), layout, layout, heads)
    return {"relpos": table}, {"relpos": relpos}


def shifted_window_attention(
    steps: Steps,
    input: View,
    qkv_weight: Any,
    proj_weight: Any,
    relative_position_bias: Any,
    window_size: Any,
    num_heads: int,
    shift_size: Any,
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Any = None,
    proj_bias: Any = None,
    logit_scale: Any = None,
    training: bool = True,
) -> View:
    """Torchvision's function, on an image with its channels last."""
    if logit_scale is not None and qkv_bias is not None:  # keys have none
        qkv_bias = steps.ledger.run(_without_keys, (qkv_bias,), {})
    x = linear(steps, steps.each(input), qkv_weight, qkv_bias)
    _, height, width = x.shape
    size = tuple(window_size)
    shift = tuple(0 if n >= extent else s for n, extent, s in zip(size, (height, width), shift_size, strict=True))
    layout = Layout(size, ("window", size), (height, width), True)
    sources, told = _bias(steps, relative_position_bias, layout, num_heads)
    if logit_scale is not None:
        sources["factor"], told["cosine"] = logit_scale, "exp"
    forms: dict[str, Any] = {} if size == (height, width) else {"window": size[0] if size[0] == size[1] else size}
    forms |= {"shift": shift if shift[0] != shift[1] else shift[0]} if any(shift) else {}
    drop = float(attention_dropout) if attention_dropout and stays_off(steps, training) else 0.0
    parts = [steps.put("part", x.step, i=i, n=3) for i in (1, 2, 3)]
    sources = {f"f.{k}": v for k, v in sources.items()} if forms else sources
    made = steps.put("attend", *parts, sources=sources, heads=num_heads, drop=drop, **told, **forms)
    done = linear(steps, steps.view(made).permuted((0, 2, 3, 1)), proj_weight, proj_bias)
    return dropped_out(steps, done, dropout, training)


def _merging_pad(steps: Steps, x: View) -> Any:
    """Torchvision's four corners of each square of pixels, side by side; images of odd size would be padded before."""
    _, height, width, _ = x.sizes()
    if height % 2 or width % 2:
        raise Inexpressible("a square of pixels at the border that is padded")
    corners = [cut(steps, cut(steps, x, 1, i, None, 2), 2, j, None, 2) for j in (0, 1) for i in (0, 1)]
    return cat(steps, corners, -1)


WINDOWS: dict[str, Callable[..., Any]] = {
    "shifted_window_attention": shifted_window_attention,
    "_patch_merging_pad": _merging_pad,
}
