"""What an experiment is, apart from how it was written: one line a layer, and the SHA-256 of it.

A layer's line is the module that it becomes, so that an argument spelled out and its default left out are the same.
Names that the tracer gives are left out, labels of the author's are in: they are keys of saved weights. Which value a
layer reads is said by number, so that lets, groups, repetitions and references leave no trace of their own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from archdsl.emit.record import Expr, Recorder, written
from archdsl.ir.nodes import Again, Fan, Mark, Node, Op, Ref, Seq, children
from archdsl.registry.shapes import dims

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archdsl.ir.trace import Row, Trace


def canonical(trace: Trace, classes: int, settings: Iterable[str] = (), task: str = "") -> str:
    """The experiment as lines; ``settings`` are lines of data and train words, ``task`` one that is not the default."""
    stated = (f"task {task}",) if task else ()
    return "\n".join((*_network(trace, ""), f"classes {classes}", *stated, *settings, ""))


def digest(text: str) -> str:
    """The hash of a canonical form: 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _network(trace: Trace, indent: str) -> list[str]:
    lines = [f"{indent}input {dims(trace.input)}"]
    first: dict[str, int] = {}  # the row that a module is made for, by its path
    for number, row in enumerate(trace.rows):
        inputs = " ".join(f"%{i}" if i >= 0 else "%in" for i in row.inputs)
        before = first.setdefault(row.module or row.path, number)
        lines.append(f"{indent}%{number} = {made(row) if before == number else f'again %{before}'} {inputs}")
        if before < number:
            continue
        for body in row.bodies:
            lines += _network(body, indent + "  ")
    lines.append(f"{indent}output " + (f"%{trace.output}" if trace.output >= 0 else "%in"))
    return lines + [indent + line for line in _labels(trace.graph)]


def made(row: Row) -> str:
    """What a row is built as: the call of its module, or its function of the values it reads."""
    if row.layer.module is not None:
        return written(row, Recorder("nn"), *(Expr("{}") for _ in row.bodies))
    return written(row, Recorder("torch"), *(Expr(f"%{i}") for i in range(len(row.inputs))))


def plain(value: Any) -> str:
    """A value in one spelling: a float is the shortest that reads back the same, -0.0 is 0.0."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value + 0.0)
        case tuple():
            return "[" + ", ".join(map(plain, value)) + "]"
        case Op() | Seq() | Fan() | Mark() | Ref() | Again():
            return "{}"  # its rows are lines of their own
        case str():
            return repr(str(value))
        case None:
            return "none"
        case _:
            return str(value)


def _labels(graph: Node) -> list[str]:
    """Every label with the stretch of layers that it names."""
    lines: list[str] = []
    seen = 0

    def visit(node: Node) -> None:
        nonlocal seen
        start = seen
        label = "" if isinstance(node, Mark | Ref | Again) else node.label
        place = len(lines)
        if isinstance(node, Fan) or (isinstance(node, Op) and node.name != "id"):
            seen += 1
        if not isinstance(node, Op):  # networks among an op's arguments have labels of their own
            for child in children(node):
                visit(child)
        if label:
            lines.insert(place, f"label {label} {start}..{seen}")

    visit(graph)
    return lines
