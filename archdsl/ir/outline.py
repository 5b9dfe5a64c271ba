"""A trace as the tree of its modules, for eyes: what is drawn, and what is compared.

Networks that are arguments of an op (``ode``, ``shared``) become modules like others, so that all values of a network
are in one list. A module that holds nothing but another one, a family round its stages, and the module that a fan of
branches makes say nothing to a reader; they are left out, their paths stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archdsl.ir.cost import row_params
from archdsl.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.ir.trace import Row, Trace
    from archdsl.registry.types import Shape

DIGITS = "0123456789"


class Value(NamedTuple):
    """A row whose inputs are places in the outline's list; -1 is the network's input. ``passes``: how often it runs, where the
    network around it runs several times (``shared``, ``ode``).
    """

    row: Row
    inputs: tuple[int, ...]
    passes: int = 1


@dataclass(frozen=True, slots=True)
class Leaf:
    """A layer: the place of its value."""

    value: int
    path: str

    @property
    def start(self) -> int:
        return self.value

    @property
    def stop(self) -> int:
        return self.value + 1


@dataclass(frozen=True, slots=True)
class Part:
    """A module: its values are those from ``start`` to before ``stop``.

    name: of the module, without what tells equal ones apart by number; empty for a run that has no module of its own.
    times: how many equal ones are here in a row, see ``fold``. wrapper: the op whose argument this network is.
    reach: from how many copies back each copy of a fold takes values, where that is more than the one before it.
    """

    name: str
    path: str
    items: tuple[Item, ...]
    start: int
    stop: int
    times: int = 1
    wrapper: Row | None = None
    reach: int = 1


Item: TypeAlias = Leaf | Part


@dataclass(frozen=True, slots=True)
class Outline:
    """All values of a network in order of execution, the tree over them, the value that is the result, and who reads
    each value."""

    values: tuple[Value, ...]
    root: Part
    output: int
    input: Shape
    readers: tuple[tuple[int, ...], ...]

    def shape(self, value: int) -> Shape:
        return self.values[value].row.layer.out if value >= 0 else self.input

    def params(self, start: int, stop: int) -> int:
        """Trainable numbers of a stretch of values."""
        return sum(row_params(v.row) for v in self.values[start:stop])

    def macs(self, start: int, stop: int) -> int:
        """Multiply-accumulates of a stretch of values, in all their passes."""
        return sum(v.passes * v.row.layer.macs for v in self.values[start:stop])


@dataclass
class _Growing:
    name: str
    path: str
    items: list[_Growing | Leaf] = field(default_factory=list)
    wrapper: Row | None = None


def outline(trace: Trace) -> Outline:
    """The outline of a traced network."""
    values: list[Value] = []
    root = _Growing("", "")
    known = {"": root}
    end = _collect(trace, -1, values, known)
    part = _finished(root)
    top = replace(part, items=part.items, start=0, stop=len(values))
    return Outline(tuple(values), top, end, trace.input, _readers(values, end))


def _readers(values: list[Value], end: int) -> tuple[tuple[int, ...], ...]:
    """Who reads each value; the result is read from behind the last one."""
    found: list[list[int]] = [[] for _ in values]
    for reader, value in enumerate(values):
        for source in set(value.inputs):
            if source >= 0:
                found[source].append(reader)
    if end >= 0:
        found[end].append(len(values))
    return tuple(map(tuple, found))


def _collect(trace: Trace, arriving: int, values: list[Value], known: dict[str, _Growing], passes: int = 1) -> int:
    """Put the rows of a trace, which runs ``passes`` times, into the list and the tree; where the result stands is given back."""
    places: list[int] = []

    def place(index: int) -> int:
        return places[index] if index >= 0 else arriving

    for row in trace.rows:
        inputs = tuple(place(i) for i in row.inputs)
        if any(body.rows for body in row.bodies):
            _container(row.path, known).wrapper = row
            end = inputs[0]
            for body in row.bodies:
                end = _collect(body, inputs[0], values, known, passes * row.layer.run.passes)
            places.append(end)
            continue
        _container(row.path.rpartition(".")[0], known).items.append(Leaf(len(values), row.path))
        places.append(len(values))
        values.append(Value(row, inputs, passes))
    return place(trace.output)


def _container(path: str, known: dict[str, _Growing]) -> _Growing:
    if path not in known:
        above, _, name = path.rpartition(".")
        known[path] = _Growing(name, path)
        _container(above, known).items.append(known[path])
    return known[path]


def _finished(part: _Growing) -> Part:
    """The part with what says nothing taken out."""
    items: list[Item] = []
    for item in part.items:
        done = item if isinstance(item, Leaf) else _finished(item)
        if isinstance(done, Part) and (_is_fan(done) or _is_family(done)):
            items += done.items
        else:
            items.append(done)
    if len(items) == 1 and isinstance(only := items[0], Part) and part.path and not (part.wrapper and only.wrapper):
        name = only.name if stem(part.name) in ("block", "f") and stem(only.name) != "f" else part.name
        return replace(only, name=name, path=part.path, wrapper=part.wrapper or only.wrapper)
    start = items[0].start if items else 0
    stop = items[-1].stop if items else 0
    return Part(part.name, part.path, tuple(items), start, stop, wrapper=part.wrapper)


def _is_fan(part: Part) -> bool:
    """Whether the module is one that a fan without a label makes: it ends in the join, and is named after it."""
    last = part.items[-1] if part.items else None
    if not isinstance(last, Leaf) or part.wrapper is not None:
        return False
    join = stem(last.path.rpartition(".")[2])
    entry = find("net", join)
    return entry is not None and entry.kind == "join" and stem(part.name) in (join, "res")


def _is_family(part: Part) -> bool:
    """Whether the module is a family's, with a module for each stage."""
    entry = find("net", stem(part.name))
    return entry is not None and entry.kind == "family" and any(isinstance(i, Part) for i in part.items)


def stem(name: str) -> str:
    """A module's name without the number that tells equal ones apart."""
    return name.rstrip(DIGITS)


def leaves(part: Part) -> Iterator[Leaf]:
    """All layers of a part, in order."""
    for item in part.items:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from leaves(item)
