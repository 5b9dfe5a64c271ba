"""What is added to a value for its places: learnt and fixed positions, shifts of channels."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.emit.layers.tokens import FourierPosition, SinCosPosition
from archdsl.importer.modules import Param
from archdsl.importer.ops.layers import compact
from archdsl.importer.places import indices
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.views import View


def computed(steps: Steps, x: View, added: Computed) -> View:
    """Positions that are computed of weights."""
    return _axes(steps, x, added) or _resized(steps, x, added) or _fourier(steps, x, added)


def position(steps: Steps, x: View, table: Table) -> View:
    """A learnt, or fixed, number for each place and channel."""
    if table.ids.numel() == 1 and table.constant:
        if float(table.fixed) == 0:
            return x
        raise Inexpressible("a fixed number added")
    sizes = x.sizes()
    if (tiled := _tiled(steps, x, table) or _offset(steps, x, table)) is not None:
        return tiled
    if len(table.shape) > len(sizes) or table.ids.numel() != prod(sizes[1:]) or prod(sizes[1:]) != prod(x.shape):
        if table.constant:
            raise Inexpressible("fixed numbers added to the channels; no word has constants of each channel")
        raise Inexpressible("a weight added to a value that is not one number for each place and channel")
    index = indices(x).flatten()
    ids, fixed = (torch.zeros_like(t.flatten()) for t in (table.ids, table.fixed))
    try:
        ids[index], fixed[index] = (t.expand(1, *sizes[1:]).flatten() for t in (table.ids, table.fixed))
    except RuntimeError:
        raise Inexpressible("a weight added to a value along other axes than its own") from None
    ids, fixed = (t.reshape(1, *x.shape) for t in (ids, fixed))
    if table.constant:
        if not same_positions(fixed.float(), x.shape):
            raise Inexpressible("fixed numbers added to a value that are not those of `pos(sincos)`")
        return replace(x, step=steps.put("pos", x.step, sincos=True))
    return replace(x, step=steps.put("pos", x.step, sources={"embedding": Table(ids, fixed)}))


def _offset(steps: Steps, x: View, table: Table) -> View | None:
    """A learnt number for each channel; None where it is something else."""
    sizes = (1,) * (len(x.dims) - len(table.shape)) + table.shape
    axes = [i for i, n in enumerate(sizes) if n != 1]
    if not bool(table.ids.all()) or len(axes) != 1 or prod(x.shape) == sizes[axes[0]] or axes != [steps.channels(x)]:
        return None
    return replace(x, step=steps.put("offset", x.step, sources={"bias": table}))


def _tiled(steps: Steps, x: View, table: Table) -> View | None:
    """A number for each place of a window, where the windows are in one axis with the batch; None where they are not."""
    inner = {a.axis: a.size for d in x.dims[1:] for a in d if a.stride == 1}
    size = (x.shape[0], inner.get(1, 1), inner.get(2, 1))
    beside = [a for a in x.dims[0] if a.axis >= 0]
    if len(x.shape) != 3 or not beside or table.constant or any(a.stride != size[a.axis] for a in beside):
        return None
    if prod(x.sizes()[1:]) != prod(size) or table.ids.numel() != prod(size):
        return None
    index = indices(View(x.step, size, x.dims)).flatten()
    ids = torch.zeros_like(table.ids.flatten())
    ids[index] = table.ids.expand(1, *x.sizes()[1:]).flatten()
    source = Table(ids.reshape(1, *size), torch.zeros(1, *size, dtype=torch.float64))
    return replace(x, step=steps.put("pos", x.step, sources={"embedding": source}, tile=compact(size[1:])))


def _axes(steps: Steps, x: View, added: Computed) -> View | None:
    """A learnt vector of each row and one of each column, as (…, places, channels), of this image or of another size; None where
    it is something else."""
    names = added.weights()
    if len(names) != 2 or len(x.shape) != 3:
        return None
    c, height, width = x.shape
    shapes = [tuple(steps.ledger.values[n].shape) for n in names]
    of = tuple(prod(shape) // c for shape in shapes)

    def formula(rows: Tensor, columns: Tensor) -> Tensor:
        laid = [t.reshape(1, n, c).transpose(1, 2) for t, n in zip((rows, columns), of, strict=True)]
        if of != (height, width):
            laid = [
                functional.interpolate(t, size=n, mode="linear") for t, n in zip(laid, (height, width), strict=True)
            ]
        return _shown(x, laid[0][0][:, :, None] + laid[1][0][:, None]).expand(added.shape)

    if not all(of) or not steps.ledger.equal(added, formula, *shapes):
        return None
    places = ((of[0], 1), (1, of[1]))
    sources = {}
    for own, name, shape, (h, w) in zip(("rows", "columns"), names, shapes, places, strict=True):
        ids = steps.ledger.table(Param(name, shape)).ids.reshape(-1, c).T.reshape(1, c, h, w)
        sources[own] = Table(ids, torch.zeros_like(ids))
    more: dict[str, Any] = {} if of == (height, width) else {"of": compact(of)}
    return replace(x, step=steps.put("pos", x.step, sources=sources, axes=True, **more))


def _shown(x: View, made: Tensor) -> Tensor:
    """A value (channels, rows, columns) as a tensor shows it, for one example."""
    return made.flatten()[indices(x)].reshape(1, *x.sizes()[1:])


def _resized(steps: Steps, x: View, added: Computed) -> View | None:
    """Learnt vectors (1, channels, rows, columns) of another size, resized, alone or with those of a window beside each other;
    None where it is something else."""
    names = added.weights()
    shapes = [tuple(steps.ledger.values[n].shape) for n in names]
    if len(x.shape) != 3 or len(names) not in (1, 2) or any(len(s) != 4 or s[1] != x.shape[0] for s in shapes):
        return None
    size = x.shape[1:]

    def formula(whole: Tensor, *windows: Tensor) -> Tensor:
        made = functional.interpolate(whole, size=size, mode="bicubic")[0]
        for w in windows:
            made = made + w[0].repeat(1, size[0] // w.shape[2], size[1] // w.shape[3])
        return _shown(x, made).expand(added.shape)

    if not steps.ledger.equal(added, formula, *shapes):
        return None
    made = steps.put("pos", x.step, sources={"embedding": Param(names[0], shapes[0])}, of=compact(shapes[0][2:]))
    for name, shape in zip(names[1:], shapes[1:], strict=True):
        made = steps.put("pos", made, sources={"embedding": Param(name, shape)}, tile=compact(shape[2:]))
    return replace(x, step=made)


def _fourier(steps: Steps, x: View, added: Computed) -> View:
    """A linear layer of sines and cosines of the place."""
    names = added.weights()
    weight = steps.ledger.values.get(names[0]) if len(names) == 2 and len(x.shape) == 3 else None
    if weight is None or weight.ndim != 4 or weight.shape[0] != x.shape[0]:
        raise Inexpressible("arithmetic on weights, added to a value")
    ours = FourierPosition(x.shape[0], weight.shape[1] // 2)

    def formula(weight: Tensor, bias: Tensor) -> Tensor:
        return _shown(x, functional.conv2d(ours.sines(*x.shape[1:]), weight, bias)).expand(added.shape)

    found = steps.ledger.equal(added, formula, tuple(weight.shape), (x.shape[0],))
    if not found:
        raise Inexpressible("arithmetic on weights, added to a value, that is not `pos(fourier)`")
    sources = {"proj.weight": found[0], "proj.bias": found[1]}
    return replace(x, step=steps.put("pos", x.step, sources=sources, fourier=weight.shape[1] // 2))


def same_positions(fixed: Any, shape: tuple[int, ...]) -> bool:
    """Whether numbers are those of fixed positions by sine and cosine."""
    ours = SinCosPosition()(torch.zeros(1, *shape))
    return ours.shape == fixed.shape and bool((ours - fixed).abs().max() < 1e-5)
