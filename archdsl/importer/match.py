"""Whether a text is the network that was lifted: its rows and the steps paired, from the result back to the input.

Two layers are the same where they are built by the same call (as in the canonical form, whose hash says what an
experiment is) and read the same values; the order in which rows stand is left aside.
"""

from __future__ import annotations

from archdsl.emit.canonical import made
from archdsl.errors import ArchError, Source
from archdsl.expand import complete, expand
from archdsl.importer.sharing import firsts
from archdsl.importer.steps import Step
from archdsl.ir.trace import Row, Trace
from archdsl.syntax.parse import parse


class Mismatch(ArchError):
    """The text is another network than the steps; the message says where they part."""


def read(text: str) -> Trace:
    """The trace of a text that states its input and its classes."""
    return complete(expand(parse(Source("<import>", text)))).trace


def paired(trace: Trace, steps: list[Step], output: int, loose: bool = False) -> dict[int, int]:
    """For each row its step.

    Args:
        loose: stochastic depth, which does nothing in eval mode, is left out of the comparison.

    Raises:
        Mismatch: they are not the same network.
    """
    skipped = {"droppath"} if loose else set()
    found: dict[int, int] = {}
    stack = [(trace.output, output)]
    while stack:
        row_at, step_at = stack.pop()
        while row_at >= 0 and trace.rows[row_at].op.name in skipped:
            row_at = trace.rows[row_at].inputs[0]
        while step_at >= 0 and steps[step_at].op.name in skipped:
            step_at = steps[step_at].inputs[0]
        if row_at < 0 and step_at < 0:
            continue
        if min(row_at, step_at) < 0 or found.get(row_at, step_at) != step_at:
            raise Mismatch(f"the text wires {_name(trace, row_at)} otherwise")
        if row_at in found:
            continue
        row, step = trace.rows[row_at], steps[step_at]
        if len(row.inputs) != len(step.inputs) or made(row) != _made(step):
            raise Mismatch(f"the text has {made(row)} where {step.path} is {_made(step)}")
        found[row_at] = step_at
        stack += zip(row.inputs, step.inputs, strict=True)
    taken = set(found.values())
    if len(taken) != len(found) or len(taken) != sum(s.op.name not in skipped for s in steps):
        raise Mismatch("the text has other layers than the source")
    _alike_shared(trace, steps, found)
    return found


def _alike_shared(trace: Trace, steps: list[Step], found: dict[int, int]) -> None:
    """Layers have the same weights in the text where they have the same ones in the source."""
    own = {row.path: at for at, row in enumerate(trace.rows) if not row.module}
    first = firsts(steps)
    rows: dict[int, int] = {}
    sources: dict[int, int] = {}
    for row_at, step_at in found.items():
        if not steps[step_at].sources:
            continue
        module = trace.rows[row_at].module
        row, source = own[module] if module else row_at, first[step_at]
        alike = rows.setdefault(source, row) == row and sources.setdefault(row, source) == source
        if not alike:
            raise Mismatch(f"the text has other weights for {_name(trace, row_at)}")


def _made(step: Step) -> str:
    return made(Row(step.path, step.op, step.layer, step.inputs))


def _name(trace: Trace, at: int) -> str:
    return trace.rows[at].path if at >= 0 else "the input"
