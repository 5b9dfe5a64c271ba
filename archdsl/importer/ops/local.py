"""What attention does by distances other than by a table of biases: vectors that queries are multiplied with, softmaxes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from archdsl.emit.layers.attend import Attend
from archdsl.importer.modules import Param
from archdsl.importer.ops.headed import unscaled
from archdsl.importer.ops.scores import Scores
from archdsl.importer.places import Layout
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed


def of_places(steps: Steps, scores: Scores, layouts: list[Layout], args: dict[str, Any]) -> dict[str, Any]:
    """The weights of such forms; ``args`` gains the argument that says so."""
    if scores.query is None and scores.local is None:
        return {}
    if "relpos" in args or len(layouts[0].size) != 2 or (scores.query is not None and scores.local is not None):
        raise Inexpressible("several biases of attention by distances, or such a bias of tokens in a row")
    if scores.query is not None:
        return _of_query(steps, scores, args)
    return _gated(steps, scores, layouts, args)


def _of_query(steps: Steps, scores: Scores, args: dict[str, Any]) -> dict[str, Any]:
    assert scores.query is not None
    q, rows, columns = scores.query
    mine, theirs = unscaled(steps, scores.q), unscaled(steps, q)
    if mine.step != theirs.step or prod(mine.sizes()) != prod(theirs.sizes()) or mine.dims[-1] != theirs.dims[-1]:
        raise Inexpressible("a bias of attention that depends on other values than the queries")
    if q is not theirs:
        raise Inexpressible("a bias of attention that depends on queries times a number")
    args["relpos"] = "query"
    return {"rows": rows, "columns": columns}


def _gated(steps: Steps, scores: Scores, layouts: list[Layout], args: dict[str, Any]) -> dict[str, Any]:
    """A softmax of a linear function of distances, mixed by a learnt fraction of each head (ConViT)."""
    assert scores.local is not None
    (share, added), heads, size = scores.local, args["heads"], layouts[0].size
    at = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    down, right = (x.flatten() - x.flatten()[:, None] for x in at)
    places = torch.stack((right, down, right**2 + down**2), -1).float()

    def whole(gate: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        local = (places @ weight.T + bias).permute(2, 0, 1).softmax(-1) * gate.sigmoid()[:, None, None]
        return local.expand(added.shape)

    found = steps.ledger.equal(added, whole, (heads,), (heads, 3), (heads,))
    gate = steps.ledger.equal(share, lambda g: (1 - g.sigmoid()).reshape(share.shape), (heads,))
    if not found or gate != found[:1]:
        raise Inexpressible("a softmax of distances that is mixed in another way than by `relpos=gated`")
    args["relpos"] = "gated"
    shapes = {"gate": (heads,), "place.weight": (heads, 3), "place.bias": (heads,)}
    return {own: Param(name, shape) for (own, shape), name in zip(shapes.items(), found, strict=True)}


# The small networks that compute a bias: the kind of `relpos`, their weights in the order of their use, and their shapes.
NETWORKS: dict[str, tuple[tuple[str, ...], Callable[[int], tuple[tuple[int, ...], ...]]]] = {
    "cpb": (
        ("cpb.0.weight", "cpb.0.bias", "cpb.2.weight"),
        lambda heads: ((512, 2), (512,), (heads, 512)),
    ),
    "mlp": (
        ("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"),
        lambda heads: ((384, 2), (384,), (heads, 384), (heads,)),
    ),
}


def network_of(steps: Steps, bias: Computed, size: tuple[int, ...], heads: int) -> tuple[dict[str, str], str]:
    """The weights of a small network that computes the bias of each distance (Swin V2), and its kind.

    Raises:
        Inexpressible: it is another one than those of `relpos`.
    """
    for kind, (names, shapes) in NETWORKS.items() if len(size) == 2 else ():
        ours = Attend(heads, relpos=kind, sizes=(size, size))

        def formula(*weights: Tensor, ours: Attend = ours, names: tuple[str, ...] = names) -> Tensor:
            ours.load_state_dict(dict(zip(names, weights, strict=True)))
            made = ours.bias(weights[0])
            assert made is not None
            return made.reshape(bias.shape)

        with torch.no_grad():
            found = steps.ledger.equal(bias, formula, *shapes(heads))
        if found:
            return dict(zip(names, found, strict=True)), kind
    raise Inexpressible(
        "a bias of attention that is computed of weights in another way than by `relpos=cpb` or `relpos=mlp`"
    )
