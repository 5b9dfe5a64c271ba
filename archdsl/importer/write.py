"""Steps to the text of a spec."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest

from archdsl.errors import ArchError
from archdsl.importer.match import Mismatch, paired, read
from archdsl.importer.passes import raised
from archdsl.importer.reduce import reduce, shared_prefixes
from archdsl.importer.show import shown
from archdsl.importer.steps import Step
from archdsl.importer.tree import Net
from archdsl.ir.nodes import Op, arg
from archdsl.ir.trace import Trace
from archdsl.syntax.format import format

Written = tuple[str, list[Step], str]  # the text, the steps, a comment on rates of stochastic depth
Place = frozenset[tuple[int, int]]  # of stochastic depth: the inputs that read what it gives, as step and number
RESULT = -2  # what reads the network's result
FACTORS = ("times", "scale")  # which give the same before stochastic depth and behind it
FAR = 0.5  # the part of the largest rate by which the rate of a place may be another one than the source's


def written(steps: list[Step], output: int, shape: tuple[int, ...]) -> Written:
    """The statements of the spec in the project's layout, and the steps as the text orders the inputs of sums.

    Raises:
        Mismatch: what was written is not what was lifted, which is a fault of ours.
    """
    items, steps = reduce(shared_prefixes(steps, shape), output, shape)
    classes = steps[output].layer.out[0] if output >= 0 else shape[0]
    head = f"input {'x'.join(map(str, shape))}\nclasses {classes}\n\n"

    theirs = _depths([(s.op, s.inputs) for s in steps], output, {at: at for at in range(len(steps))})

    def holds(net: Net) -> bool:
        try:
            trace = read(head + shown(net))
            ours = _ours(trace, steps, output)
        except ArchError:
            return False
        most = max((p for rates in theirs.values() for p in rates), default=0.0)
        return ours.keys() >= theirs.keys() and _off(ours, theirs) <= FAR * most

    net = raised(Net(items), holds)
    text = format(head + shown(net))
    off = _off(_ours(read(text), steps, output), theirs)
    rates = f"# Stochastic depth: the rates of the source differ by up to {off:.3f}." if off > 1e-6 else ""
    return text, steps, rates


def _ours(trace: Trace, steps: list[Step], output: int) -> dict[Place, list[float]]:
    """The rates of stochastic depth of a text, with the places of the steps that its rows are."""
    names = paired(trace, steps, output, loose=True)
    return _depths([(row.op, row.inputs) for row in trace.rows], trace.output, names)


def _depths(made: list[tuple[Op, tuple[int, ...]]], output: int, names: dict[int, int]) -> dict[Place, list[float]]:
    """The rates of stochastic depth of each place, of which one may have several in a row.

    Args:
        names: what the layers are called in a place.
    """
    passed = ("droppath", *FACTORS)
    readers = [(names[at], inputs) for at, (op, inputs) in enumerate(made) if op.name not in passed and at in names]
    through: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for name, inputs in (*readers, (RESULT, (output,))):
        for number, before in enumerate(inputs):
            while before >= 0 and made[before][0].name in passed:
                if made[before][0].name == "droppath":
                    through[before].add((name, number))
                before = made[before][1][0]
    found: dict[Place, list[float]] = defaultdict(list)
    for at in sorted(through):
        found[frozenset(through[at])].append(arg(made[at][0], "p"))
    return dict(found)


def _off(ours: dict[Place, list[float]], theirs: dict[Place, list[float]]) -> float:
    """By how much rates differ at most; where one side has none, its rate is 0."""
    pairs = [zip_longest(ours.get(at, []), theirs.get(at, []), fillvalue=0.0) for at in {*ours, *theirs}]
    return max((abs(a - b) for pair in pairs for a, b in pair), default=0.0)


__all__ = ["Mismatch", "written"]
