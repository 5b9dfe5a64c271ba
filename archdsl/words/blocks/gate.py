"""Gates: a factor for each channel, computed from the whole image."""

from __future__ import annotations

from typing import Literal

from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Seq
from archdsl.ir.symbol import CIN, apply
from archdsl.registry import block
from archdsl.registry.types import Act, Channels, Count


@block(
    "conv(16) se(4)",
    "conv(16) se(squeeze=8, act=silu)",
    "conv(16) se(4, gate=hardsigmoid)",
    paper="Hu et al. 2017, Squeeze-and-excitation networks, arXiv:1709.01507",
    traits="gate",
)
def se(
    r: Count = 16,
    act: Act = "relu",
    gate: Literal["sigmoid", "hardsigmoid", "tanh"] = "sigmoid",
    squeeze: Channels | None = None,
) -> Seq:
    """Squeeze and excitation: the channels times a gate, from their means through cin/`r` values (or `squeeze`).

    Modifiers do not look inside.
    """
    narrow = apply("max", 1, CIN // r) if squeeze is None else squeeze
    steps = (o.gap(keep=True), o.conv(narrow, 1, bias=True), getattr(o, act)(), o.conv(CIN, 1, bias=True))
    return seq(fan("mul", o.id(), seq(*steps, getattr(o, gate)())), role="gate")
