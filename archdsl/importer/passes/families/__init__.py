"""Runs of blocks that a family makes: each family has a reader that says what one block is, and the stage list follows."""

from archdsl.importer.passes.families.inverted import INVERTED
from archdsl.importer.passes.families.pooled import pooled
from archdsl.importer.passes.families.residual import RESIDUAL
from archdsl.importer.passes.families.stagelist import in_trunk
from archdsl.importer.passes.families.transformers import TRANSFORMERS
from archdsl.importer.tree import Net

FAMILIES = tuple(in_trunk(f) for f in (*INVERTED, *RESIDUAL, *TRANSFORMERS))


def pools(net: Net) -> Net:
    """VGG and AlexNet."""
    return pooled(net)


__all__ = ["FAMILIES", "pools"]
