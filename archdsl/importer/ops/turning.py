"""Queries and keys turned by the places of their tokens: rotary positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt, pi, prod
from typing import Any

import torch
from torch import Tensor

from archdsl.emit.layers.attention import WeightedMean
from archdsl.importer.fuse import arguments
from archdsl.importer.modules import Param
from archdsl.importer.ops.reshapes import NOTHING, permute, reshape, transpose
from archdsl.importer.ops.scores import shown, untouched
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Table
from archdsl.importer.views import View, whole


@dataclass(frozen=True, eq=False)
class Turned:
    """Queries or keys (…, T, D) turned by the places of their tokens: ``angles`` has their sines, then their cosines (T, 2·D);
    ``halves``: pairs are a number of the first half and one of the second, not neighbours."""

    view: View
    angles: Tensor
    halves: bool
    prefix: int = 0  # tokens before the others that are not turned

    def sizes(self) -> tuple[int, ...]:
        return self.view.sizes()


def turned_by(steps: Steps, x: View, angles: Any, half: bool = False) -> Turned:
    """timm's `apply_rot_embed_cat`."""
    table = steps.ledger.table(angles) if isinstance(angles, Param | Table) else None
    if table is None or not table.constant:
        raise Inexpressible("queries and keys turned by angles that are computed of values")
    return Turned(x, table.fixed.reshape(-1, table.shape[-1]), half)


def rotary(turn: tuple[Any, bool, int], size: tuple[int, ...]) -> dict[str, Any]:
    """The arguments of `attend` that turn by these angles tokens laid out in ``size``.

    Raises:
        Inexpressible: they are other angles than those of `rotary`.
    """
    angles, halves, prefix = turn
    if prefix:
        size = (isqrt(size[0] - prefix),) * 2
    if len(angles) == prod(size):
        sin, cos = (t.double() for t in angles.chunk(2, -1))
        half = sin.shape[-1] // 2
        sin, cos = (t[:, :half] if halves else t[:, ::2] for t in (sin, cos))
        for centred in (False, True):
            base = _base(sin, cos, size, centred)
            if base is not None:
                found: dict[str, Any] = {"centred": True} if centred else {}
                return found | {"rotary": base} | ({"prefix": prefix} if prefix else {})
    raise Inexpressible("queries and keys turned by other angles than those of `rotary`")


def _base(sin: Tensor, cos: Tensor, size: tuple[int, ...], centred: bool) -> float | None:
    """The base of the angles of places laid out in ``size``; None where they are others."""
    per, one = sin.shape[-1] // len(size), prod(size[1:])  # one: the token one row below the first
    if per < 2 or len(sin) <= one:
        return None
    by = torch.atan2(sin[one, 1], cos[one, 1]) - torch.atan2(sin[0, 1], cos[0, 1])
    rate = float(by.remainder(2 * pi)) / (4 * pi / size[0] if centred else 1.0)
    base = float(f"{rate**-per:.4g}") if rate > 0 else 0.0
    if base < 1:
        return None
    zero = torch.zeros(len(sin), 2 * sin.shape[-1], dtype=torch.float64)
    zero[:, ::2] = 1
    found = WeightedMean(1).turned(zero, size, base, centred)  # (cos, sin, cos, sin, …)
    alike = torch.allclose(found[:, ::2], cos, atol=1e-4) and torch.allclose(found[:, 1::2], sin, atol=1e-4)
    return base if alike else None


def _beside(steps: Steps, parts: Any, *more: object, **other: object) -> Turned:
    parts = [p for p in parts if p is not NOTHING]
    if len(parts) == 1:
        return parts[0]  # type: ignore[no-any-return]
    first, last = parts[0], parts[-1]
    if len(parts) == 2 and isinstance(first, View) and isinstance(last, Turned) and not last.prefix:
        found = _behind(steps, first, last.view)
        if found is not None:
            return replace(last, view=found, prefix=first.sizes()[-2])
    raise Inexpressible("rotary positions of a part of the tokens alone, other than of all behind the first few")


def _behind(steps: Steps, first: View, last: View) -> View | None:
    """The tokens of which two tensors are the first few and the others; None where they are not."""
    made = [steps.made[x.step] if x.step >= 0 else None for x in (first, last)]
    if any(m is None or m.op.name != "take" for m in made) or len(first.shape) != 2:
        return None
    (a, b), at = (arguments(m) for m in made if m is not None), made[0].inputs[0] if made[0] else -1
    n = steps.shape(at)[0]
    if made[1] is None or made[1].inputs[0] != at or (a["i"], a["end"], b["i"], b["end"]) != (0, b["i"], a["end"], n):
        return None
    dims = tuple(whole(0, n) if d == whole(0, first.shape[0]) else d for d in first.dims)
    return View(at, steps.shape(at), dims)


TURNED: dict[str, Callable[..., Any]] = {
    **{f.__name__: partial(shown, f) for f in (permute, transpose, reshape)},
    "swapaxes": partial(shown, transpose),
    "cat": _beside,
    **dict.fromkeys(("contiguous", "float", "to", "type_as", "type", "same"), untouched),
}
