"""VGG and the multilayer perceptron: stages of equal layers."""

from __future__ import annotations

from archdsl.ir.make import Stage, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import family
from archdsl.registry.types import Count, Size


@family(
    "vgg[64x2,128x2] +bn",
    "vgg[64x2^3]",
    "vgg[16x2, 32x2(k=5)](pool=2)",
    paper="Simonyan & Zisserman 2014, arXiv:1409.1556",
    local=True,
)
def vgg(stages: tuple[Stage, ...], k: Size = 3, pool: Count = 2, bias: bool | None = None) -> Node:
    """A stage of depth D is D convolutions with ReLU, then max pooling by `pool` (1 leaves it out)."""
    return seq(
        *(
            seq(
                seq(*(o.conv(s.width, s.k, bias=s.bias), o.relu()) * s.depth, role="body"),
                o.maxpool(s.pool) if s.pool > 1 else None,
                role="block",
                name="stage",
            )
            for s in stages
        )
    )


@family(
    "flatten mlp[64x2] linear(10)",
    "flatten mlp[256, 128] +bn drop(0.2) linear(10)",
    paper="Rumelhart et al. 1986, Learning representations by back-propagating errors",
    local=True,
)
def mlp(stages: tuple[Stage, ...], bias: bool | None = None) -> Node:
    """A stage of depth D is D linear layers with ReLU; it takes a vector."""
    return seq(
        *(
            seq(seq(*(o.linear(s.width, s.bias), o.relu()) * s.depth, role="body"), role="block", name="stage")
            for s in stages
        )
    )
