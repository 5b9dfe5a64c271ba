"""Room for a later pass."""

from __future__ import annotations

from archdsl.lift.tree import Net


def stages(net: Net) -> Net:
    return net
