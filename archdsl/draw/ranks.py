"""A layered drawing of a small directed acyclic graph: rank, order in a rank, and place across (Sugiyama et al. 1981).

Ranks are longest paths; edges over several ranks become chains of bends; the order is improved by barycentres while
crossings fall; places minimise the weighted sum of sideways distances, one rank at a time, which is an isotonic median
regression (pool adjacent violators) since the order within a rank is fixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 26.0  # between neighbours in a rank
LANE = 12.0  # between lines
_SWEEPS = 8
_TOGETHER, _BESIDE, _STRAIGHT = 4.0, 0.2, 2.0  # how much an edge wants to be straight: of a path, of a skip, of a bend


@dataclass
class Node:
    """Extents to the left and right of its anchor. ``rank`` and ``x`` (of the anchor) are found, and ``room``, what is
    kept free for it: a branch has one width from top to bottom, so that its line is straight."""

    left: float
    right: float
    height: float = 0.0
    bend: bool = False
    rank: int = 0
    x: float = 0.0
    room: tuple[float, float] = (0.0, 0.0)


@dataclass
class Edge:
    """From node to node, with the offsets of its ends from their anchors; ``path`` is the nodes that it goes through."""

    source: int
    target: int
    leave: float = 0.0
    arrive: float = 0.0
    value: int = 0
    path: list[int] = field(default_factory=list)


def arrange(
    nodes: list[Node], edges: Sequence[Edge], first: Iterable[int] = (), last: Iterable[int] = ()
) -> list[list[int]]:
    """Give every node its rank and place; bends are appended to ``nodes``. The ranks are given back, each in order.

    first, last: nodes that belong to the first and the last rank.
    """
    _rank(nodes, edges, list(first), list(last))
    steps = _split(nodes, edges)
    _columns(nodes, steps)
    order = _order(nodes, steps)
    _place(nodes, steps, order)
    _straighten(nodes, edges, order)
    low = min((n.x - n.left for n in nodes), default=0.0)
    for node in nodes:
        node.x -= low
    return order


@dataclass
class _Step:
    """An edge between neighbouring ranks."""

    source: int
    target: int
    leave: float
    arrive: float
    weight: float


def _rank(nodes: list[Node], edges: Sequence[Edge], first: list[int], last: list[int]) -> None:
    """The longest path from above; the edges come in an order in which sources are settled before they are read."""
    base = 1 if first else 0
    for n, node in enumerate(nodes):
        node.rank = 0 if n in first else base
    for edge in edges:
        nodes[edge.target].rank = max(nodes[edge.target].rank, nodes[edge.source].rank + 1)
    deepest = max((n.rank for i, n in enumerate(nodes) if i not in last), default=0)
    for n in last:
        nodes[n].rank = deepest + 1


def _split(nodes: list[Node], edges: Sequence[Edge]) -> list[_Step]:
    """Edges as steps from rank to rank; edges of one value from one node share their bends as long as they can."""
    outgoing: dict[int, set[int]] = {}
    for e in edges:
        outgoing.setdefault(e.source, set()).add(e.target)
    shared: dict[tuple[int, float, int], int] = {}
    steps: dict[tuple[int, int, float, float], _Step] = {}
    for edge in edges:
        at, leave = edge.source, edge.leave
        side = _BESIDE if len(outgoing[edge.source]) > 1 else _TOGETHER
        edge.path = [at]
        for rank in range(nodes[at].rank + 1, nodes[edge.target].rank):
            key = (edge.source, edge.leave, rank)
            if key not in shared:
                shared[key] = len(nodes)
                nodes.append(Node(LANE / 2, LANE / 2, bend=True, rank=rank))
            bend = shared[key]
            weight = _STRAIGHT if nodes[at].bend else side
            steps.setdefault((at, bend, leave, 0.0), _Step(at, bend, leave, 0.0, weight))
            at, leave = bend, 0.0
            edge.path.append(at)
        weight = side if nodes[at].bend else _TOGETHER
        steps.setdefault((at, edge.target, leave, edge.arrive), _Step(at, edge.target, leave, edge.arrive, weight))
        edge.path.append(edge.target)
    return list(steps.values())


def _columns(nodes: list[Node], steps: Sequence[_Step]) -> None:
    """Give what follows each other without a fork the room of the widest."""
    after = Counter(s.source for s in steps)
    before = Counter(s.target for s in steps)
    chain: dict[int, list[int]] = {}
    for step in sorted(steps, key=lambda s: nodes[s.source].rank):
        members = chain.setdefault(step.source, [step.source])
        if after[step.source] == before[step.target] == 1:
            members.append(step.target)
            chain[step.target] = members
    for n, node in enumerate(nodes):
        members = chain.get(n, [n])
        node.room = (max(nodes[m].left for m in members), max(nodes[m].right for m in members))


def _order(nodes: list[Node], steps: Sequence[_Step]) -> list[list[int]]:
    depth = max((n.rank for n in nodes), default=-1) + 1
    after: dict[int, list[int]] = {}
    for s in steps:
        after.setdefault(s.source, []).append(s.target)
    order: list[list[int]] = [[] for _ in range(depth)]
    seen: set[int] = set()
    for start in sorted(range(len(nodes)), key=lambda n: (nodes[n].rank, n)):
        todo = [start]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                order[nodes[node].rank].append(node)
                todo += [t for t in reversed(after.get(node, [])) if t not in seen]
    best, fewest = order, _crossings(order, steps, nodes)
    for sweep in range(_SWEEPS if fewest else 0):
        order = _swept([list(r) for r in order], steps, nodes, down=sweep % 2 == 0)
        crossings = _crossings(order, steps, nodes)
        if crossings < fewest:
            best, fewest = order, crossings
    return best


def _swept(order: list[list[int]], steps: Sequence[_Step], nodes: list[Node], down: bool) -> list[list[int]]:
    """One sweep of barycentres; a node without neighbours keeps its place."""
    near: dict[int, list[tuple[int, float]]] = {}
    for s in steps:
        if down:
            near.setdefault(s.target, []).append((s.source, s.leave))
        else:
            near.setdefault(s.source, []).append((s.target, s.arrive))
    place = {n: float(i) for rank in order for i, n in enumerate(rank)}
    for rank in order[1:] if down else reversed(order[:-1]):
        mean = {
            n: sum(place[m] + o / 1e4 for m, o in near[n]) / len(near[n]) if near.get(n) else place[n] for n in rank
        }
        rank.sort(key=lambda n: mean[n])
        place |= {n: float(i) for i, n in enumerate(rank)}
    return order


def _crossings(order: list[list[int]], steps: Sequence[_Step], nodes: list[Node]) -> int:
    place = {n: i for rank in order for i, n in enumerate(rank)}
    between: dict[int, list[tuple[float, float]]] = {}
    for s in steps:
        ends = place[s.source] + s.leave / 1e4, place[s.target] + s.arrive / 1e4
        between.setdefault(nodes[s.source].rank, []).append(ends)
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0 for ends in between.values() for i, a in enumerate(ends) for b in ends[:i]
    )


def _place(nodes: list[Node], steps: Sequence[_Step], order: list[list[int]]) -> None:
    above: dict[int, list[tuple[int, float, float]]] = {}
    below: dict[int, list[tuple[int, float, float]]] = {}
    for s in steps:
        above.setdefault(s.target, []).append((s.source, s.leave - s.arrive, s.weight))
        below.setdefault(s.source, []).append((s.target, s.arrive - s.leave, s.weight))
    for rank in order:
        _settle(nodes, rank, {})
    for _ in range(_SWEEPS):
        for rank in reversed(order):
            _settle(nodes, rank, below)
        for rank in order:
            _settle(nodes, rank, above)


def _settle(nodes: list[Node], rank: list[int], near: dict[int, list[tuple[int, float, float]]]) -> None:
    """The best places of one rank, its neighbours held fixed and its order kept."""
    blocks: list[tuple[list[tuple[float, float]], int, float]] = []  # wishes, nodes, place
    offset = 0.0
    offsets: list[float] = []
    for number, n in enumerate(rank):
        if number:
            offset += apart(nodes[rank[number - 1]], nodes[n])
        offsets.append(offset)
        wishes = [(nodes[m].x + o - offset, w) for m, o, w in near.get(n, [])] or [(nodes[n].x - offset, 1e-3)]
        blocks.append((wishes, 1, _median(wishes)))
        while len(blocks) > 1 and blocks[-2][2] > blocks[-1][2]:
            (a, x, _), (b, y, _) = blocks[-2:]
            blocks[-2:] = [(a + b, x + y, _median(a + b))]
    at = 0
    for _, size, place in blocks:
        for _ in range(size):
            nodes[rank[at]].x = place + offsets[at]
            at += 1


def apart(left: Node, right: Node) -> float:
    """The least distance between the anchors of two neighbours."""
    lines = sum(n.room[0] <= LANE / 2 for n in (left, right))
    return left.room[1] + (GAP, GAP / 2, 0.0)[lines] + right.room[0]


def _median(wishes: list[tuple[float, float]]) -> float:
    wishes = sorted(wishes)
    half = sum(w for _, w in wishes) / 2
    total = 0.0
    for (x, w), (following, _) in pairwise([*wishes, wishes[-1]]):
        total += w
        if abs(total - half) < 1e-9:
            return (x + following) / 2
        if total > half:
            return x
    return wishes[-1][0]


def _straighten(nodes: list[Node], edges: Sequence[Edge], order: list[list[int]]) -> None:
    """Chains of bends on one line where there is room for it in every rank."""
    chains = {tuple(e.path[1:-1]): e for e in edges if len(e.path) > 3}
    sources = [e.source for e in edges]
    for chain, edge in sorted(chains.items(), key=lambda c: -len(c[0])):
        low, high = float("-inf"), float("inf")
        for bend in chain:
            rank = order[nodes[bend].rank]
            at = rank.index(bend)
            if at:
                low = max(low, nodes[rank[at - 1]].x + apart(nodes[rank[at - 1]], nodes[bend]))
            if at + 1 < len(rank):
                high = min(high, nodes[rank[at + 1]].x - apart(nodes[bend], nodes[rank[at + 1]]))
        if low <= high:
            branch = sources.count(edge.source) == 1  # else a skip, which keeps aside
            wish = nodes[edge.source].x + edge.leave if branch else max(nodes[b].x for b in chain)
            for bend in chain:
                nodes[bend].x = min(max(wish, low), high)
