"""A traced network as the tree of its modules, equal neighbours folded to ×N."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archdsl.ir.cost import row_params
from archdsl.ir.text import call

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace

_MOST = 60


@dataclass
class Part:
    """A module: a layer (``row``), or a container. ``times``: how many equal ones are here in a row."""

    path: str
    row: Row | None = None
    parts: list[Part] = field(default_factory=list)
    times: int = 1

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def tree(trace: Trace) -> Part:
    """The modules of a network."""
    root = Part("")
    known = {"": root}
    for row in trace.flat():
        above = root
        steps = row.path.split(".")
        for depth in range(1, len(steps)):
            path = ".".join(steps[:depth])
            if path not in known:
                known[path] = Part(path)
                above.parts.append(known[path])
            above = known[path]
        part = known.setdefault(row.path, Part(row.path))
        part.row = row
        above.parts.append(part)
    return root


def folded(part: Part) -> Part:
    """The tree with equal neighbouring containers shown once."""
    parts: list[Part] = []
    before: Any = None
    for inner in map(folded, part.parts):
        sign = _signature(inner) if inner.parts else None
        if sign is not None and sign == before:
            parts[-1].times += 1
        else:
            parts.append(inner)
        before = sign
    return Part(part.path, part.row, parts, part.times)


def _signature(part: Part) -> Any:
    own = None if part.row is None else (part.row.op.entry, part.row.op.args, part.row.layer.out, _params(part))
    return own, tuple((p.times, p.name.rstrip("0123456789"), _signature(p)) for p in part.parts)


def _params(part: Part) -> int:
    return row_params(part.row) if part.row is not None else 0


def layer_text(row: Row) -> str:
    """The word with the arguments that are not its defaults, on one short line."""
    text = " ".join(call(row.op).split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def flat(part: Part, times: int = 1) -> list[tuple[Part, int]]:
    """The layers of a tree in order, each with the number of times it is there."""
    found = [(part, times)] if part.row is not None else []
    for inner in part.parts:
        found += flat(inner, times * inner.times)
    return found


def drawn(part: Part, indent: str = "") -> list[tuple[str, Row | None]]:
    """A line for every module: its branch of the tree with its name, and its layer."""
    lines: list[tuple[str, Row | None]] = []
    for number, inner in enumerate(part.parts):
        last = number == len(part.parts) - 1
        name = inner.name + (f" ×{inner.times}" if inner.times > 1 else "")
        lines.append((f"{indent}{'└─ ' if last else '├─ '}{name}", inner.row))
        lines += drawn(inner, indent + ("   " if last else "│  "))
    return lines
