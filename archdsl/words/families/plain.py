"""The plain net of He et al. and its residual relatives: stages of blocks, the first block of a stage strided."""

from __future__ import annotations

from collections.abc import Callable

from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Node, Seq
from archdsl.registry import family
from archdsl.registry.types import Count, Size

Body = Callable[[Stage, int], Seq]


def _stages(stages: tuple[Stage, ...], block: Callable[[Stage, int], Node]) -> Node:
    """Each stage's blocks; the first one has the stage's stride, by default 2 from the second stage on."""

    def blocks(stage: Stage, stride: int) -> Node:
        first = block(stage, stride)
        rest = first if stride == 1 else block(stage, 1)  # equal blocks are one shared node
        return seq(first, *(rest,) * (stage.depth - 1), role="stage", name="stage")

    return seq(*(blocks(stage, _stride(stage, i)) for i, stage in enumerate(stages)))


def _stride(stage: Stage, index: int) -> int:
    s: int | None = stage.s
    return (1 if index == 0 else 2) if s is None else s


def _basic(stage: Stage, s: int) -> Seq:
    return seq(o.conv(stage.width, stage.k, s=s), o.bn(), o.relu(), o.conv(stage.width, stage.k), o.bn(), role="body")


def _narrow(stage: Stage, s: int) -> Seq:
    inner = int(stage.width * stage.base / 64) * stage.groups
    return seq(
        o.conv(inner, 1),
        o.bn(),
        o.relu(),
        o.conv(inner, stage.k, s=s, groups=stage.groups),
        o.bn(),
        o.relu(),
        o.conv(stage.width * stage.expansion, 1),
        o.bn(),
        role="body",
    )


def _residual(body: Body) -> Callable[[Stage, int], Node]:
    def make(stage: Stage, s: int) -> Node:
        joined = fan("add", body(stage, s), o.shortcut(), role="res", name="res")
        return seq(joined, o.relu(), role="block", name="block")

    return make


@family(
    "conv(16) bn relu plain[16x9, 32x9, 64x9] gap linear(10)",
    "plain[16x2, 32x2] +res",
    paper="He et al. 2015, arXiv:1512.03385",
    local=True,
)
def plain(stages: tuple[Stage, ...], k: Size = 3, s: Count | None = None) -> Node:
    """A stage of depth D is D blocks of two convolutions, each with batch normalisation and ReLU; the first block of
    every stage but the first halves the image."""

    def make(stage: Stage, stride: int) -> Node:
        body = _basic(stage, stride)
        return seq(seq(*body.items, o.relu(), role="body"), role="block", name="block")

    return _stages(stages, make)


@family(
    "conv(64, 7, s=2) bn relu maxpool(3, s=2, p=1) resnet[64x2, 128x2, 256x2, 512x2] gap linear(10)",
    paper="He et al. 2015, arXiv:1512.03385",
    local=True,
)
def resnet(stages: tuple[Stage, ...], k: Size = 3, s: Count | None = None) -> Node:
    """`plain` with a residual connection round each block: the basic blocks of ResNet-18 and -34."""
    return _stages(stages, _residual(_basic))


@family("conv(16) bn relu bottleneck[16x2, 32x2] gap linear(10)", paper="He et al. 2015, arXiv:1512.03385", local=True)
def bottleneck(
    stages: tuple[Stage, ...],
    k: Size = 3,
    s: Count | None = None,
    expansion: Count = 4,
    base: Count = 64,
    groups: Count = 1,
) -> Node:
    """Residual blocks of 1×1, k×k, 1×1 convolutions, the last `expansion` times as wide: ResNet-50 and deeper.

    `base` scales the inner width (128 gives Wide ResNet-50-2), `groups` splits it.
    """
    return _stages(stages, _residual(_narrow))


@family(
    "conv(16) bn relu resnext[16x2, 32x2](groups=8, base=8) gap linear(10)",
    paper="Xie et al. 2016, Aggregated residual transformations, arXiv:1611.05431",
    local=True,
)
def resnext(
    stages: tuple[Stage, ...],
    k: Size = 3,
    s: Count | None = None,
    expansion: Count = 4,
    base: Count = 4,
    groups: Count = 32,
) -> Node:
    """Bottlenecks whose window is split into `groups` groups of `base` channels at width 64: ResNeXt-50 32x4d."""
    return _stages(stages, _residual(_narrow))


@family(
    "conv(16) wide[16x2, 32x2](factor=4) bn relu gap linear(10)",
    paper="Zagoruyko & Komodakis 2016, Wide residual networks, arXiv:1605.07146",
    local=True,
)
def wide(stages: tuple[Stage, ...], k: Size = 3, s: Count | None = None, factor: Count = 10) -> Node:
    """Pre-activation residual blocks, `factor` times as wide as the stages say; `bn relu` follows them."""

    def make(stage: Stage, stride: int) -> Node:
        width = stage.width * stage.factor
        body = seq(
            o.bn(),
            o.relu(),
            o.conv(width, stage.k, s=stride),
            o.bn(),
            o.relu(),
            o.conv(width, stage.k),
            role="body",
            pre=True,
        )
        return seq(fan("add", body, o.shortcut(), role="res", name="res"), role="block", name="block")

    return _stages(stages, make)


@family(
    "conv(16) preresnet[16x2, 32x2] bn relu gap linear(10)",
    paper="He et al. 2016, Identity mappings in deep residual networks, arXiv:1603.05027",
    local=True,
)
def preresnet(stages: tuple[Stage, ...], k: Size = 3, s: Count | None = None) -> Node:
    """Residual blocks with normalisation and activation before each convolution; `bn relu` follows them."""

    def make(stage: Stage, stride: int) -> Node:
        body = seq(
            o.bn(),
            o.relu(),
            o.conv(stage.width, stage.k, s=stride),
            o.bn(),
            o.relu(),
            o.conv(stage.width, stage.k),
            role="body",
            pre=True,
        )
        return seq(fan("add", body, o.shortcut(), role="res", name="res"), role="block", name="block")

    return _stages(stages, make)
