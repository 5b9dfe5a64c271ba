"""Lines between ranks: down, across on a track, down. What leaves one point shares a track, and so does what ends in one
point; of two tracks, the one that gives fewer crossings that way is above."""

from __future__ import annotations

from dataclasses import dataclass, field

TRACK = 9.0
HEAD, FOOT = 9.0, 15.0  # of a gap between ranks: above its first track, below its last
NEAR = 5.0  # lines closer than this would be taken for one
_OVERLAP = 10  # crossings that one stretch in common weighs


@dataclass
class Net:
    """What leaves one point in a gap: from ``x`` above to each of ``targets`` below. ``track`` is found."""

    x: float
    targets: set[float] = field(default_factory=set)
    track: int = 0

    @property
    def straight(self) -> bool:
        return self.targets == {self.x}


@dataclass
class _Bus:
    """Nets that share a track."""

    nets: list[Net]
    above: set[float] = field(default_factory=set)
    below: set[float] = field(default_factory=set)
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        self.above = {n.x for n in self.nets}
        self.below = {t for n in self.nets for t in n.targets}
        self.low, self.high = min(self.above | self.below), max(self.above | self.below)

    def inside(self, x: float) -> bool:
        return self.low < x < self.high


def tracks(nets: list[Net]) -> int:
    """Give each net of a gap its track, from above; the number of tracks is given back."""
    single: dict[float, list[Net]] = {}
    buses = []
    for net in nets:
        if net.straight:
            continue
        if len(net.targets) == 1:
            single.setdefault(next(iter(net.targets)), []).append(net)
        else:
            buses.append(_Bus([net]))
    waiting = sorted([*buses, *map(_Bus, single.values())], key=lambda b: (b.low, b.high))
    number = 0
    while waiting:
        free = [b for b in waiting if all(_cost(b, o) <= _cost(o, b) for o in waiting if o is not b)] or waiting[:1]
        row: list[_Bus] = []
        for bus in free:
            if all(bus.low > other.high + NEAR or other.low > bus.high + NEAR for other in row):
                row.append(bus)
                for net in bus.nets:
                    net.track = number
        number += 1
        waiting = [b for b in waiting if not any(b is r for r in row)]
    return number


def _cost(upper: _Bus, lower: _Bus) -> int:
    """Crossings of two tracks if one is above the other, and stretches where their lines would be on each other."""
    crossings = sum(map(upper.inside, lower.above)) + sum(map(lower.inside, upper.below))
    return crossings + _OVERLAP * sum(abs(t - x) < NEAR for t in upper.below for x in lower.above)


def gap(count: int, lines: bool) -> float:
    """How high a gap with so many tracks is."""
    return (HEAD + FOOT + (count - 1) * TRACK) if count else (FOOT + 3 if lines else FOOT)
