"""Shapes of values that are not numbers of an image, tokens or a vector; and how a text writes any shape."""

from __future__ import annotations

from collections.abc import Iterable


class Ids(tuple[int, ...]):
    """The shape (length,) of a sequence of ids: whole numbers from 0 to below ``vocabulary``. It equals no vector's shape.

    >>> Ids(128, 256)
    128 ids(256)
    """

    vocabulary: int

    def __new__(cls, length: int, vocabulary: int) -> Ids:
        """Both are positive."""
        return cls._made((length,), vocabulary)

    @classmethod
    def _made(cls, sizes: tuple[int, ...], vocabulary: int) -> Ids:
        made = super().__new__(cls, sizes)
        made.vocabulary = vocabulary
        return made

    @property
    def length(self) -> int:
        return self[-1]

    def __reduce__(self) -> tuple[object, ...]:
        return Ids._made, (tuple(self), self.vocabulary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and tuple(self) == tuple(other) and self.vocabulary == other.vocabulary

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((tuple(self), self.vocabulary))

    def __repr__(self) -> str:
        return f"{'x'.join(map(str, self))} ids({self.vocabulary})"


def batch_of(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape (count, *shape) of so many examples; of ids with their vocabulary."""
    return Ids._made((count, *shape), shape.vocabulary) if isinstance(shape, Ids) else (count, *shape)


def dims(shape: Iterable[float]) -> str:
    """A shape as the language writes it: ``3x32x32``, ``128 ids(256)``; a stride may be a fraction."""
    return repr(shape) if isinstance(shape, Ids) else "x".join(f"{n:.3f}".rstrip("0").rstrip(".") for n in shape)
