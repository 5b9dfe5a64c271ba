"""A trace that remembers what happened at each node: for whoever asks what a place of the text does to a shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.ir.trace import Walker

if TYPE_CHECKING:
    from archdsl.errors import Span
    from archdsl.ir.layer import Layer
    from archdsl.ir.nodes import Node
    from archdsl.ir.trace import Row
    from archdsl.registry.types import Shape


class Visit(NamedTuple):
    """One pass through a node: its place in the text, the shapes before and behind it, and the rows that it made."""

    span: Span
    arriving: Shape
    leaving: Shape
    rows: list[Row]
    first: int
    last: int

    @property
    def made(self) -> list[Row]:
        return self.rows[self.first : self.last]


class Recorder(Walker):
    """A walker that notes its visits, those inside networks that are arguments included. After an error ``rows`` and
    ``visits`` hold what came before it."""

    def __init__(self, cins: dict[int, int], memo: dict[object, Layer], visits: list[Visit] | None = None) -> None:
        super().__init__(cins, memo)
        self.visits: list[Visit] = [] if visits is None else visits

    def inner(self) -> Recorder:
        return Recorder(dict(self.cins), self.memo, self.visits)

    def node(self, node: Node) -> Node:
        arriving, first = self.shape(), len(self.rows)
        new = super().node(node)
        if node.span is not None:
            self.visits.append(Visit(node.span, arriving, self.shape(), self.rows, first, len(self.rows)))
        return new
