"""What expansion gives: a network without sugar, and the settings around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from archdsl.errors import Diagnostic, Span
    from archdsl.ir.nodes import Node
    from archdsl.registry import Entry
    from archdsl.registry.types import Shape
    from archdsl.words.tasks import Task


class Declared(NamedTuple):
    """What a data set, or a run, says of a network: the shape that arrives, the number of classes and the task."""

    input: Shape | None
    classes: int | None
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A bound word of a ``data``, ``train`` or ``evaluate`` statement. ``value`` is what the word's function gave."""

    entry: Entry
    args: tuple[Any, ...]
    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole experiment, expanded.

    ``input``, ``classes`` and ``task`` are what the text states, by statement or by its data set; None where it states
    nothing.
    ``notes`` are warnings that came up on the way.
    """

    root: Node
    input: Shape | None
    classes: int | None
    data: tuple[Setting, ...] = ()
    train: tuple[Setting, ...] = ()
    evaluate: tuple[Setting, ...] = ()
    task: Task | None = None
    notes: tuple[Diagnostic, ...] = ()
