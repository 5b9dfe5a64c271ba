"""Ranks on paper: how high each is, how high the gaps between them are, and into how many columns they are broken."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.draw.route import HEAD, TRACK, Net, gap, tracks

if TYPE_CHECKING:
    from archdsl.draw.ranks import Edge, Node
    from archdsl.draw.scene import Point

GUTTER = 44.0  # between columns
OVER = 24.0  # above each column but the first, for the line that leads into it
UNDER = 14.0
HALVINGS = 24  # of the height of a column, until it is known well enough
EVEN = 0.4  # the least that the shortest column has of the longest


@dataclass
class Sheet:
    """Where the nodes of an arranged graph are. ``columns`` is the most that are wanted, ``above`` what is left free
    at the top."""

    nodes: list[Node]
    edges: list[Edge]
    order: list[list[int]]
    columns: int
    above: float
    w: float = 0.0
    h: float = 0.0
    tops: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    nets: list[dict[float, Net]] = field(default_factory=list)
    shifts: list[Point] = field(default_factory=list)  # of each rank
    column: list[int] = field(default_factory=list)
    lanes: list[float] = field(default_factory=list)  # between columns, where their line goes up

    def __post_init__(self) -> None:
        self.nets = [{} for _ in self.order]
        for edge in self.edges:
            for x1, x2, rank in self.steps(edge):
                self.nets[rank].setdefault(x1, Net(x1)).targets.add(x2)
        y = self.above
        for rank, row in enumerate(self.order):
            self.tops.append(y)
            y += max((self.nodes[n].height for n in row), default=0.0)
            self.gaps.append(y)
            if rank + 1 < len(self.order):
                count = tracks(list(self.nets[rank].values()))
                ports = not any(self.nodes[n].height for n in self.order[rank + 1])
                y += 6.0 if ports and not count else gap(count, bool(self.nets[rank]))
        self.h = y + self.above
        self.w = max((n.x + n.right for n in self.nodes), default=0.0)
        self.break_up()

    def steps(self, edge: Edge) -> list[tuple[float, float, int]]:
        """An edge gap by gap: from where to where across, and behind which rank."""
        xs = [round(self.nodes[n].x, 2) for n in edge.path]
        xs[0] = round(self.nodes[edge.path[0]].x + edge.leave, 2)
        xs[-1] = round(self.nodes[edge.path[-1]].x + edge.arrive, 2)
        return [(a, b, self.nodes[n].rank) for a, b, n in zip(xs, xs[1:], edge.path, strict=False)]

    def break_up(self) -> None:
        """Put the ranks into columns, as equally high as they can be."""
        breaks = self.breaks()
        self.column = [sum(b < rank for b in breaks) for rank in range(len(self.order))]
        self.shifts = [(0.0, 0.0)] * len(self.order)
        if not breaks:
            return
        x = high = 0.0
        for column in range(len(breaks) + 1):
            ranks = [r for r, c in enumerate(self.column) if c == column]
            inside = [self.nodes[n] for r in ranks for n in self.order[r]]
            low, right = min(n.x - n.left for n in inside), max(n.x + n.right for n in inside)
            dx, dy = x - low, (OVER if column else 0.0) - self.tops[ranks[0]]
            for rank in ranks:
                self.shifts[rank] = (dx, dy)
            high = max(high, self.gaps[ranks[-1]] + dy)
            x = right + dx + GUTTER
            self.lanes.append(x - GUTTER / 2)
        self.w, self.h = x - GUTTER, high + UNDER

    def breaks(self) -> list[int]:
        """The ranks behind which a column ends: of all ways to cut where one line leads on, the one whose highest column
        is lowest; none where that would leave a stump."""
        if not self.order:
            return []
        long = {self.nodes[n].rank for e in self.edges for n in e.path[:-1] if len(e.path) > 2}
        cuts = [r for r in range(1, len(self.order) - 1) if r not in long and len(self.nets[r]) == 1]
        end = len(self.order) - 1
        low, high, chosen = 0.0, self.tall(0, end), list[int]()
        for _ in range(HALVINGS if self.columns > 1 else 0):
            middle = (low + high) / 2
            found = self.fitting(cuts, middle)
            if found is not None and len(found) < self.columns:
                high, chosen = middle, found
            else:
                low = middle
        starts = [0, *[c + 1 for c in chosen]]
        heights = [self.tall(a, b) for a, b in zip(starts, [*chosen, end], strict=True)]
        return chosen if min(heights) >= EVEN * max(heights) else []

    def fitting(self, cuts: list[int], limit: float) -> list[int] | None:
        """The fewest cuts that leave no column higher than a limit, or None where there are none."""
        chosen: list[int] = []
        first, end = 0, len(self.order) - 1
        while self.tall(first, end) > limit:
            here = [c for c in cuts[bisect_left(cuts, first) :] if self.tall(first, c) <= limit]
            if not here:
                return None
            chosen.append(here[-1])
            first = here[-1] + 1
        return chosen

    def tall(self, first: int, last: int) -> float:
        return self.gaps[last] - self.tops[first]

    def corner(self, node: int, left: float) -> Point:
        """The upper left of a node."""
        n = self.nodes[node]
        dx, dy = self.shifts[n.rank]
        return n.x - n.left + left + dx, self.tops[n.rank] + dy

    def points(self, edge: Edge, height: float, left: float) -> tuple[Point, ...]:
        """The line of an edge. ``height``: of the source without what is below it."""
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        dx, dy = self.shifts[source.rank]
        steps = self.steps(edge)
        points = [(steps[0][0] + left + dx, self.tops[source.rank] + height + dy)]
        tx, ty = self.shifts[target.rank]
        end = (steps[-1][1] + left + tx, self.tops[target.rank] + ty)
        if self.column[source.rank] != self.column[target.rank]:
            low = self.gaps[source.rank] + dy + 6
            lane = self.lanes[self.column[source.rank]] + left
            return (*points, (points[0][0], low), (lane, low), (lane, 6.0), (end[0], 6.0), end)
        if not self.nodes[edge.source].height:  # a port: the line comes from the border
            points = [(points[0][0], 0.0)]
        if not target.height:
            end = (end[0], self.h)
        for x1, x2, rank in steps:
            if x1 != x2:
                y = self.gaps[rank] + HEAD + self.nets[rank][x1].track * TRACK + dy
                points += [(x1 + left + dx, y), (x2 + left + dx, y)]
        return (*points, end)
