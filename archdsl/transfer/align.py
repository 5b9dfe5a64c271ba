"""Which unit of one net is which of another: by label, then by aligning the two rows, by size alone last.

The alignment is Needleman & Wunsch's (1970) with Gotoh's affine gaps (1982): what was put in or taken out in one piece
costs one opening, so an inserted block stays one block, and everything around it keeps its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from archdsl.transfer.units import Unit

How = Literal["label", "name", "order", "size"]
Pairs = dict[int, tuple[int, How]]  # place in the new net → place in the old one

EQUAL, ALIKE = 4.0, 0.3  # two units of one size; two of one kind, of which one can be cut from the other
SAME_PATH, SAME_NAME = 0.5, 0.25  # more for a path, or a last name, that stayed
OPEN, EXTEND = -1.0, -0.05
NEVER = float("-inf")


def matched(new: Sequence[Unit], old: Sequence[Unit], labels: frozenset[str]) -> Pairs:
    """The pairs of two nets. ``labels`` are those of the new net: what is under one of them in both nets is matched
    within it, wherever it moved.
    """
    if len(new) == len(old) and all(a.same(b) and _agree(a, b, labels) for a, b in zip(new, old, strict=True)):
        return {n: (n, "name" if a.path == old[n].path else "order") for n, a in enumerate(new)}
    pairs: Pairs = {}
    mine, theirs = _under(new, labels), _under(old, labels)
    for label in mine.keys() & theirs.keys() - {()}:
        _add(pairs, new, old, mine[label], theirs[label], "label")
    left, right = _rest(len(new), pairs.keys()), _rest(len(old), {o for o, _ in pairs.values()})
    _add(pairs, new, old, left, right, "order")
    _by_size(pairs, new, old)
    return pairs


def by_names(new: Sequence[Unit], old: Sequence[Unit], ordered: bool) -> list[Unit]:
    """The old units of a file that does not say in which order they act: those whose names the new net has, as they are there,
    and the others behind those that they follow.

    Args:
        ordered: the file has an order of its own, which stays unless it has all layers of the new net by name.
    """
    place, held = {u.path: n for n, u in enumerate(new)}, {u.path: u for u in old}
    if ordered and not all(u.path in held and u.kind == held[u.path].kind for u in new):
        return list(old)
    groups: list[tuple[int, list[Unit]]] = [(-1, [])]
    for unit in old:
        if unit.path in place:
            groups.append((place[unit.path], []))
        groups[-1][1].append(unit)
    return [u for _, group in sorted(groups, key=lambda g: g[0]) for u in group]


def _under(units: Sequence[Unit], labels: frozenset[str]) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for number, unit in enumerate(units):
        found.setdefault(_labels(unit, labels), []).append(number)
    return found


def _labels(unit: Unit, labels: frozenset[str]) -> tuple[str, ...]:
    return tuple(p for p in unit.path.split(".") if p in labels)


def _agree(new: Unit, old: Unit, labels: frozenset[str]) -> bool:
    """Whether no label says that the old unit belongs elsewhere."""
    return _labels(old, labels) in ((), _labels(new, labels))


def _rest(length: int, taken: object) -> list[int]:
    return [n for n in range(length) if n not in taken]  # type: ignore[operator]


def _add(pairs: Pairs, new: Sequence[Unit], old: Sequence[Unit], left: list[int], right: list[int], how: How) -> None:
    for i, j in align(len(left), len(right), lambda i, j: score(new[left[i]], old[right[j]])):
        a, b = left[i], right[j]
        pairs[a] = (b, "name" if how == "order" and new[a].path == old[b].path else how)


def _by_size(pairs: Pairs, new: Sequence[Unit], old: Sequence[Unit]) -> None:
    """What is left over on both sides and equal in kind and size, in order; weights with a matrix alone."""
    right = _rest(len(old), {o for o, _ in pairs.values()})
    for a in _rest(len(new), pairs.keys()):
        found = next((b for b in right if new[a].same(old[b]) and len(new[a].main) > 1), None)
        if found is not None:
            pairs[a] = (found, "size")
            right.remove(found)


def score(new: Unit, old: Unit) -> float:
    """What it is worth to take ``old`` for ``new``."""
    if new.kind != old.kind or len(new.main) != len(old.main):
        return NEVER
    named = SAME_PATH if new.path == old.path else 0.0
    named += SAME_NAME if new.path.rpartition(".")[2] == old.path.rpartition(".")[2] else 0.0
    return (EQUAL if new.main == old.main else ALIKE) + named


def align(n: int, m: int, value: Callable[[int, int], float]) -> list[tuple[int, int]]:
    """The pairs (i, j), rising in both, of greatest value, gaps counted off; of equal ones the last gaps."""
    # best[s][i][j] for what ends in s: 0 a pair, 1 a gap in the second row (i is new), 2 a gap in the first (j is gone).
    best = [[[NEVER] * (m + 1) for _ in range(n + 1)] for _ in range(3)]
    came = [[[0] * (m + 1) for _ in range(n + 1)] for _ in range(3)]
    best[0][0][0] = 0.0
    for i in range(n + 1):
        for j in range(m + 1):
            for state, (a, b) in enumerate(((i - 1, j - 1), (i - 1, j), (i, j - 1))):
                if a < 0 or b < 0:
                    continue
                gain = value(a, b) if state == 0 else 0.0
                if gain == NEVER:
                    continue
                costs = [0.0 if state == 0 else EXTEND if s == state else OPEN for s in range(3)]
                found = [best[s][a][b] + costs[s] + gain for s in range(3)]
                top = max(range(3), key=found.__getitem__)
                best[state][i][j], came[state][i][j] = found[top], top
    state = max(range(3), key=lambda s: best[s][n][m])
    pairs, i, j = [], n, m
    while i or j:
        before = came[state][i][j]
        if state == 0:
            pairs.append((i - 1, j - 1))
        i, j = (i - 1, j - 1) if state == 0 else (i - 1, j) if state == 1 else (i, j - 1)
        state = before
    return pairs[::-1]
