"""Where the layers of a network are in it: what a rule for another size must know of what is around a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from archdsl.ir.trace import Row, Trace, channels
from archdsl.ir.window import Sight
from archdsl.registry.shapes import Ids
from archdsl.registry.types import Shape
from archdsl.transfer.units import Unit

Rule = Literal["matrix", "table", "channels", "positions", ""]

EACH = frozenset({"norm", "scale", "act", "pointwise"})  # of what has a weight for each channel
IN_PLACE = EACH | {"weighted", "drop", "noise", "position"}  # of what leaves each token where it was


class Laid(NamedTuple):
    """How tokens are laid out: so many class tokens, then a ``grid`` of rows and columns, or a row of so many."""

    extra: int
    grid: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """What a rule must know of a layer.

    word: that of the layer.
    rule: what its weights are: a ``matrix`` (of a convolution or a linear layer), a ``table`` of a vector for each id, a
        number for each of the ``channels``, learnt ``positions``; "" for what no rule reshapes.
    first: its inputs are the channels of what the network is given.
    last: its outputs are those of the network.
    heads: its outputs are split into heads of attention.
    groups: in how many groups it works.
    turned: the inputs come first in its weight, as in a transposed convolution.
    tied: the output layer has the weights of this table.
    mixed: why its inputs cannot be distinguished by number, "" where they can.
    laid: how the places are laid out, None where that is not known.
    """

    word: str = ""
    rule: Rule = ""
    first: bool = False
    last: bool = False
    heads: bool = False
    groups: int = 1
    turned: bool = False
    tied: bool = False
    mixed: str = ""
    laid: Laid | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Spot:
    """A value in its trace, by its row number; ``owner`` is the layer that has the trace among its arguments."""

    trace: Trace
    index: int
    owner: Spot | None = None

    @property
    def row(self) -> Row:
        return self.trace.rows[self.index]

    @property
    def traits(self) -> frozenset[str]:
        return self.row.op.entry.traits

    @property
    def arriving(self) -> Shape:
        return self.trace.shape(self.row.inputs[0])

    @property
    def key(self) -> tuple[int, int]:
        return id(self.trace), self.index

    def inputs(self) -> list[Spot]:
        """The values that a layer is given, or that a network among the arguments of a layer is."""
        if self.index >= 0:
            return [Spot(self.trace, n, self.owner) for n in self.row.inputs]
        if self.owner is None:
            return []
        run = self.owner.row.layer.run
        again = run.passes > 1 or run.states
        return [*self.owner.inputs(), *([Spot(self.trace, self.trace.output, self.owner)] if again else [])]

    def results(self) -> list[Spot]:
        """What the result of a layer with networks among its arguments is made of."""
        found = [Spot(body, body.output, self) for body in self.row.bodies]
        return [*found, *(self.inputs() if self.row.layer.run.states else [])]


def _spots(trace: Trace, owner: Spot | None = None) -> Iterator[Spot]:
    for index, row in enumerate(trace.rows):
        spot = Spot(trace, index, owner)
        yield spot
        for body in row.bodies:
            yield from _spots(body, spot)


class Wiring:
    """The layers of a network, and of those among the arguments of its layers, with where their values come from."""

    def __init__(self, trace: Trace) -> None:
        self.paths = {s.row.path: s for s in _spots(trace)}
        self.uses: dict[str, list[Spot]] = {}
        for spot in self.paths.values():
            self.uses.setdefault(spot.row.module or spot.row.path, []).append(spot)
        self.keys = {
            f"{path}.{n}": s for path, s in self.paths.items() for n in (*s.row.layer.weights, *s.row.layer.buffers)
        }
        self.ends = self._makers([Spot(trace, trace.output)])
        joins = [s for s in self.paths.values() if {"attention", "mixes"} <= s.traits]
        self.heads = self._makers([value for join in joins for value in join.inputs()])

    def where(self, unit: Unit) -> Where:
        """What is to be known of the layer whose weights these are."""
        spot = self.keys.get(next(iter(unit.keys.values())))
        if spot is None:
            return Where()
        uses = self.uses[spot.row.path]
        ways = [self._way(use) for use in uses]
        return Where(
            word=spot.row.op.name,
            rule=_rule(unit, spot),
            first=all(first for first, _ in ways),
            last=spot.row.path in self.ends,
            heads=spot.row.path in self.heads,
            groups=self._groups(spot),
            turned=self._turned(spot),
            tied=any(not isinstance(use.arriving, Ids) for use in uses if "table" in use.traits),
            mixed=next((why for _, why in ways if why), ""),
            laid=_laid(spot) if "position" in spot.traits else None,
        )

    def kind(self, unit: Unit) -> str:
        """What these weights are: units of one size may be a convolution and a transposed one, a matrix and a table."""
        spot = self.keys.get(next(iter(unit.keys.values())))
        if spot is None:
            return unit.kind
        other = "turned" if self._turned(spot) else "table" if "table" in spot.traits else ""
        return f"{other} {unit.kind}".lstrip()

    def _weights(self, spot: Spot) -> dict[str, Shape]:
        """Those of a layer, or of the one whose weights it uses."""
        return (self.paths[spot.row.module] if spot.row.module else spot).row.layer.weights

    def _turned(self, spot: Spot) -> bool:
        return "conv" in spot.traits and isinstance(spot.row.layer.window, Sight) and "weight" in self._weights(spot)

    def _groups(self, spot: Spot) -> int:
        """In how many groups a convolution works: what arrives, over what one filter sees."""
        size = next(iter(self._weights(spot).values()), ())
        if len(size) not in (3, 4) or not spot.traits & {"conv", "along"} or self._turned(spot):
            return 1
        return max(1, channels(spot.arriving) // size[1])

    def _renews(self, spot: Spot) -> bool:
        """Whether the channels of a result are others than those that arrive; a depthwise convolution keeps them."""
        return "weighted" in spot.traits and (
            self._groups(spot) != channels(spot.arriving) or channels(spot.arriving) == 1
        )

    def _moved(self, spot: Spot) -> str:
        """Why the channels of a result have numbers that move with the width of another layer, "" where they do not."""
        row, shape = spot.row, spot.arriving
        if row.op.name == "flatten" and shape[1:] not in ((1, 1), ()):
            return "its inputs are the pixels of an image"
        if "weighted" in spot.traits:
            both = any(n.endswith("_reverse") for n in self._weights(spot))
            return _through(spot) if both else ""
        other = len(row.inputs) == 1 and not row.bodies and channels(row.layer.out) != channels(shape)
        return _through(spot) if "mixes" in spot.traits or other else ""

    def _way(self, spot: Spot) -> tuple[bool, str]:
        """Whether the inputs of a layer are the channels of the network's input, and why they cannot be distinguished."""
        seen, todo, given, made = {spot.key}, spot.inputs(), False, False
        while todo:
            at = todo.pop()
            if at.key in seen:
                continue
            seen.add(at.key)
            if at.index < 0:
                if at.owner is None:
                    given = True
                elif at.trace.input != at.owner.arriving:
                    return False, _through(at.owner)
                todo += at.inputs()
            elif at.row.bodies:
                todo += at.results()
            elif why := self._moved(at):
                return False, why
            elif self._renews(at):
                made = True
            else:
                todo += at.inputs()
        return given and not made, ""

    def _makers(self, todo: list[Spot]) -> frozenset[str]:
        """The layers whose outputs are the channels of these values: no other layer makes others of them."""
        found, seen = set[str](), set[tuple[int, int]]()
        while todo:
            at = todo.pop()
            if at.key in seen:
                continue
            seen.add(at.key)
            if at.index < 0:
                todo += at.inputs()
            elif at.row.bodies:
                todo += at.results()
            else:
                found.add(at.row.module or at.row.path)
                todo += [] if self._renews(at) else at.inputs()
        return frozenset(found)


def _through(spot: Spot) -> str:
    return f"its inputs come through `{spot.row.op.name}`, so their numbers moved"


def _rule(unit: Unit, spot: Spot) -> Rule:
    """What the weights of a unit are; a part of a layer is none of these."""
    row, out = spot.row, spot.row.layer.out
    if unit.path == row.path and unit.kind in ("conv", "linear"):
        if "table" in spot.traits:
            return "table"
        along = unit.kind == "conv" and "along" in spot.traits
        return "matrix" if along or spot.traits & {"conv", "linear"} else ""
    if spot.traits & EACH and prod(unit.main) == max(unit.main, default=0) == channels(out):
        return "channels"
    plain = "position" in spot.traits and unit.path == f"{row.path}.embedding" and unit.main == (1, *out)
    return "positions" if plain else ""


def _laid(spot: Spot) -> Laid | None:
    """How the tokens that arrive are laid out, None where that is not known: behind `embed` in a row, behind an image in its
    rows and columns."""
    if len(spot.row.layer.out) == 3:
        return Laid(0, spot.row.layer.out[1:])
    extra, at = 0, spot
    while at.index >= 0:
        shape, out = at.arriving, at.row.layer.out
        if isinstance(shape, Ids):
            return Laid(extra, (shape.length,))
        if len(shape) == 3:
            return Laid(extra, shape[1:]) if out == (prod(shape[1:]), shape[0]) else None
        extra += "class" in at.traits
        kept = at.traits & IN_PLACE and out[0] == shape[0] and all(at.trace.shape(n) == shape for n in at.row.inputs)
        if not kept and "class" not in at.traits:
            return None
        at = at.inputs()[0]
    return Laid(extra, (at.trace.input[0],)) if at.owner is None else None
