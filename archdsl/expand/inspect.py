"""All that can be said of a text while somebody writes it: findings, and what each place does to the shape that arrives
there, as far as the text goes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from archdsl.errors import Diagnostic, Span, SpecError, fail
from archdsl.expand.bias import decide_biases
from archdsl.expand.complete import assumed, check_end, check_labels, sizes, with_head
from archdsl.expand.graph import Graph
from archdsl.expand.holes import axes, choose, holes
from archdsl.expand.lint import lints
from archdsl.expand.reach import together
from archdsl.expand.statements import expand
from archdsl.ir.nodes import Seq
from archdsl.ir.symbol import CLASSES
from archdsl.ir.trace import Trace
from archdsl.ir.visits import Recorder, Visit
from archdsl.limits import Limits
from archdsl.words.tasks import CLASSIFICATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archdsl.expand.memo import Memo
    from archdsl.registry.types import Shape
    from archdsl.syntax import ast

PATIENCE = 0.1  # seconds for further arms of a space


class Inspection(NamedTuple):
    """Findings, errors before notes or none of the latter; and of the first arm, its graph, input, classes, the visits
    of its trace up to an error, the shape that comes out, None behind an error, and whether the head was added."""

    findings: tuple[Diagnostic, ...]
    graph: Graph
    input: Shape
    classes: int
    visits: list[Visit]
    out: Shape | None
    headed: bool = False


Also = Callable[[Graph, Trace, int], "Iterable[Diagnostic]"]


def inspect(file: ast.File, memo: Memo, also: Also = lambda graph, trace, classes: ()) -> Inspection:
    """Inspect a tree, of which the memo may know parts. Of a space, arms in which each choice is taken once.

    Args:
        also: gives further findings of an arm that is right: of its graph, its trace and its number of classes.
    """
    begun = perf_counter()
    first: Inspection | None = None
    refused: dict[tuple[str, str, Span | None], Diagnostic] = {}
    arms: list[tuple[Diagnostic, ...]] = []
    for arm in _arms(file, refused):
        one = _one(arm, memo, also)
        first = first or one
        arms.append(one.findings)
        if perf_counter() - begun > PATIENCE:
            break
    found = refused | together(file, arms)
    errors = tuple(d for d in found.values() if d.severity == "error")
    first = first or _one(file, memo, also)
    return first._replace(findings=errors or tuple(found.values()))


def _arms(file: ast.File, found: dict[tuple[str, str, Span | None], Diagnostic]) -> Iterator[ast.File]:
    """The first arm, and for each further choice the first arm with it; a choice that cannot be read is a finding."""
    if not any(True for _ in holes(file)):
        yield file
        return
    try:
        yield choose(file, {})[1]
        for axis in axes(file):
            for number in range(1, len(axis.texts)):
                yield choose(file, {axis.name: number})[1]
    except SpecError as error:
        found.update({(d.code, d.message, d.span): d for d in error.diagnostics})


def _one(file: ast.File, memo: Memo, also: Also) -> Inspection:
    try:
        graph = expand(file, memo)
    except RecursionError:
        graph, memo.errors = Graph(Seq(()), None, None), [too_deep()]
    found = {(d.code, d.message, d.span): d for e in memo.errors for d in e.diagnostics}
    notes = list(graph.notes)
    shape, classes = assumed(graph, None, None, notes)
    task, walker = graph.task or CLASSIFICATION, Recorder({CLASSES: classes} if classes else {}, {})
    walker.sizes = sizes(task)
    try:
        root = decide_biases(graph.root, memo.decided)
        trace = walker.run(root, shape, "", lambda out: with_head(out, classes, notes, task))
        _, classes = check_end(trace, classes, graph.root.span, graph.task)
        check_labels(trace, graph.train)
        if not found:  # notes are shown where nothing is wrong; and data that is not there cannot be asked
            notes += (*lints(trace), *also(graph, trace, classes))
    except SpecError as error:
        errors = tuple(found.values()) or error.diagnostics  # the second may only follow from the first
        return Inspection(errors, graph, shape, classes, walker.visits, None)
    except RecursionError:
        return Inspection(too_deep().diagnostics, graph, shape, classes, [], None)
    headed = any(note.code == "A509" for note in notes)
    return Inspection(tuple(found.values()) or tuple(notes), graph, shape, classes, walker.visits, trace.out, headed)


def too_deep() -> SpecError:
    """What is said where Python's own stack ends before our limits do."""
    return fail(
        "A402",
        f"brackets and lets together nest too deep (brackets alone may be {Limits.NESTING} deep)",
        help="use fewer brackets inside lets that use each other",
    )
