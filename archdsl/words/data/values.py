"""What the data words return: frozen settings that know neither torch nor numpy, nor whether the data is
there.
"""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.words.tasks import Several


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published data set: all that a net needs to know before any file is read.

    ``input`` is (channels, height, width); ``mean`` and ``std`` are of the training images, one a channel,
    in [0, 1]; where they are empty, a run measures them on its own training images.
    """

    name: str
    title: str
    input: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: int
    test: int
    home: str
    licence: str

    @property
    def classes(self) -> int:
        return len(self.class_names)


@dataclass(frozen=True, slots=True)
class Kept:
    """A data set as runs recorded it, when it does not exist any more; ``task`` is given if it has several heads."""

    input: tuple[int, ...]
    class_names: tuple[str, ...]
    task: Several | None = None


class Own:
    """A data set of one's own at ``path``, a dataclass; ``kept`` is what runs have recorded of it, where it is gone. How each
    kind is read is in ``archdsl.data.own``.
    """

    __slots__ = ()
    path: str
    kept: Kept | None

    @property
    def name(self) -> str:
        """``WORD:PATH``."""
        raise NotImplementedError

    @property
    def input(self) -> tuple[int, ...]:
        """The shape that a net takes."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of what the net tells apart, or of the numbers that it gives."""
        raise NotImplementedError

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.class_names)
