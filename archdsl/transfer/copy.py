"""Carries weights over: what each tensor of the new net gets, and from where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from archdsl.errors import EnvError
from archdsl.ir.nodes import Again, Mark, Node, Ref, children
from archdsl.transfer.align import How, by_names, matched
from archdsl.transfer.read import STORED, Weights
from archdsl.transfer.reshape import refusal, reshaped
from archdsl.transfer.units import BUFFERS, Unit, units_of
from archdsl.transfer.wiring import Where, Wiring

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace

Status = Literal["exact", "reshaped", "new", "dropped"]
STATUSES: tuple[Status, ...] = ("exact", "reshaped", "new", "dropped")


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one tensor. ``key`` is its name in the new net ("" for what is dropped), ``source`` that in the old
    one ("" for what is new), ``how`` by what the two were matched, ``why`` the reason where a match was of no use.
    ``params`` are its numbers that are so, 0 for statistics and counters; ``fresh`` those of a reshaped tensor that are new.
    """

    key: str
    source: str
    status: Status
    params: int
    how: str = ""
    why: str = ""
    fresh: int = 0


@dataclass(frozen=True, eq=False)
class Transfer:
    """A whole state dict for the new net, and a line for every tensor of both."""

    state: dict[str, Tensor]
    lines: tuple[Line, ...]
    source: str
    sha: str
    notes: tuple[str, ...] = ()

    @property
    def totals(self) -> dict[Status, int]:
        """Parameters by what became of them."""
        return {s: tally(self.lines, s) for s in STATUSES}

    @property
    def kept(self) -> frozenset[str]:
        """The tensors of the new net that come from the old one."""
        return frozenset(line.key for line in self.lines if line.status in ("exact", "reshaped"))


def tally(lines: Iterable[Line], status: Status) -> int:
    """The parameters of one status."""
    return sum(n.params * (n.status == status) + n.fresh * (status == "new") for n in lines)


def copy_weights(fresh: Mapping[str, Tensor], trace: Trace, source: Weights, reshape: bool = False) -> Transfer:
    """The weights of a source in the places of a new net.

    Args:
        fresh: the new net's state dict with weights to begin with where nothing fits; left as it is.
        trace: of the new net.
        reshape: take also what has another shape, where a rule is sound.

    Raises:
        EnvError: a tensor that is taken is not finite, or of another kind of number.
    """
    new, old = units_of(fresh), units_of(source.state)
    if source.guessed:
        old = by_names(new, old, ordered=source.guessed == STORED)
    mine, theirs = Wiring(trace), Wiring(source.trace) if source.trace is not None else None
    pairs = matched(_told(new, mine, theirs), _told(old, theirs, theirs), labels(trace.graph))
    state, lines, used = dict(fresh), [], set()
    for number, unit in enumerate(new):
        partner = old[pairs[number][0]] if number in pairs else None
        why, rule = "", None
        if partner is not None and not unit.same(partner):
            rule = mine.where(unit), theirs.where(partner) if theirs is not None else None
            why = refusal(unit, partner, *rule)
            if not why and not reshape:
                why = "another shape"
        if partner is None or why:
            gone = f"{_size(partner)} → {_size(unit)}: {why}" if partner is not None else ""
            lines += [Line(k, "", "new", _params(n, fresh[k]), "", gone) for n, k in unit.keys.items()]
            continue
        for name, key in unit.keys.items():
            line, value = _tensor(name, key, partner, fresh, source.state, pairs[number][1], rule)
            lines.append(line)
            if value is not None:
                state[key] = value
                used.add(line.source)
    lines += [
        Line("", k, "dropped", _params(k.rpartition(".")[2], v)) for k, v in source.state.items() if k not in used
    ]
    notes = (*source.notes, *_rounded(fresh, source, lines), *_guessed(source, lines))
    return Transfer(state, tuple(lines), source.source, source.sha, notes)


def _told(units: list[Unit], wiring: Wiring | None, both: Wiring | None) -> list[Unit]:
    """The units with their kinds in their networks, where both of these are known."""
    return units if wiring is None or both is None else [replace(u, kind=wiring.kind(u)) for u in units]


def _guessed(source: Weights, lines: Iterable[Line]) -> list[str]:
    """That layers of other names were matched in an order in which they need not act."""
    number = sum(line.how in ("order", "size") for line in lines) if source.guessed else 0
    tensors = f"{number} tensors of other names are" if number > 1 else "1 tensor of another name is"
    what = f"{source.source} does not say in which order its weights act: {tensors} matched in {source.guessed}"
    return [what] if number else []


def _rounded(fresh: Mapping[str, Tensor], source: Weights, lines: Iterable[Line]) -> list[str]:
    """What was taken from a wider type than the new net has."""
    pairs = [(source.state[line.source], fresh[line.key]) for line in lines if line.key and line.source]
    wider = [a for a, b in pairs if a.is_floating_point() and a.itemsize > b.itemsize]
    return [f"{len(wider)} tensors are rounded from {_kind(wider[0])}"] if wider else []


def _tensor(
    name: str,
    key: str,
    partner: Unit,
    fresh: Mapping[str, Tensor],
    old: Mapping[str, Tensor],
    how: How,
    rule: tuple[Where, Where | None] | None,
) -> tuple[Line, Tensor | None]:
    """What becomes of one tensor of a matched layer. ``rule`` is what a rule for another shape must know, None for a layer
    that is taken as it is."""
    mine, params = fresh[key], _params(name, fresh[key])
    source = partner.keys.get(name)
    if source is None:
        return Line(key, "", "new", params, "", "" if name in BUFFERS else f"the other has no {name}"), None
    theirs = _sound(old[source], source, mine, key)
    if mine.shape == theirs.shape:
        return Line(key, source, "exact", params, how), theirs.clone()
    if rule is None:
        return Line(key, "", "new", params, "", "another shape"), None
    value, taken = reshaped(name, mine, theirs, *rule)
    taken = min(params, taken)
    return Line(key, source, "reshaped", taken, how, "", params - taken), value


def _sound(theirs: Tensor, source: str, mine: Tensor, key: str) -> Tensor:
    """The tensor in the type of the one that it takes the place of.

    Raises:
        EnvError: it is of another kind (whole numbers where weights are wanted), or not finite.
    """
    if theirs.is_complex() or (mine.is_floating_point() and not theirs.is_floating_point()):
        raise EnvError(
            f"`{source}` holds {_kind(theirs)} values, and `{key}` takes {_kind(mine)}",
            help="weights that were quantised have to be converted back by the tool that did it",
        )
    value = theirs.to(mine.dtype)
    if not value.is_meta and not bool(torch.isfinite(value).all()):
        raise EnvError(f"`{source}` holds NaN or infinity", help="take weights of a run that did not diverge")
    return value


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def labels(graph: Node) -> frozenset[str]:
    """The labels that the author of a network gave."""
    found: set[str] = set()
    stack = [graph]
    while stack:
        node = stack.pop()
        if not isinstance(node, Mark | Ref | Again):
            found.add(node.label)
            stack += children(node)
    return frozenset(found - {""})


def _size(unit: Unit) -> str:
    return "×".join(map(str, unit.main)) or "1"


def _params(name: str, value: Tensor) -> int:
    return 0 if name in BUFFERS else value.numel()
