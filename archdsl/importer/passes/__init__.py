"""From a tree that says what is done to one that says what it is: each pass is a function from net to net, and one that
would change the network (or fails to read it) is not taken.
"""

from __future__ import annotations

from collections.abc import Callable

from archdsl.importer.passes.blocks import gates, inceptions, ratios, residuals, shortcuts
from archdsl.importer.passes.families import FAMILIES, pools
from archdsl.importer.passes.fold import repeats
from archdsl.importer.passes.heads import class_count
from archdsl.importer.passes.lets import lets, named
from archdsl.importer.passes.norms import inline, norms, norms_alone, open_biases
from archdsl.importer.passes.patches import patches
from archdsl.importer.passes.sharings import sharings
from archdsl.importer.passes.stages import stages
from archdsl.importer.tree import Net

Pass = Callable[[Net], Net]
MOST_LETS = 10
MOST_PARTS = 8  # that are used again

PASSES: tuple[Pass, ...] = (
    *(sharings,) * MOST_PARTS,
    *(open_biases, gates, residuals, shortcuts, norms, norms_alone, inceptions, patches),
    *FAMILIES,
    *(pools, class_count),
    *(lets,) * MOST_LETS,
    *(repeats, stages, ratios, inline, named),
)


def raised(net: Net, holds: Callable[[Net], bool]) -> Net:
    """The net after every pass that keeps it what it is, which ``holds`` says."""
    for change in PASSES:
        new = change(net)
        if new != net and holds(new):
            net = new
    return net
