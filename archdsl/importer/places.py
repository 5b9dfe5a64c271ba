"""Where the tokens of attention are: windows, grids, biases of distances, masks of moved windows."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import torch
from torch import Tensor

from archdsl.emit.layers.attend import Attend
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import Atom, View

CUT = -50.0  # a fixed bias below it is a mask: exp(-50) is nothing


@dataclass(frozen=True, slots=True)
class Layout:
    """The tokens that look at each other: ``size`` of them, along each axis; ``windows`` says how they lie in the value, as
    (kind, size), None where they are all. ``image``: the size of the whole; ``rowwise``: whether row by row."""

    size: tuple[int, ...]
    windows: tuple[str, tuple[int, ...]] | None
    image: tuple[int, ...]
    rowwise: bool

    def smaller(self, other: Layout) -> bool:
        """Whether these are as many windows as another one's, of a smaller image."""
        if self.windows is None or other.windows is None or (self.windows[0], other.windows[0]) != ("window", "window"):
            return False
        numbers = [tuple(n // m for n, m in zip(x.image, x.size, strict=True)) for x in (self, other)]
        return numbers[0] == numbers[1] and self.image != other.image

    def words(self) -> dict[str, Any]:
        """The arguments of `attend` that say so."""
        if self.windows is None:
            return {}
        kind, size = self.windows
        return {kind: size[0] if size[0] == size[1] else size}


def laid_out(steps: Steps, x: View) -> Layout:
    """How the tokens of a tensor (…, tokens, width) lie in its value.

    Raises:
        Inexpressible: other than in windows or grids.
    """
    spatial = (1, 2) if len(x.shape) == 3 else (0,)
    tokens, lead = list(x.dims[-2]), [a for d in x.dims[:-2] for a in d if a.axis in spatial]
    image = tuple(x.shape[i] for i in spatial)
    rowwise = [a.axis for a in tokens] == sorted({a.axis for a in tokens})
    tokens, lead = _joined(tokens), _joined(lead)
    if not lead:
        return Layout(image, None, image, rowwise)
    if len(spatial) == 1:
        raise Inexpressible("attention within windows of tokens; `untokens` makes them an image")
    inner = {i: Atom(i, 1, 1) for i in spatial} | {a.axis: a for a in tokens}
    size = tuple(inner[i].size for i in spatial)
    if all(a.stride == 1 or a.size == 1 for a in inner.values()):
        return Layout(size, ("window", size), image, rowwise)
    if all(inner[i].stride * inner[i].size == x.shape[i] for i in spatial):
        return Layout(size, ("grid", size), image, rowwise)
    raise Inexpressible("attention between tokens that are neither in windows nor in a grid")


def _joined(atoms: list[Atom]) -> list[Atom]:
    """Stretches of axes that lie behind each other as one for each axis, in whatever order they run.

    Raises:
        Inexpressible: they leave places out between them.
    """
    out: dict[int, Atom] = {}
    for a in sorted(atoms, key=lambda a: (a.axis, a.stride)):
        before = out.get(a.axis)
        if before is not None and a.stride != before.stride * before.size:
            raise Inexpressible("attention between tokens that are not in windows")
        out[a.axis] = a if before is None else before._replace(size=before.size * a.size)
    return list(out.values())


def indices(x: View) -> Tensor:
    """For each entry of one example of a tensor which entry of its value, counted through, it shows."""
    index = torch.zeros((), dtype=torch.long)
    for dim in x.dims[1:]:
        offsets = torch.zeros(1, dtype=torch.long)
        for a in dim:
            step = a.stride * prod(x.shape[a.axis + 1 :])
            offsets = (offsets[:, None] + step * torch.arange(a.size)).flatten()
        index = index[..., None] + offsets
    return index


def biases(bias: Table, q: Layout, k: Layout, heads: int) -> tuple[str, Table | None]:
    """The learnt bias of each distance and head, and its kind; None where nothing is learnt.

    Raises:
        Inexpressible: it is one of other than distances.
    """
    if bias.constant:
        return "none", None
    ids = bias.ids
    while ids.ndim > 3:
        if not torch.equal(ids, ids[:1].expand(ids.shape)):
            raise Inexpressible("a bias of attention that is another one for each window")
        ids = ids[0]
    ids = ids[None] if ids.ndim == 2 else ids
    queries, keys = prod(q.size), prod(k.size)
    if ids.ndim != 3 or not (q.rowwise and k.rowwise):
        raise Inexpressible("a bias of attention that is not one for each pair of tokens")
    ids = ids.expand(heads, queries, keys).long()
    if not bool(ids.all()):
        raise Inexpressible("a bias of attention that some pairs of tokens lack")
    for kind in ("absolute", "signed", "class"):
        if kind == "class" and (q.size != k.size or len(q.size) != 1 or isqrt(queries - 1) ** 2 != queries - 1):
            continue
        known = _of_class(isqrt(queries - 1)) if kind == "class" else distances(q.size, k.size, kind == "absolute")
        if known is None:
            continue
        index, number = known
        table = torch.zeros(number, heads, dtype=torch.long)
        for head in range(heads):
            table[index.reshape(-1), head] = ids[head].reshape(-1)
        if torch.equal(table[index].permute(2, 0, 1), ids):
            if not bool(table.all()):
                raise Inexpressible("a bias of distances that do not occur")
            return kind, Table(table.double(), torch.zeros(table.shape, dtype=torch.float64))
    raise Inexpressible("a learnt bias for each pair of tokens; `relpos` has one for each distance")


def _of_class(side: int) -> tuple[Tensor, int]:
    """The same behind a class token."""
    index = Attend(1, relpos="class", sizes=((side, side), (side, side))).distances(torch.device("cpu"))
    return index, (2 * side - 1) ** 2 + 3


def distances(queries: tuple[int, ...], keys: tuple[int, ...], absolute: bool) -> tuple[Tensor, int] | None:
    """The row of the table for each query and key, as `attend` counts them, and the number of rows; None where it has no
    such table.
    """
    index, number = torch.zeros((), dtype=torch.long), 1
    places = [torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij") for size in (queries, keys)]
    for axis, (m, n) in enumerate(zip(queries, keys, strict=True)):
        apart = -(-n // m)
        if (m - 1) * apart >= n and (absolute or n > m):
            return None
        by = places[0][axis].flatten()[:, None] * apart - places[1][axis].flatten()
        rows = n if absolute else (m - 1) * apart + n
        index, number = index * rows + (by.abs() if absolute else by + n - 1), number * rows
    return index, number


def shifted_by(bias: Table, layout: Layout, batch: int) -> tuple[int, int] | None:
    """By how much windows are moved whose mask a bias has; None where it has none.

    Raises:
        Inexpressible: a fixed bias that is not such a mask.
    """
    fixed = bias.fixed
    if not bool(fixed.any()):
        return None
    cut = fixed < CUT
    if not torch.equal(fixed.double() * ~cut, torch.zeros_like(fixed).double()) or layout.windows is None:
        raise Inexpressible("a fixed bias of attention, or a mask that is not one of moved windows")
    n = prod(layout.size)
    cut = cut.expand(*cut.shape[:-2], n, n)
    (p, q), (height, width) = layout.size, layout.image
    number = (height // p) * (width // q)
    flat = cut.reshape(-1, n, n)
    for down in range(p):
        for right in range(q):
            if (down or right) and (down, right) in ((p // 2, q // 2), (p // 2, 0), (0, q // 2)):
                wanted = _apart((height, width), (p, q), (down, right))
                if _tiled(cut, flat, wanted, number):
                    return down, right
    raise Inexpressible("a mask of attention that is not one of moved windows")


def _tiled(cut: Tensor, flat: Tensor, wanted: Tensor, number: int) -> bool:
    """Whether a mask is the wanted one for each example and head: its leading axes are windows, and others that repeat."""
    if len(flat) % number:
        return False
    for axes in range(cut.ndim - 2):
        if cut.shape[axes] % number == 0:
            moved = cut.movedim(axes, -3).reshape(-1, number, *wanted.shape[1:])
            return torch.equal(moved, wanted.expand(moved.shape))
    return False


def _apart(image: tuple[int, int], size: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """For each window which pixels do not look at each other: (windows, pixels, pixels)."""
    (height, width), (p, q), (down, right) = image, size, shift
    lower = (torch.arange(height) >= height - down).long()
    side = 2 * lower[:, None] + (torch.arange(width) >= width - right).long()
    side = side.unflatten(1, (-1, q)).unflatten(0, (-1, p)).transpose(1, 2).flatten(2).flatten(0, 1)
    return side[:, :, None] != side[:, None, :]
