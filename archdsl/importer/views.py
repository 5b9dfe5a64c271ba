"""How a tensor shows the value of a step: reshapes, permutations and transpositions kept as symbols.

The language knows images (c, h, w), tokens (n, d) and vectors (d,); PyTorch code moves their axes about. A ``View``
says for each axis of a tensor which stretches of which axes of the value it runs over, as in einops: an ``Atom``
(axis, stride, size) runs over ``size`` places ``stride`` apart. Only when a layer needs the value does a pattern of atoms
become a word (``tokens``, ``flatten``, ``shuffle``, …), or nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

BATCH = -1


class Atom(NamedTuple):
    """A stretch of an axis: ``size`` places, ``stride`` apart. Axis -1 is the batch."""

    axis: int
    stride: int
    size: int


Dim = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A tensor that shows the value of ``step`` (-1: the input), whose ``shape`` has no batch; ``dims`` has one."""

    step: int
    shape: tuple[int, ...]
    dims: tuple[Dim, ...]

    @property
    def plain(self) -> bool:
        """Whether the tensor is the value as it is."""
        return self.dims == standing(self.shape, _batch(self))

    def sizes(self) -> tuple[int, ...]:
        return tuple(map(size, self.dims))

    def permuted(self, order: tuple[int, ...]) -> View:
        return replace(self, dims=tuple(self.dims[i] for i in order))

    def reshaped(self, sizes: tuple[int, ...]) -> View | None:
        """The view in other sizes; None where an axis would have to be cut unevenly."""
        atoms = [a for dim in self.dims for a in dim]
        dims: list[Dim] = []
        for goal in sizes:
            dim: list[Atom] = []
            while prod(a.size for a in dim) < goal:
                if not atoms:
                    return None
                need, atom = goal // prod(a.size for a in dim), atoms.pop(0)
                if atom.size > need:
                    if atom.size % need:
                        return None
                    inner = atom.size // need
                    atoms.insert(0, Atom(atom.axis, atom.stride, inner))
                    atom = Atom(atom.axis, atom.stride * inner, need)
                dim.append(atom)
            if prod(a.size for a in dim) != goal:
                return None
            dims.append(merged(dim))
        return None if atoms else replace(self, dims=tuple(dims))


def size(dim: Dim) -> int:
    """How long a dimension of the tensor is."""
    return prod(a.size for a in dim)


def merged(dim: list[Atom]) -> Dim:
    """Neighbours that run on as one axis joined, and those of one place left out."""
    out: list[Atom] = []
    for atom in dim:
        if atom.size == 1:
            continue
        last = out[-1] if out else None
        if last and last.axis == atom.axis and last.stride == atom.stride * atom.size:
            out[-1] = Atom(atom.axis, atom.stride, last.size * atom.size)
        else:
            out.append(atom)
    return tuple(out)


def whole(axis: int, length: int) -> Dim:
    """A dimension that is one axis of the value."""
    return merged([Atom(axis, 1, length)])


def whole_part(axis: int, length: int, by: int) -> Dim:
    """A dimension that is every ``by``-th place of an axis."""
    return merged([Atom(axis, by, length // by)])


def standing(shape: tuple[int, ...], batch: int) -> tuple[Dim, ...]:
    """The axes of a value as it is, the batch before them."""
    return (whole(BATCH, batch), *(whole(i, n) for i, n in enumerate(shape)))


def _batch(view: View) -> int:
    return next((a.size for dim in view.dims for a in dim if a.axis == BATCH), 1)
