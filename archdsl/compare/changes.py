"""What makes one network another: added, removed, changed and rewired layers, equal changes shown once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from archdsl.compare.align import Aligner, label
from archdsl.ir.nodes import Seq
from archdsl.ir.outline import Leaf, Part, leaves, outline
from archdsl.ir.text import call
from archdsl.registry import nets

if TYPE_CHECKING:
    from archdsl.compare.align import Pair
    from archdsl.ir.outline import Item, Outline
    from archdsl.ir.trace import Trace

Status = Literal["added", "removed", "changed", "rewired", "renamed", "reshaped"]
_WORDS = 64  # characters of a module in words


@dataclass(frozen=True, slots=True)
class Change:
    """A layer or module in which two networks differ.

    status: ``changed`` has another word or other arguments (of a layer round a module, whose insides have changes of their
        own), ``rewired`` reads other values, ``renamed`` has another label, ``reshaped`` is the same for another shape, so that
        its weights or its work differ.
    path: of the second network's module, or of the first one's where it is gone. before, after: in the language; empty
        where there is nothing. params, macs: what the second has more than the first. start, stop: its values in the
        outline of the network that has it.
    """

    status: Status
    path: str
    before: str
    after: str
    params: int
    macs: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Group:
    """Equal changes in several places, with their sums. ``paths`` are all places, in order; layers in a row that came or
    went together are one place, that of the first."""

    status: Status
    before: str
    after: str
    paths: tuple[str, ...]
    params: int
    macs: int


def changes(a: Trace, b: Trace) -> list[Change]:
    """The changes from one traced network to another, in the order of execution."""
    first, second = outline(a), outline(b)
    aligner = Aligner(first, second)
    pairs = list(aligner.pairs(first.root, second.root))
    partner = {x.value: y.value for x, y in pairs if isinstance(x, Leaf) and isinstance(y, Leaf)}
    partner[-1] = -1
    back = {v: k for k, v in partner.items()}
    found = [_change(first, second, pair, partner, back) for pair in pairs]
    return [c for c in found if c is not None]


def grouped(found: Iterable[Change]) -> list[Group]:
    """Equal changes together, in the order of their first places."""
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for change in _together(found):
        groups.setdefault((change.status, change.before, change.after), []).append(change)
    return [
        Group(
            same[0].status,
            same[0].before,
            same[0].after,
            tuple(c.path for c in same),
            sum(c.params for c in same),
            sum(c.macs for c in same),
        )
        for same in groups.values()
    ]


def _together(found: Iterable[Change]) -> list[Change]:
    """Layers of one module that follow each other and came or went as one change."""
    joined: list[Change] = []
    before: Change | None = None
    for change in found:
        together = before is not None and _follows(before, change)
        before = change
        if together:
            last = joined[-1]
            text = f"{last.before or last.after} {change.before or change.after}"
            joined[-1] = replace(
                last,
                before=text if change.before else "",
                after=text if change.after else "",
                stop=change.stop,
                params=last.params + change.params,
                macs=last.macs + change.macs,
            )
        else:
            joined.append(change)
    return joined


def _follows(before: Change, change: Change) -> bool:
    layers = before.stop - before.start == change.stop - change.start == 1
    module = before.path.rpartition(".")[0] == change.path.rpartition(".")[0]
    return before.status == change.status in ("added", "removed") and before.stop == change.start and layers and module


def _change(a: Outline, b: Outline, pair: Pair, partner: dict[int, int], back: dict[int, int]) -> Change | None:
    x, y = pair
    if x is None and y is not None:
        return Change("added", y.path, "", _text(b, y), *_figures(b, y), y.start, y.stop)
    if y is None and x is not None:
        params, macs = _figures(a, x)
        return Change("removed", x.path, _text(a, x), "", -params, -macs, x.start, x.stop)
    if isinstance(x, Part) and isinstance(y, Part):  # what is inside has changes of its own
        before, after = _round(x), _round(y)
        kind: Status = "changed" if before and after else "added" if after else "removed"
        return Change(kind, y.path, before, after, 0, 0, y.start, y.stop)
    assert isinstance(x, Leaf)
    assert isinstance(y, Leaf)
    before, after = _text(a, x), _text(b, y)
    (p, m), (q, n) = _figures(a, x), _figures(b, y)
    status = _status(a, b, x, y, partner, back)
    if status is None and (p, m) == (q, n):
        return None
    return Change(status or "reshaped", y.path, before, after, q - p, n - m, y.start, y.stop)


def _status(a: Outline, b: Outline, x: Leaf, y: Leaf, partner: dict[int, int], back: dict[int, int]) -> Status | None:
    old, new = a.values[x.value], b.values[y.value]
    if old.row.op.entry is not new.row.op.entry or old.row.op.args != new.row.op.args:
        return "changed"
    if _rewired(old.inputs, new.inputs, partner, back):
        return "rewired"
    if label(x.path, old.row.op.name) != label(y.path, new.row.op.name):
        return "renamed"
    return None


def _rewired(old: Sequence[int], new: Sequence[int], partner: dict[int, int], back: dict[int, int]) -> bool:
    """Whether a layer reads other values, which both networks have. What was put in between, or taken out, is told
    where it is."""
    if len(old) != len(new):
        return True
    known = [(s, t) for s, t in zip(old, new, strict=True) if s in partner and t in back]
    return any(partner[s] != t for s, t in known)


def _figures(outline: Outline, item: Item) -> tuple[int, int]:
    return outline.params(item.start, item.stop), outline.macs(item.start, item.stop)


def _round(part: Part) -> str:
    """The layer round a module in the language, with ``…`` for the network in it."""
    if part.wrapper is None:
        return ""
    op = part.wrapper.op
    inside = {i: Seq(()) for i in nets(op.entry) if op.args[i] is not None}
    return call(replace(op, args=tuple(inside.get(i, a) for i, a in enumerate(op.args)))).replace("(id", "(…", 1)


def _text(outline: Outline, item: Item) -> str:
    """An item in the language: a layer whole, a module by its first layers."""
    if isinstance(item, Leaf):
        return " ".join(call(outline.values[item.value].row.op).split())
    words = [outline.values[leaf.value].row.op.name for leaf in leaves(item)]
    text = " ".join(words)
    return text if len(text) <= _WORDS else text[: _WORDS - 1].rpartition(" ")[0] + " …"
