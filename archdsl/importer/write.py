"""Steps to the text of a spec."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.errors import ArchError
from archdsl.importer.match import Mismatch, paired, read
from archdsl.importer.passes import raised
from archdsl.importer.reduce import reduce, shared_prefixes
from archdsl.importer.show import shown
from archdsl.importer.steps import Step
from archdsl.importer.tree import Net
from archdsl.ir.nodes import arg
from archdsl.ir.trace import Row, Trace
from archdsl.syntax.format import format

Written = tuple[str, list[Step], str]  # the text, the steps, a comment on rates of stochastic depth


def written(steps: list[Step], output: int, shape: tuple[int, ...]) -> Written:
    """The statements of the spec in the project's layout, and the steps as the text orders the inputs of sums.

    Raises:
        Mismatch: what was written is not what was lifted, which is a fault of ours.
    """
    items, steps = reduce(shared_prefixes(steps, shape), output, shape)
    classes = steps[output].layer.out[0] if output >= 0 else shape[0]
    head = f"input {'x'.join(map(str, shape))}\nclasses {classes}\n\n"

    def holds(net: Net) -> bool:
        try:
            trace = read(head + shown(net))
            paired(trace, steps, output, loose=True)
        except ArchError:
            return False
        return len(_droppaths(trace.rows)) >= len(_droppaths(steps))  # none is lost

    net = raised(Net(items), holds)
    text = format(head + shown(net))
    trace = read(text)
    paired(trace, steps, output, loose=True)
    return text, steps, _rates(trace, steps)


def _rates(trace: Trace, steps: list[Step]) -> str:
    """A comment where the rates of stochastic depth, which do nothing in eval mode, are not the source's to the digit."""
    ours, theirs = _droppaths(trace.rows), _droppaths(steps)
    theirs = [0.0] * (len(ours) - len(theirs)) + theirs  # the source leaves rates of 0 out, which are the first
    off = max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
    return f"# Stochastic depth: the rates of the source differ by up to {off:.3f}." if off > 1e-6 else ""


def _droppaths(places: Iterable[Row | Step]) -> list[float]:
    """The rates of stochastic depth, in order."""
    return [arg(at.op, "p") for at in places if at.op.name == "droppath"]


__all__ = ["Mismatch", "written"]
