"""Weights for a layer of another size, where a rule is sound.

A wider layer computes what the narrow one did: new outputs have fresh weights, and what the next layer takes from them
is 0 at first (function-preserving, as Chen et al. 2016, Net2Net, arXiv:1511.05641, but without copies of units). A
narrower one keeps its first channels. A window grows by zeros and shrinks to its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.transfer.units import Unit


@dataclass(frozen=True, slots=True)
class Where:
    """What a rule must know of the place: whether the layer is the first or the last one with a matrix, in how many
    groups it works, and why its inputs cannot be distinguished by number ("" where they can).
    """

    first: bool = False
    last: bool = False
    groups: int = 1
    mixed: str = ""


def refusal(new: Unit, old: Unit, where: Where) -> str:
    """Why no weight of ``old`` serves ``new``; "" where a rule is sound."""
    a, b = new.main, old.main
    if new.kind == "attention":
        return "queries, keys and values of another width"
    if new.kind == "tensor":
        return "" if len(a) == len(b) and (len(a) < 3 or a[-1] == b[-1] or a[1:] == b[1:]) else "another kind of table"
    if new.kind not in ("conv", "linear"):
        return ""
    if where.last and a[0] != b[0]:
        return "other classes"
    if any((p - q) % 2 for p, q in zip(a[2:], b[2:], strict=True)):
        return "windows without a common middle"
    if a[1] != b[1]:
        if where.first and {a[1], b[1]} == {1, 3}:
            return ""
        if where.mixed:
            return where.mixed
    if where.groups > 1 and a[:2] != b[:2] and not a[1] == b[1] == 1:
        return "other groups"
    return ""


def reshaped(name: str, new: Unit, fresh: Tensor, old: Tensor, where: Where) -> Tensor:
    """The old tensor in the shape of the fresh one, for units that ``refusal`` lets pass."""
    old = old.to(fresh.dtype)
    if new.kind == "tensor" and fresh.ndim == 3 and fresh.shape[1] != old.shape[1] and fresh.shape[2] == old.shape[2]:
        return positions(old, fresh.shape[1])
    if fresh.ndim > 2:
        old = window(old, tuple(fresh.shape[2:]))
    if name == "weight" and where.first and fresh.ndim == 4 and {fresh.shape[1], old.shape[1]} == {1, 3}:
        # The same answer to a grey image as to a coloured one of three equal channels.
        old = old.sum(1, keepdim=True) if fresh.shape[1] == 1 else old.expand(-1, 3, -1, -1) / 3
    found = fresh.clone()
    both = tuple(slice(0, min(p, q)) for p, q in zip(fresh.shape, old.shape, strict=True))
    if fresh.ndim > 1 and new.kind in ("conv", "linear") and fresh.shape[1] > old.shape[1]:
        found[both[0], old.shape[1] :] = 0  # new inputs say nothing to old outputs
    found[both] = old[both]
    return found


def window(old: Tensor, size: tuple[int, ...]) -> Tensor:
    """A convolution's windows cut to their middle, or with zeros round them."""
    for dim, wanted in enumerate(size, 2):
        have = old.shape[dim]
        if wanted < have:
            old = old.narrow(dim, (have - wanted) // 2, wanted)
        elif wanted > have:
            pad = [0] * (2 * old.ndim)
            pad[2 * (old.ndim - 1 - dim)] = pad[2 * (old.ndim - 1 - dim) + 1] = (wanted - have) // 2
            old = F.pad(old, pad)
    return old


def positions(old: Tensor, tokens: int) -> Tensor:
    """Position embeddings (1, N, D) for another number of tokens: a grid is interpolated, the class token's is kept
    (Dosovitskiy et al. 2020, section 3.2); what is not a grid is interpolated as a line.
    """
    _, have, width = old.shape
    for extra in (0, 1):
        side, wanted = round((have - extra) ** 0.5), round((tokens - extra) ** 0.5)
        if side**2 + extra == have and wanted**2 + extra == tokens:
            grid = old[:, extra:].transpose(1, 2).reshape(1, width, side, side)
            grid = F.interpolate(grid, size=(wanted, wanted), mode="bicubic", align_corners=False)
            return torch.cat((old[:, :extra], grid.flatten(2).transpose(1, 2)), 1)
    return F.interpolate(old.transpose(1, 2), size=tokens, mode="linear", align_corners=False).transpose(1, 2)
