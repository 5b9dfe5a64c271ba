"""The value of a data or train word that is a class: a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def setting(made: type[T]) -> type[T]:
    """``@dataclass(frozen=True, slots=True)`` for a ``Setting``, at two thirds of the time: equality, hash and text are those
    of ``Setting``, and are not compiled for each class. Every start of the program makes all classes of all words.
    """
    return dataclass(frozen=True, slots=True, eq=False, repr=False, match_args=False)(made)


class Setting:
    """What a run records of itself. Two are equal where their classes and fields are."""

    __slots__ = ()
    called: ClassVar[str] = ""  # its name where runs are recognised, if that is not the name of the class

    @property
    def word(self) -> str:
        """What a text writes for it."""
        return type(self).__name__.lower()

    def record(self) -> object:
        """Plain values for the settings of a run; what is None is left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {
            "kind": (self.called or type(self).__name__).lower(),
            **{k: v for k, v in values.items() if v is not None},
        }

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), *self._compared()))

    def __repr__(self) -> str:
        """The text in the hash of an experiment: a change of it makes every stored run another one."""
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return f"{self.called or type(self).__name__}({', '.join(shown)})"

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, f.name) for f in fields(self) if f.compare)  # type: ignore[arg-type]
