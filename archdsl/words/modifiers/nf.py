"""Residual nets without normalisation."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from archdsl.errors import fail
from archdsl.ir.make import o
from archdsl.ir.nodes import Fan, Node, Op, Seq, rebuild
from archdsl.registry import Phase, modifier
from archdsl.words.modifiers.norm import set_norm
from archdsl.words.modifiers.residual import has_skip
from archdsl.words.modifiers.structure import standardise
from archdsl.words.modifiers.walk import closed, each_op, is_op

ALPHA = 0.2  # weight of a residual branch (Brock et al. 2021, section 4.1)
# Activations times these keep the variance of a unit normal at 1 (Brock et al. 2021, section 4.2). The first two rows are
# the numbers of their code; the last one, by the same rule, is 1/sqrt(Var f(z)), of prelu with its initial slope.
GAINS = {
    "relu": 1.7139588594436646,
    "silu": 1.7881293296813965,
    "gelu": 1.7015043497085571,
    "elu": 1.2716004848480225,
    "leaky": 1.70590341091156,
    "tanh": 1.5939117670059204,
    "sigmoid": 4.803835391998291,
    "relu6": 1.7131484746932983,
    "selu": 1.0008515119552612,
    "softplus": 1.9203323125839233,
    "mish": 1.5920253811,
    "hardswish": 1.8138714738,
    "hardsigmoid": 6.0150344867,
    "prelu": 1.5046096432,
}


@modifier(
    "plain[16x2,32x2] +res +nf",
    phase=Phase.WEIGHTS_START,
    undo=lambda term: None,
    slot="ws",
    paper="Brock et al. 2021, Characterizing signal propagation (NF-ResNets), arXiv:2101.08692",
)
def nf(term: Node) -> Node | None:
    """Normaliser-free: no normalisation; scaled weight standardisation, activations that keep the variance, residual
    branches h + α·f(h/β) with α = 0.2 and β the standard deviation that h is expected to have in its stage."""
    bare = set_norm(term, None)
    scaled = standardise(bare or term, "scaled")
    if scaled is None:
        return None
    gained = each_op(scaled, _gain)
    return _weigh(gained, [0]) if has_skip(gained) else gained


def _gain(node: Op) -> Node:
    if not is_op(node, "act"):
        return node
    if node.name not in GAINS:
        raise fail(
            "A209", f"`+nf` has no gain for the activation `{node.name}`", node.span, "take one of " + ", ".join(GAINS)
        )
    return Seq((node, o.times(GAINS[node.name])))


def _weigh(node: Node, position: list[int]) -> Node:
    """Residual branches with their weights; ``position`` counts the blocks of the stage."""
    if closed(node):
        return node
    if isinstance(node, Fan) and node.role == "res":
        beta = sqrt(1 + position[0] * ALPHA**2)
        position[0] += 1
        down = (o.times(1 / beta),) if beta != 1 else ()
        branch = Seq((*down, node.branches[0], o.times(ALPHA)))
        return replace(node, branches=(branch, *node.branches[1:]))
    if isinstance(node, Seq) and node.role == "stage":
        position = [0]
    return rebuild(node, lambda child: _weigh(child, position))
