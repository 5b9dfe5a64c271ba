"""A range of layers, as ``freeze(stem..stage2)`` names it: from one label to another, both with all inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.errors import Span


@dataclass(frozen=True, slots=True, repr=False)
class LayerRange:
    """All layers from ``first`` to ``last``, in order of execution; one label alone stands for both. The spans are for
    messages and take no part in equality or in the hash of an experiment.
    """

    first: str
    last: str
    spans: tuple[Span, Span] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}..{self.last}"

    def __repr__(self) -> str:
        """The text of the setting, which is in the hash of stored experiments."""
        return f"Stretch(first={self.first!r}, last={self.last!r})"
