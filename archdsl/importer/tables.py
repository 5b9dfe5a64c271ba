"""What is computed of weights alone: tables that only move entries of weights about, and constants.

A word's weight need not be one tensor of the source: `qkv` may be three of them side by side, and a table of biases is read
by an index. Such code is run once on the numbers of the entries in the place of their values, and once more on others: where
both agree, each entry of the result is one entry of a weight, or a constant, or the sum of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import getitem
from typing import TYPE_CHECKING, Any

from archdsl.importer.modules import Param
from archdsl.importer.recipes import Recipe, names_of, tensor_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:

    class _Torch:
        """Imports torch when something of it is asked for: block strings are converted without it."""

        def __getattr__(self, name: str) -> Any:
            import torch as found

            globals()["torch"] = found
            return getattr(found, name)

    torch = _Torch()


@dataclass(frozen=True, eq=False)
class Table:
    """A tensor made of weights: each entry is entry ``ids - 1`` of the ledger (0: of none) plus ``fixed``."""

    ids: Tensor
    fixed: Tensor
    owner: Ledger | None = None  # whose entries they are, where it is part of further arithmetic

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.ids.shape)

    @property
    def constant(self) -> bool:
        return not bool(self.ids.any())


@dataclass(frozen=True, eq=False)
class Computed:
    """Arithmetic on weights other than moving their entries: what ``function`` gives for ``given``, its arguments and named
    arguments, in which weights, tables and other such values may be."""

    shape: tuple[int, ...]
    function: Callable[..., Any]
    given: tuple[Any, dict[str, Any]]

    def weights(self) -> tuple[str, ...]:
        """The names of the weights of which it is made, in the order in which they are used."""
        out: dict[str, None] = {}

        def look(value: Any) -> None:
            if isinstance(value, Param):
                out[value.name] = None
            elif isinstance(value, Table):
                out.update(dict.fromkeys(value.owner.names(value) if value.owner is not None else ()))
            elif isinstance(value, Computed):
                out.update(dict.fromkeys(value.weights()))
            elif isinstance(value, dict):
                look(tuple(value.values()))
            elif isinstance(value, tuple | list) and not isinstance(value, torch.Size):
                for part in value:
                    look(part)

        look(self.given)
        return tuple(out)

    def of(self, tensors: Mapping[str, Tensor]) -> Any:
        """What it is for these values of the weights.

        Raises:
            ValueError: a table of entries of weights is a part of it that nobody owns.
        """

        def put(value: Any) -> Any:
            if isinstance(value, Param):
                return _fitted(tensors[value.name].clone(), value.shape)
            if isinstance(value, Table):
                if not value.constant:
                    if value.owner is None:
                        raise ValueError("a table of entries of weights")
                    return value.owner.of(value, tensors)
                return value.fixed.float() if value.fixed.dtype == torch.float64 else value.fixed
            if isinstance(value, Computed):
                return value.of(tensors)
            if isinstance(value, dict):
                return {k: put(v) for k, v in value.items()}
            if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
                return type(value)(put(v) for v in value)
            return value

        with torch.no_grad():
            args, named = put(self.given)
            return self.function(*args, **named)


@dataclass
class Ledger:
    """The entries of all tensors of a source, numbered through. ``values`` are the tensors themselves."""

    values: dict[str, Tensor] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    starts: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    end: int = 0

    def start(self, name: str, size: int) -> int:
        if name not in self.starts:
            self.starts[name] = self.end
            self.end += size
        return self.starts[name]

    def numbers(self, p: Param) -> Tensor:
        """The entries of a weight, counted from 1, in the shape in which it is used."""
        value = self.values[p.name]
        begin = 1 + self.start(p.name, value.numel())
        self.sizes[p.name] = tuple(value.shape)
        return torch.arange(begin, begin + value.numel(), dtype=torch.float64).reshape(value.shape)

    def table(self, value: Param | Table) -> Table:
        """A weight as a table."""
        if isinstance(value, Table):
            return value
        if value.name not in self.trained:
            fixed = _fitted(self.values[value.name], value.shape)
            return Table(torch.zeros(fixed.shape, dtype=torch.float64), fixed.double())
        ids = self.numbers(value)
        ids = ids.expand(value.shape) if ids.numel() == 1 else _fitted(ids, value.shape)
        return Table(ids, torch.zeros(ids.shape, dtype=torch.float64))

    def run(self, function: Callable[..., Any], args: Any, named: Any) -> Any:
        """What a function gives for weights and constants: tables, weights, numbers, or a remark that it computes."""
        by = [self._called(function, args, named, code) for code in (lambda n: n, _code, torch.zeros_like)]
        return self._matched(by, lambda shape: Computed(shape, function, (args, named)))

    def _called(self, function: Callable[..., Any], args: Any, named: Any, code: Callable[[Tensor], Tensor]) -> Any:
        def given(value: Any) -> Any:
            if isinstance(value, Param):
                held = self.values[value.name]
                known = value.name not in self.trained
                whole = held.clone() if known else code(self.numbers(value))
                return whole if whole.shape == value.shape else _fitted(whole, value.shape)
            if isinstance(value, Table):
                return code(value.ids) + value.fixed if bool(value.ids.any()) else value.fixed.clone()
            if isinstance(value, dict):
                return {k: given(v) for k, v in value.items()}
            if isinstance(value, slice):
                return slice(given(value.start), given(value.stop), given(value.step))
            if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
                return type(value)(given(v) for v in value)
            return value

        with torch.no_grad():
            return function(*given(args), **given(named))

    def _matched(self, three: Any, computed: Callable[[tuple[int, ...]], Computed]) -> Any:
        """The result from what a function gave for the entries' numbers, for others, and for zeros."""
        first = three[0]
        if isinstance(first, tuple | list) and not isinstance(first, torch.Size):
            parts = zip(*three, strict=True)
            return tuple(self._matched(p, partial(_part_of, computed(()), i)) for i, p in enumerate(parts))
        if not isinstance(first, torch.Tensor):
            return first
        a, b, fixed = (t.double() for t in three)
        kept = fixed.isfinite()
        ids, other = (torch.where(kept, t - fixed, torch.zeros_like(t)) for t in (a, b))
        if not torch.equal(_code(ids), other) or not torch.equal(ids, ids.floor()) or bool((ids < 0).any()):
            return computed(tuple(first.shape))
        if not bool(ids.any()):
            none = three[2]
            return Table(torch.zeros_like(ids), none if none.dtype in (torch.bool, torch.long) else fixed)
        return _named(self, ids, fixed)

    def names(self, table: Table) -> tuple[str, ...]:
        """The tensors whose entries are in a table, in the order in which they are used."""
        ids = table.ids.reshape(-1).long()
        owners = sorted(self.starts, key=self.starts.__getitem__)
        begins = torch.tensor([self.starts[n] for n in owners])
        which = torch.searchsorted(begins, ids[ids > 0] - 1, right=True) - 1
        return tuple(owners[i] for i in dict.fromkeys(which.tolist()))

    def of(self, table: Table, tensors: Mapping[str, Tensor]) -> Tensor:
        """A table for these values of the weights."""
        out = table.fixed.float().clone()
        for name in self.names(table):
            flat = tensors[name].reshape(-1)
            at = table.ids.long() - 1 - self.starts[name]
            mine = (at >= 0) & (at < len(flat)) & (table.ids > 0)
            out = torch.where(mine, out + flat[at.clamp(0, len(flat) - 1)], out)
        return out

    def equal(self, value: Computed, formula: Callable[..., Tensor], *shapes: tuple[int, ...]) -> tuple[str, ...]:
        """The names of the weights of which a value is made, where they have these shapes and the value is what ``formula``
        gives for them, by random numbers; else none."""
        names = tuple(n for n in value.weights() if n in self.trained)
        if len(names) != len(shapes) or any(
            tuple(self.values[n].shape) != s for n, s in zip(names, shapes, strict=True)
        ):
            return ()
        drawn = dict(self.values)
        for i, name in enumerate(names):
            made = torch.Generator().manual_seed(i)
            drawn[name] = torch.randn(self.values[name].shape, generator=made)
        try:
            ours, theirs = formula(*(drawn[n] for n in names)), value.of(drawn)
        except (RuntimeError, TypeError, ValueError, IndexError):
            return ()
        alike = ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
        return names if alike else ()

    def sigmoid(self, value: Computed) -> Table | None:
        """The entries of a weight whose sigmoid a value is, in its shape; None where it is something else."""
        names = [n for n in value.weights() if n in self.trained]
        if len(names) != 1:
            return None
        weight = self.values[names[0]]
        numbers = self.numbers(Param(names[0], tuple(weight.shape)))
        low = float(numbers.min())
        share = (numbers - low + 1) / (
            weight.numel() + 1
        )  # in (0, 1), so that the sigmoid of its logit shows the entry
        try:
            found = value.of({**self.values, names[0]: share.logit()})
        except (RuntimeError, TypeError, ValueError, IndexError):
            return None
        ids = (found.double() * (weight.numel() + 1)).round() + low - 1
        if tuple(ids.shape) != value.shape or bool((ids < low).any()) or bool((ids > float(numbers.max())).any()):
            return None
        entries = (ids - low).long()
        alike = self.equal(value, lambda w: w.flatten()[entries].sigmoid(), tuple(weight.shape))
        return Table(ids, torch.zeros_like(ids)) if alike else None

    def weight(self, value: Param | Table) -> str:
        """The source that a weight of a word is.

        Raises:
            ValueError: parts of it are constants.
        """
        if isinstance(value, Param):
            return value.name
        ids = value.ids.reshape(-1).long()
        if bool(value.fixed.any()) or not bool(ids.all()):
            raise ValueError("a weight of which a part is a constant")
        names = sorted((n for n in self.starts if n in self.values), key=self.starts.__getitem__)
        begins = torch.tensor([self.starts[n] for n in names])
        which = torch.searchsorted(begins, ids - 1, right=True) - 1
        used = [names[i] for i in dict.fromkeys(which.tolist())]
        index = torch.empty_like(ids)
        at = 0
        for name in used:
            mine = which == names.index(name)
            index[mine] = ids[mine] - 1 - self.starts[name] + at
            at += self.values[name].numel()
        if len(used) == 1 and torch.equal(index, torch.arange(self.values[used[0]].numel())):
            return used[0]
        return Recipe(tuple(used), index)


def _part_of(whole: Computed, index: int, shape: tuple[int, ...]) -> Computed:
    """One of the several results of a function."""
    return Computed(shape, getitem, ((whole, index), {}))


def _fitted(ids: Tensor, shape: tuple[int, ...]) -> Tensor:
    return ids.reshape(shape) if ids.numel() == torch.Size(shape).numel() else ids.expand(shape)


def _code(ids: Tensor) -> Tensor:
    """Other numbers for the entries, whose differences and sums have nothing of the first ones; 0 remains 0."""
    return ((ids * 7919 + 104729) % 2097143 + 1) * (ids != 0)


def _named(ledger: Ledger, ids: Tensor, fixed: Tensor) -> Table | Param:
    """A table that is one whole weight in order is that weight."""
    if not bool(fixed.any()):
        begin = int(ids.reshape(-1)[0]) - 1
        name = next((n for n, at in ledger.starts.items() if at == begin), "")
        if name and ledger.values[name].numel() == ids.numel():
            in_order = torch.arange(begin + 1, begin + 1 + ids.numel(), dtype=ids.dtype)
            if torch.equal(ids.reshape(-1), in_order):
                return Param(name, tuple(ids.shape))
    return Table(ids, fixed, ledger)


__all__ = ["Computed", "Ledger", "Recipe", "Table", "names_of", "tensor_of"]
