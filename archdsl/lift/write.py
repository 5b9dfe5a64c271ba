"""Steps to the text of a spec."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.lift.match import Mismatch, paired, read
from archdsl.lift.passes import raised
from archdsl.lift.reduce import reduce, shared_prefixes
from archdsl.lift.show import shown
from archdsl.lift.steps import Step
from archdsl.lift.tree import Net
from archdsl.syntax.format import format

Written = tuple[str, list[Step]]


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
            paired(read(head + shown(net)), steps, output, loose=True)
        except ArchError:
            return False
        return True

    net = raised(Net(items), holds)
    text = format(head + shown(net))
    paired(read(text), steps, output, loose=True)
    return text, steps


__all__ = ["Mismatch", "written"]
