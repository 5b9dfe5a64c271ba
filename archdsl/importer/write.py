"""Steps to the text of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    return text, steps, _rates(trace, steps, output, paired(trace, steps, output, loose=True))


def _rates(trace: Trace, steps: list[Step], output: int, known: dict[int, int]) -> str:
    """A comment where the rates of stochastic depth, which do nothing in eval mode, are not the source's to the digit.

    Args:
        known: for each row of the text its step.
    """
    ours = _by_place(trace.rows, trace.output, known)
    theirs = _by_place(steps, output, {at: at for at in known.values()})
    if theirs.keys() <= ours.keys():
        pairs = [(rate, theirs.get(place, 0.0)) for place, rate in ours.items()]
    else:  # the text has some of them elsewhere in a block
        mine, other = _droppaths(trace.rows), _droppaths(steps)
        pairs = list(zip(mine, [0.0] * (len(mine) - len(other)) + other, strict=True))
    off = max((abs(a - b) for a, b in pairs), default=0.0)
    return f"# Stochastic depth: the rates of the source differ by up to {off:.3f}." if off > 1e-6 else ""


def _by_place(
    places: Sequence[Row] | Sequence[Step], output: int, known: dict[int, int]
) -> dict[tuple[int, int], float]:
    """The rates of stochastic depth by the step that takes what is dropped, and as which of its inputs.

    Args:
        known: the steps of those places that are not stochastic depth.
    """
    out: dict[tuple[int, int], float] = {}
    for at, step in [*known.items(), (-1, -1)]:
        for number, value in enumerate(places[at].inputs if at >= 0 else (output,)):
            kept = 1.0
            while value >= 0 and places[value].op.name == "droppath":
                kept *= 1 - arg(places[value].op, "p")
                value = places[value].inputs[0]
            if kept < 1:
                out[step, number] = 1 - kept
    return out


def _droppaths(places: Iterable[Row | Step]) -> list[float]:
    """The rates of stochastic depth, in order."""
    return [arg(at.op, "p") for at in places if at.op.name == "droppath"]


__all__ = ["Mismatch", "written"]
