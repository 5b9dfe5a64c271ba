"""The parts of a trace that are networks of their own: what a module of a built net can be hooked, or replaced, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace


@dataclass(frozen=True, slots=True)
class Block:
    """The rows below one path. One value arrives, ``source`` (-1: the input of the trace), and one leaves, ``result``."""

    path: str
    source: int
    result: int
    parts: tuple[Part, ...]


Part = int | Block  # a row by its number, or a block


def blocks(trace: Trace, prefix: str = "") -> tuple[Part, ...]:
    """The rows of a trace in their order, those of each block together. Rows below a path at which several values arrive or
    leave, or between which others run, are not a block.

    Args:
        prefix: what paths begin with.
    """
    paths = [row.path.removeprefix(prefix).split(".") for row in trace.rows]
    last: dict[tuple[str, ...], int] = {}
    readers: dict[int, list[int]] = {trace.output: [len(paths)]}
    for index, row in enumerate(trace.rows):
        last |= {tuple(paths[index][:depth]): index for depth in range(1, len(paths[index]))}
        for source in row.inputs:
            readers.setdefault(source, []).append(index)
    done: set[tuple[str, ...]] = set()

    def below(rows: Sequence[int], depth: int) -> tuple[Part, ...]:
        found: list[Part] = []
        start = 0
        while start < len(rows):
            folder = tuple(paths[rows[start]][: depth + 1])
            if len(paths[rows[start]]) == depth + 1:
                found.append(rows[start])
                start += 1
                continue
            end = start
            while (
                end < len(rows) and tuple(paths[rows[end]][: depth + 1]) == folder and len(paths[rows[end]]) > depth + 1
            ):
                end += 1
            group = rows[start:end]
            sources = {s for row in group for s in trace.rows[row].inputs if not group[0] <= s <= group[-1]}
            results = [row for row in group if any(r > group[-1] for r in readers.get(row, ()))]
            whole = folder not in done and last[folder] == group[-1]
            done.add(folder)
            inner = below(group, depth + 1)
            homes = {trace.rows[row].module for row in group} - {""}
            own = all(home.startswith(f"{prefix}{'.'.join(folder)}.") for home in homes)  # no weights of another block
            if whole and own and len(sources) == len(results) == 1:
                found.append(Block(".".join(folder), sources.pop(), results[0], inner))
            else:
                found += inner
            start = end
        return tuple(found)

    return below(range(len(paths)), 0)
