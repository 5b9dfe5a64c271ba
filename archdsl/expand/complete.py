"""A graph made whole for an input: biases decided, the head put on, everything traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.errors import Diagnostic, fail
from archdsl.expand.bias import decide_biases
from archdsl.expand.lint import lints
from archdsl.expand.outputs import ended
from archdsl.ir.fans import has_heads
from archdsl.ir.layer import Layer, words
from archdsl.ir.make import o
from archdsl.ir.nodes import Node
from archdsl.ir.places import layers_of
from archdsl.ir.trace import Trace, trace_node
from archdsl.words.tasks import CLASSIFICATION, Several, Task
from archdsl.words.train.tuning import Freeze, PartRate

if TYPE_CHECKING:
    from archdsl.errors import Span
    from archdsl.expand.graph import Graph, Setting
    from archdsl.registry.types import Shape

ASSUMED: tuple[Shape, int] = ((3, 32, 32), 10)


@dataclass(frozen=True, slots=True)
class Completed:
    """A traced network, what it was traced for, and everything that was noticed on the way."""

    trace: Trace
    input: Shape
    classes: int
    notes: tuple[Diagnostic, ...]
    task: Task = CLASSIFICATION


def complete(
    graph: Graph, input: Shape | None = None, classes: int | None = None, memo: dict[Any, Layer] | None = None
) -> Completed:
    """Trace a graph. Arguments given here go before what the text states; where neither says, 3x32x32 and 10 classes
    are assumed, with a note. A ``memo`` is shared between many like networks, of which nobody wants to see the lints.

    Raises:
        SpecError: A3xx with the place.
    """
    notes = list(graph.notes)
    shape, number = assumed(graph, input, classes, notes)
    root, task = decide_biases(graph.root), graph.task or CLASSIFICATION
    trace = trace_node(root, shape, number, lambda out: with_head(out, number, notes, task), memo, sizes(task))
    task, number = check_end(trace, number, graph.root.span, graph.task)
    return Completed(trace, shape, number, (*notes, *(lints(trace) if memo is None else ())), task)


def sizes(task: Task) -> dict[str, int]:
    """What ``classes`` is in each of several heads, by its label."""
    return task.sizes if isinstance(task, Several) else {}


def assumed(graph: Graph, input: Shape | None, classes: int | None, notes: list[Diagnostic]) -> tuple[Shape, int]:
    """The input and the number of classes; what nobody states is assumed, with a note. Of a network with several heads no
    number of classes is assumed: it is 0.
    """
    shape = input or graph.input
    number = classes or graph.classes
    if shape is None:
        notes.append(
            Diagnostic(
                "A508",
                "no input is stated: 3x32x32 is assumed",
                help="write `input 3x32x32`, name a data set, or give --input",
                severity="note",
            )
        )
        shape = ASSUMED[0]
    if number is None and has_heads(graph.root):
        number = 0
    if number is None:
        number = ASSUMED[1]
        if graph.task is None or graph.task.output((1, 1, 1), number) is not None:  # else any output will do
            notes.append(
                Diagnostic(
                    "A510",
                    f"no number of classes is stated: {number} is assumed",
                    help="write `classes 10`, name a data set, or give --classes",
                    severity="note",
                )
            )
    return shape, number


def check_end(trace: Trace, classes: int, span: Span | None, stated: Task | None) -> tuple[Task, int]:
    """The task of a network and the number of its outputs; refuses one whose output is not that of its task.

    Raises:
        SpecError: A305; A308, its heads are not those of the data.
    """
    task, number = ended(trace, classes, span, stated)
    wanted = task.output(trace.input, number)
    if wanted is not None and trace.out != wanted:
        wants = task.wanted(trace.input, number)
        raise fail("A305", f"the network ends in {words(trace.out)}, and {wants}", span, task.ends)
    return task, number


def check_labels(trace: Trace, train: tuple[Setting, ...]) -> None:
    """Refuse train words that name a part which the network does not have.

    Raises:
        SpecError: A223.
    """
    for setting in train:
        if isinstance(setting.value, Freeze | PartRate):
            layers_of(trace, setting.value.part)


def with_head(out: Shape, classes: int, notes: list[Diagnostic], task: Task = CLASSIFICATION) -> tuple[Node, ...]:
    """The lecture's default head, behind a network that ends in an image or in tokens and is to give a vector; said in a
    note.
    """
    if len(out) < 2 or not task.headed:
        return ()
    notes.append(
        Diagnostic(
            "A509",
            f"the network ends in {words(out)}: the head `gap linear({classes})` is added",
            help="write a head of your own to have another",
            severity="note",
        )
    )
    return o.gap(), o.linear(classes, bias=True)
