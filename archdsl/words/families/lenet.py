"""The first convolutional networks: stages of convolutions, each closed by a pooling."""

from __future__ import annotations

from archdsl.ir.make import Stage, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import family
from archdsl.registry.types import Count, Padding, Size


@family(
    "lenet[6, 16] flatten linear(120) tanh linear(84) tanh linear(10)",
    "lenet[6, 16] +act(relu)",
    paper="LeCun et al. 1998, Gradient-based learning applied to document recognition",
)
def lenet(stages: tuple[Stage, ...], k: Size = 5, p: Padding | None = 0, pool: Count = 2) -> Node:
    """A stage of depth D is D convolutions without padding, each with tanh, then average pooling by `pool` (1 leaves it
    out).

    Pooling has no weights here, and every map of a stage sees all maps of the one before.
    """
    return seq(
        *(
            seq(
                seq(*(o.conv(s.width, s.k, p=s.p), o.tanh()) * s.depth, role="body"),
                o.avgpool(s.pool) if s.pool > 1 else None,
                role="block",
                name="stage",
            )
            for s in stages
        )
    )


@family(
    "alexnet[64(k=5), 128, 256x2] flatten drop linear(256) relu linear(10)",
    "alexnet[32, 64(pool=1), 64]",
    paper="Krizhevsky et al. 2012, ImageNet classification with deep CNNs",
)
def alexnet(stages: tuple[Stage, ...], k: Size = 3, s: Count = 1, p: Padding | None = None, pool: Count = 3) -> Node:
    """A stage of depth D is D convolutions with ReLU, the first one with stride `s`, then max pooling over windows of
    `pool` that overlap: they move by 2 (1 leaves the pooling out)."""

    def convs(stage: Stage) -> tuple[Node, ...]:
        first = o.conv(stage.width, stage.k, s=stage.s, p=stage.p)
        return (first, o.relu(), *(o.conv(stage.width, stage.k, p=stage.p), o.relu()) * (stage.depth - 1))

    return seq(
        *(
            seq(
                seq(*convs(stage), role="body"),
                o.maxpool(stage.pool, s=2) if stage.pool > 1 else None,
                role="block",
                name="stage",
            )
            for stage in stages
        )
    )
