"""Names of modules: a label where one was written, else the word, numbered from its second use in a place on."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING

from archdsl.errors import fail
from archdsl.ir.reserved import CLASHING

if TYPE_CHECKING:
    from archdsl.errors import Span


class Names:
    """The names taken in one container, whose path is ``prefix``."""

    __slots__ = ("counts", "prefix", "taken")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}

    def take(self, label: str, word: str, span: Span | None, counted: bool = False) -> str:
        """A free path: of the label, or of the word, with a number from its second use on (``counted``: the first).

        Raises:
            SpecError: A219, the label is taken.
        """
        if label:
            if label in self.taken:
                raise fail(
                    "A219",
                    f"the label `{label}` is already taken here",
                    span,
                    "choose another one; `again(…)` uses the layers of a label once more, with their weights",
                )
            name = label
        else:
            word = f"{word}_" if iskeyword(word) else word  # `in`: a module's name is an attribute's
            count = self.counts.get(word, 0) + 1
            name = f"{word}{count}" if count > 1 or counted else word
            name = f"{name}_" if name in CLASHING else name
            while name in self.taken:
                count += 1
                name = f"{word}{count}"
            self.counts[word] = count
        self.taken.add(name)
        return self.prefix + name

    def inner(self, label: str, word: str, span: Span | None, counted: bool = False) -> Names:
        """The names of a container inside this one."""
        return Names(self.take(label, word, span, counted) + ".")
