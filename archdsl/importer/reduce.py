"""Steps, a graph, to a tree: chains become sequences, branches from one value that meet become fans, and what is left
is wired with ``as`` and ``@``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from archdsl.importer.sharing import firsts
from archdsl.importer.steps import Step
from archdsl.importer.tree import Again, Fan, Item, Items, Mark, Ref, Word, inside
from archdsl.ir.trace import channels
from archdsl.registry import entries, params


@dataclass(slots=True)
class _Part:
    """A piece of the network: the values that it takes, the step in which they meet (-1: it takes one), and what
    follows."""

    inputs: list[int]
    join: int
    items: Items


def shared_prefixes(steps: list[Step], input: tuple[int, ...]) -> list[Step]:
    """``cat(a | b | c)`` where ``cat(a | b)`` is a value as well is ``cat(@that | c)``: dense connections as a chain."""
    known: dict[tuple[int, ...], int] = {}
    out: list[Step] = []
    for at, step in enumerate(steps):
        if step.op.name == "cat":
            known[step.inputs] = at
            for n in range(len(step.inputs) - 1, 0, -1):
                # a single value is its own prefix already
                if n > 1 and (whole := known.get(step.inputs[:n])) is not None and whole != at:
                    step = _joined(step, (whole, *step.inputs[n:]), out, input)
                    break
        out.append(step)
    return out


def _joined(step: Step, inputs: tuple[int, ...], steps: list[Step], input: tuple[int, ...]) -> Step:
    shapes = tuple(steps[i].layer.out if i >= 0 else input for i in inputs)
    return replace(step, inputs=inputs, layer=step.op.entry.make(shapes, *step.op.args))


def reduce(steps: list[Step], output: int, input: tuple[int, ...]) -> tuple[Items, list[Step]]:
    """The tree, and the steps with the inputs of sums and products in the order of its branches."""
    steps = list(steps)
    parts = {-1: _Part([], -1, ())}
    first = firsts(steps)
    labels = _labels(steps, first)
    for at, step in enumerate(steps):
        joins = step.op.entry.kind == "join"
        cin = 0 if joins else _cin(steps, step.inputs[0], input)
        items: Items = () if joins else (_word(step, cin, labels.get(first[at], "")),)
        parts[at] = _Part(list(step.inputs), at if joins else -1, items)
    uses = _uses(parts, output)
    changed = True
    while changed:
        changed = False
        for at in sorted(parts):
            if at in parts and at >= 0:
                changed |= _series(parts, uses, at) or _parallel(parts, uses, at, steps, input)
    return _labelled_once(_wired(parts, output, steps, input)), steps


def _labelled_once(items: Items) -> Items:
    """A label where the text first has the layer, and `again` from there on."""
    seen: set[str] = set()

    def change(item: Item) -> Item:
        if isinstance(item, Word) and item.label:
            if item.label in seen:
                return Again(item.label, item.cin)
            seen.add(item.label)
        return inside(item, lambda inner: tuple(map(change, inner)))

    return tuple(map(change, items))


def _uses(parts: dict[int, _Part], output: int) -> dict[int, int]:
    uses = {output: 1}
    for part in parts.values():
        for i in part.inputs:
            uses[i] = uses.get(i, 0) + 1
    return uses


def _cin(steps: list[Step], at: int, input: tuple[int, ...]) -> int:
    return channels(steps[at].layer.out if at >= 0 else input)


def _word(step: Step, cin: int, label: str) -> Word:
    return Word(step.op.name, _given(step), label=label, cin=cin)


def _labels(steps: list[Step], first: list[int]) -> dict[int, str]:
    """A label for each step whose weights later ones use, too, after its place in the source."""
    used = sorted({of for at, of in enumerate(first) if of != at})
    taken = {e.name for e in entries()}
    out = {}
    for number, at in enumerate(used, 1):
        name = re.sub(r"\W+", "_", steps[at].path).strip("_").lower()
        out[at] = name if name[:1].isalpha() and name not in taken else f"w{number}"
        taken.add(out[at])
    return out


def _given(step: Step) -> tuple[tuple[str, Any], ...]:
    """The arguments that are not defaults."""
    pairs = zip(params(step.op.entry), step.op.args, strict=True)
    return tuple((p.name, v) for p, v in pairs if type(v) is not type(p.default) or v != p.default)


def _series(parts: dict[int, _Part], uses: dict[int, int], at: int) -> bool:
    part = parts[at]
    if part.join >= 0:
        return False
    before = part.inputs[0]
    if before < 0 or uses[before] != 1:
        return False
    first = parts.pop(before)
    parts[at] = _Part(first.inputs, first.join, first.items + part.items)
    return True


def _parallel(
    parts: dict[int, _Part], uses: dict[int, int], at: int, steps: list[Step], input: tuple[int, ...]
) -> bool:
    part = parts[at]
    if part.join < 0:
        return False
    branches: list[tuple[int, Items, int]] = []
    for place, i in enumerate(part.inputs):
        inner = parts[i]
        if i >= 0 and uses[i] == 1 and inner.join < 0:
            branches.append((inner.inputs[0], inner.items, place))
        else:
            branches.append((i, (), place))
    if len({source for source, _, _ in branches}) != 1:
        return False
    source = branches[0][0]
    join = steps[part.join].op.name
    branches = _ordered(join, branches)
    order = [place for _, _, place in branches]
    old = steps[part.join]
    if order != sorted(order):
        steps[part.join] = _joined(old, tuple(old.inputs[i] for i in order), steps, input)
    for _, items, place in branches:
        if items:
            parts.pop(part.inputs[place])
    uses[source] += 1 - len(branches)  # each branch took it, and now the fan does
    given = _given(steps[part.join])
    fan = Fan(join, tuple(items for _, items, _ in branches), _cin(steps, source, input), given)
    parts[at] = _Part([source], -1, (fan, *part.items))
    return True


def _ordered(join: str, branches: list[tuple[int, Items, int]]) -> list[tuple[int, Items, int]]:
    """Sums say first what is done and then what is kept; products first what is kept, then its factor."""
    if join == "add":
        return sorted(branches, key=lambda b: -_size(b[1]))
    if join == "mul":
        return sorted(branches, key=lambda b: bool(b[1]))
    return branches


def _size(items: Items) -> int:
    total = 0
    for item in items:
        total += sum(_size(b) + 1 for b in item.branches) if isinstance(item, Fan) else 1
    return total


def _wired(parts: dict[int, _Part], output: int, steps: list[Step], input: tuple[int, ...]) -> Items:
    """The parts one after the other; values that others than the next one read get names."""
    order = [at for at in sorted(parts) if at >= 0]
    if not order:
        return ()
    if len(order) == 1 and parts[order[0]].join < 0:
        return parts[order[0]].items
    named: dict[int, str] = {}

    def refer(at: int, here: int) -> Items:
        if at == here:
            return ()
        named.setdefault(at, f"x{len(named) + 1}")
        return (Ref(named[at]),)

    pieces: list[tuple[int, list[Item]]] = [(-1, [])]
    here = -1
    for at in order:
        part = parts[at]
        made: list[Item] = []
        if part.join < 0:
            made += refer(part.inputs[0], here)
        else:
            step = steps[part.join]
            refs = tuple(refer(i, here) for i in part.inputs)
            made.append(Fan(step.op.name, refs, _cin(steps, here, input), _given(step)))
        made += part.items
        pieces.append((at, made))
        here = at
    if here != output:
        pieces.append((output, list(refer(output, here))))
    out: list[Item] = []
    seen: set[int] = set()
    for at, made in pieces:
        out += made
        if at in named and at not in seen:
            out.append(Mark(named[at]))
        seen.add(at)
    return tuple(out)
