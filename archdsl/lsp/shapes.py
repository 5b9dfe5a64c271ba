"""What a stretch of the text does: the shapes before and behind it, its parameters and multiply-accumulates."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from archdsl.ir.cost import row_params
from archdsl.registry.shapes import dims
from archdsl.report.numbers import compact, exact

if TYPE_CHECKING:
    from archdsl.errors import Source, Span
    from archdsl.ir.visits import Visit
    from archdsl.registry.types import Shape

_MOST = 4  # different shapes that one hover shows


class Effect(NamedTuple):
    """One way in which a place of the text is passed. ``times``: how often in just this way."""

    arriving: Shape
    leaving: Shape
    params: int
    macs: int
    times: int

    def __str__(self) -> str:
        text = f"{dims(self.arriving)} → {dims(self.leaving)}"
        if self.params:
            text += f" · {exact(self.params)} params"
        if self.macs:
            text += f" · {compact(self.macs)} MACs"
        return text + (f" · {self.times} times" if self.times > 1 else "")


class Shapes:
    """The visits of a trace by their places; ``others`` are asked where a place is not known here."""

    def __init__(self, visits: list[Visit], others: tuple[Shapes, ...] = ()) -> None:
        self.visits, self.others = visits, others

    @cached_property
    def index(self) -> dict[tuple[Source, int, int], list[Visit]]:
        found: dict[tuple[Source, int, int], list[Visit]] = {}
        for visit in self.visits:
            span = visit.span
            found.setdefault((span.source, span.start, span.end), []).append(visit)
        return found

    def at(self, span: Span) -> list[Visit]:
        """The passes through exactly this stretch."""
        own = self.index.get((span.source, span.start, span.end))
        if own:
            return own
        return next((found for other in self.others if (found := other.at(span))), [])

    def leaving(self, span: Span) -> Shape | None:
        """The shape behind a stretch, if it is the same in all passes."""
        shapes = {visit.leaving for visit in _whole_passes(self.at(span))}
        return shapes.pop() if len(shapes) == 1 else None

    def effects(self, span: Span) -> list[Effect]:
        """What a stretch does, each way once, in the order in which they come."""
        found: dict[tuple[Shape, Shape, int, int], int] = {}
        for visit in _whole_passes(self.at(span)):
            rows = visit.made
            key = visit.arriving, visit.leaving, sum(map(row_params, rows)), sum(r.layer.macs for r in rows)
            found[key] = found.get(key, 0) + 1
        return [Effect(*key, times) for key, times in found.items()]

    def said(self, span: Span) -> str:
        """The effects as text; empty where nothing is known."""
        effects = self.effects(span)
        lines = [str(effect) for effect in effects[:_MOST]]
        if len(effects) > _MOST:
            lines.append(f"… and {len(effects) - _MOST} more")
        return "\n".join(lines)


def _whole_passes(visits: list[Visit]) -> list[Visit]:
    """Passes that are not inside another pass of the same place: a modifier makes layers of one place inside each other,
    and several behind each other, which together are one pass."""
    found: list[Visit] = []
    for visit in sorted(visits, key=lambda v: (id(v.rows), v.first, -v.last)):
        before = found[-1] if found else None
        inside = before is not None and before.rows is visit.rows and visit.last <= before.last
        if before is None or not inside or (visit.first >= before.last and visit.first < visit.last):
            found.append(visit)
    return found
