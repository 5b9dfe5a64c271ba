"""MobileNets: depthwise separable blocks (v1), and inverted residuals (v2, v3; EfficientNet builds on them)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.ir.symbol import OWN, Symbol, apply, make_divisible, moved
from archdsl.registry import Range, family
from archdsl.registry.types import Act, Channels, Count, Size

Width = Annotated[float, Range(0.01, 100)]  # a factor to widths, as in Howard et al. 2017

SCOPE = -4  # inside a block, the channels that arrive at the block
ARRIVING = Symbol("cin", (SCOPE,))

# A block from its stage, the channels that arrive (a number, or a symbol for the very first block), its own channels
# and its stride.
Block = Callable[[Stage, Any, int, int], Node]


def scaled(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Stages wider by their argument `width`, rounded to multiples of 8 as the papers do."""
    return tuple(replace(s, width=times(s, s.width)) for s in stages)


def times(stage: Stage, channels: int) -> int:
    """So many channels by the stage's argument `width` (its own width is another thing); 1 rounds nothing."""
    factor = stage.settings["width"]
    return channels if factor == 1 else make_divisible(channels * factor)


def chain(stages: tuple[Stage, ...], block: Block) -> Node:
    """Each stage's blocks, the first one with the stage's stride (where it has none, 2 from the second stage on); each
    block told what arrives at it."""
    made: list[Node] = []
    cin: Any = ARRIVING
    for index, stage in enumerate(stages):
        blocks, s = [], stage.s if stage.s is not None else min(index, 1) + 1
        for i in range(stage.depth):
            inner = block(stage, cin, stage.width, s if i == 0 else 1)
            blocks.append(replace(seq(inner, role="block", name="block"), scope=SCOPE))
            cin = stage.width
        made.append(seq(*blocks, role="stage", name="stage"))
    return seq(*made)


def inverted(
    cin: Any, hidden: Any, out: int, k: Any, s: int, act: str, gate: Callable[[Any], Node] | None = None
) -> Node:
    """An inverted residual: 1×1 to `hidden` channels (None, or as many as arrive: left out), depthwise k×k, a gate of
    the hidden channels, 1×1 to `out` without activation; with a skip where nothing changes the shape."""
    wide = cin if hidden is None else hidden
    expand = () if wide == cin else (o.conv(wide, 1), o.bn(), getattr(o, act)())
    body = seq(
        *expand,
        o.dwconv(k, s=s),
        o.bn(),
        getattr(o, act)(),
        gate(wide) if gate else None,
        o.conv(out, 1),
        o.bn(),
        role="body",
    )
    if s != 1 or (isinstance(cin, int) and cin != out):
        return body
    return fan("add", body, o.shortcut("auto" if isinstance(cin, int) else "same"), role="res", name="res")


@family(
    "conv(8, s=2) bn relu6 mobilenet[16, 32x2, 64x2] gap linear(10)",
    "conv(8, s=2) mobilenet[16, 32x2(s=1)](width=0.75)",
    paper="Howard et al. 2017, MobileNets, arXiv:1704.04861",
)
def mobilenet(
    stages: tuple[Stage, ...], k: Size = 3, s: Count | None = None, width: Width = 1.0, act: Act = "relu6"
) -> Node:
    """A stage of depth D is D blocks of a depthwise k×k and a 1×1 convolution, each with batch normalisation and ReLU6;
    the first block of every stage but the first halves the image, unless `s` says otherwise.

    `width` scales all widths, to multiples of 8.
    """

    def block(stage: Stage, cin: Any, out: int, stride: int) -> Node:
        first = (o.dwconv(stage.k, s=stride), o.bn(), getattr(o, stage.act)())
        return seq(*first, o.conv(out, 1), o.bn(), getattr(o, stage.act)(), role="body")

    return chain(scaled(stages), block)


@family(
    "conv(8, s=2) bn relu6 mobilenetv2[8(t=1), 16x2(s=2), 32x2(s=2)] gap linear(10)",
    "conv(8, s=2) mobilenetv2[16x2](t=4, width=1.4)",
    paper="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
)
def mobilenetv2(
    stages: tuple[Stage, ...], t: Count = 6, k: Size = 3, s: Count = 1, width: Width = 1.0, act: Act = "relu6"
) -> Node:
    """A stage of depth D is D inverted residuals, the first one with the stride `s`: 1×1 to `t` times the channels that
    arrive (1 leaves it out), depthwise k×k, 1×1 without activation; with a skip where the shape stays.

    The letters are those of the paper's table. `width` scales all widths, to multiples of 8.
    """

    def block(stage: Stage, cin: Any, out: int, stride: int) -> Node:
        return inverted(cin, None if stage.t == 1 else cin * stage.t, out, stage.k, stride, stage.act)

    return chain(scaled(stages), block)


@family(
    "conv(8, s=2) bn hardswish mobilenetv3[8(se, s=2), 16(exp=32), 16x2(exp=48, k=5, se, act=hardswish)]",
    "conv(8, s=2) mobilenetv3[16(exp=32), 16x2(exp=48)]",
    paper="Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",
)
def mobilenetv3(
    stages: tuple[Stage, ...],
    exp: Channels | None = None,
    k: Size = 3,
    s: Count = 1,
    se: bool = False,
    act: Act = "relu",
    width: Width = 1.0,
) -> Node:
    """Inverted residuals of `exp` hidden channels; without `exp` as many as arrive, and no 1×1 before. A stage of
    depth D is D of them, the first one with the stride `s`.

    `se` puts a squeeze-and-excitation gate with a hard sigmoid on the hidden channels, through a quarter of them (a
    multiple of 8). `width` scales all widths, to multiples of 8.
    """

    def gate(wide: Any) -> Node:
        made: Node = o.se(squeeze=apply("round8", wide // 4), gate="hardsigmoid")
        return made

    def block(stage: Stage, cin: Any, out: int, stride: int) -> Node:
        hidden = None if stage.exp is None else moved(times(stage, stage.exp), OWN, SCOPE)
        # Written out as the channels that arrive, it is what is meant without it, in every block of a stage.
        hidden = None if hidden == ARRIVING else hidden
        return inverted(cin, hidden, out, stage.k, stride, stage.act, gate if stage.se else None)

    return chain(scaled(stages), block)
