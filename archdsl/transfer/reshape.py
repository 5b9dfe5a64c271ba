"""Weights for a layer of another size, where a rule is sound.

A wider layer computes what the narrow one did: new outputs have fresh weights, and what the next layer takes from them
is 0 at first (function-preserving, as Chen et al. 2016, Net2Net, arXiv:1511.05641, but without copies of units). A
narrower one keeps its first channels. A window grows by zeros and shrinks to its middle. What has no rule gets new weights.
"""

from __future__ import annotations

from math import isqrt, prod

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.errors import InternalError
from archdsl.transfer.units import Size, Unit
from archdsl.transfer.wiring import Laid, Where

OTHER = "another kind of table"
HEADS = "queries, keys and values of another width"


def refusal(new: Unit, old: Unit, where: Where, before: Where | None = None) -> str:
    """Why no weight of ``old`` serves ``new``; "" where a rule is sound.

    Args:
        before: of the old layer, None where the old network is known by its tensors alone.
    """
    if new.kind == "attention":
        return HEADS
    if not where.rule:
        return f"no rule reshapes the weights of `{where.word}`" if where.word else OTHER
    if before is not None and (before.rule, before.turned) != (where.rule, where.turned):
        return "another kind of layer"
    a, b = new.main, old.main
    if where.rule == "table":
        return _of_table(a, b, where)
    if where.rule == "channels":
        return _of_channels(a, b, where, before)
    if where.rule == "positions":
        return _of_places(a, b, where, laid_out(b, where, before))
    return _of_matrix(_outputs_first(a, where), _outputs_first(b, where), where, before)


def _outputs_first(size: Size, where: Where) -> Size:
    return (size[1], size[0], *size[2:]) if where.turned else size


def _mixed(where: Where, before: Where | None) -> str:
    return where.mixed or (before.mixed if before is not None else "")


def _of_table(a: Size, b: Size, where: Where) -> str:
    if a[0] != b[0]:
        return "other ids"
    return "its vectors are those of the output layer, too" if where.tied else HEADS if where.heads else ""


def _of_matrix(a: Size, b: Size, where: Where, before: Where | None) -> str:
    if where.last and a[0] != b[0]:
        return "other classes"
    if where.heads and a[0] != b[0]:
        return HEADS
    if any((p - q) % 2 for p, q in zip(a[2:], b[2:], strict=True)):
        return "windows without a common middle"
    if _recoloured(a, b, where):
        return ""
    each = where.groups > 1 and a[1] == b[1] == 1 and where.groups == a[0]
    if (a[1] != b[1] or (each and a[0] != b[0])) and _mixed(where, before):
        return _mixed(where, before)
    if before is not None:
        same = before.groups == (b[0] if each else where.groups) and (each or where.groups == 1 or a[:2] == b[:2])
    else:
        same = each or a[:2] == b[:2] or (where.groups == 1 and (b[1] > 1 or a[1] == 1))
    return "" if same else "other groups"


def _recoloured(a: Size, b: Size, where: Where) -> bool:
    """Whether the first convolution of colour images meets that of grey ones."""
    return where.first and where.groups == 1 and len(a) == 4 and {a[1], b[1]} == {1, 3}


def _of_channels(a: Size, b: Size, where: Where, before: Where | None) -> str:
    wider = [n for n, (p, q) in enumerate(zip(a, b, strict=True)) if p != q]
    if len(wider) != 1 or prod(b) != max(b) or a[wider[0]] != max(a):
        return OTHER
    return "other classes" if where.last else HEADS if where.heads else _mixed(where, before)


def _of_places(a: Size, b: Size, where: Where, was: Laid | None) -> str:
    width = 1 if len(a) == 4 else -1
    if a[width] != b[width]:
        return OTHER
    now = where.laid
    if now is None or was is None or (was.extra, len(was.grid)) != (now.extra, len(now.grid)):
        return "places that are laid out in another way, or in one that is not known"
    return ""


def laid_out(old: Size, where: Where, before: Where | None) -> Laid | None:
    """How the places of old position embeddings are laid out; of a network that is known by its tensors alone, as the new
    ones are: in a row, or in a square."""
    if before is not None:
        return before.laid
    if len(old) == 4:
        return Laid(0, old[2:])
    if where.laid is None or old[1] <= where.laid.extra + 1:
        return None  # a class token, it may be
    extra, grid = where.laid
    places = old[1] - extra
    if len(grid) == 1:
        return Laid(extra, (places,))
    side = isqrt(places)
    return Laid(extra, (side, side)) if side**2 == places and grid[0] == grid[1] else None


def reshaped(name: str, fresh: Tensor, old: Tensor, where: Where, before: Where | None = None) -> tuple[Tensor, int]:
    """The old tensor in the shape of the fresh one, for units that ``refusal`` lets pass, and how many of its numbers are of
    the old one."""
    old = old.to(fresh.dtype)
    if where.rule == "positions" and where.laid is not None and len(where.laid.grid) == 2:
        was = laid_out(tuple(old.shape), where, before)
        if was is None:
            raise InternalError(f"positions of the shape {tuple(old.shape)} have no layout, and were not refused")
        return positions(old, was, where.laid), fresh.numel()
    weight = where.rule == "matrix" and name == "weight"
    if weight and where.turned:
        found, taken = _grown(fresh.transpose(0, 1), old.transpose(0, 1), weight)
        return found.transpose(0, 1).contiguous(), taken
    if weight and _recoloured(tuple(fresh.shape), tuple(old.shape), where):
        # The same answer to a grey image as to a coloured one of three equal channels.
        old = old.sum(1, keepdim=True) if fresh.shape[1] == 1 else old.expand(-1, 3, -1, -1) / 3
    return _grown(fresh, old, weight)


def _grown(fresh: Tensor, old: Tensor, weight: bool) -> tuple[Tensor, int]:
    """The fresh tensor with as much of the old one as there is; of a ``weight`` the outputs come first, then the inputs."""
    taken = prod(min(p, q) for p, q in zip(fresh.shape, old.shape, strict=True))
    if weight:
        old = window(old, tuple(fresh.shape[2:]))
    found = fresh.clone()
    both = tuple(slice(0, min(p, q)) for p, q in zip(fresh.shape, old.shape, strict=True))
    if weight and fresh.shape[1] > old.shape[1]:
        found[both[0], old.shape[1] :] = 0  # new inputs say nothing to old outputs
    found[both] = old[both]
    return found, taken


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


def positions(old: Tensor, was: Laid, now: Laid) -> Tensor:
    """Position embeddings of an image (1, D, H, W), or of its tokens (1, N, D), for another size: the grid is interpolated,
    that of class tokens is kept (Dosovitskiy et al. 2020, section 3.2)."""
    if old.ndim == 4:
        return F.interpolate(old, size=now.grid, mode="bicubic", align_corners=False)
    grid = old[:, was.extra :].transpose(1, 2).unflatten(2, was.grid)
    grid = F.interpolate(grid, size=now.grid, mode="bicubic", align_corners=False)
    return torch.cat((old[:, : was.extra], grid.flatten(2).transpose(1, 2)), 1)
