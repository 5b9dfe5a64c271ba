"""Which steps are one layer that is used several times."""

from __future__ import annotations

from archdsl.emit.canonical import made
from archdsl.importer.steps import Step
from archdsl.ir.trace import Row


def firsts(steps: list[Step]) -> list[int]:
    """For each step the first one that is the same layer with the same weights: itself where they are its own."""
    known: dict[tuple[str, ...], int] = {}
    out = []
    for at, step in enumerate(steps):
        line = made(Row(step.path, step.op, step.layer, step.inputs)) if step.sources else ""
        key = (line, *(f"{name} {source}" for name, source in sorted(step.sources.items())))
        out.append(known.setdefault(key, at) if step.sources else at)
    return out
