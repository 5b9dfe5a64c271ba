"""Frozen dataclasses that are made in no time: the value of a data or train word, and what is like it."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def setting(made: type[T]) -> type[T]:
    """As ``@dataclass(frozen=True, slots=True)``, which any other class gets. For a ``Value`` it takes a third of the time:
    nothing is compiled for each class, since the methods are those of ``Value``. Every start of the program makes all classes of
    all words.
    """
    if not issubclass(made, Value):
        return dataclass(frozen=True, slots=True)(made)
    return dataclass(init=False, slots=True, eq=False, repr=False, match_args=False)(made)


class Value:
    """Two are equal where their classes and fields are; no field can be set again."""

    __slots__ = ()

    def __init__(self, *args: Any, **named: Any) -> None:
        """Set the fields: by position in their order, but for those that say ``kw_only``, or by name."""
        places = iter(args)
        for f in fields(self):  # type: ignore[arg-type]
            by_name = f.init and f.name in named
            if f.init and not f.kw_only and (value := next(places, MISSING)) is not MISSING:
                if by_name:
                    raise TypeError(f"{type(self).__name__} got several values of `{f.name}`")
            elif by_name:
                value = named.pop(f.name)
            elif f.default is not MISSING:
                value = f.default
            elif f.default_factory is not MISSING:
                value = f.default_factory()
            else:
                raise TypeError(f"{type(self).__name__} needs `{f.name}`")
            object.__setattr__(self, f.name, value)
        if named or next(places, MISSING) is not MISSING:
            raise TypeError(f"{type(self).__name__} has no {' and no '.join(named) or 'field for the last value'}")
        if (check := getattr(self, "__post_init__", None)) is not None:
            check()

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self) -> list[Any]:
        return [getattr(self, f.name) for f in fields(self)]  # type: ignore[arg-type]

    def __setstate__(self, values: list[Any]) -> None:
        for f, value in zip(fields(self), values, strict=True):  # type: ignore[arg-type]
            object.__setattr__(self, f.name, value)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), *self._compared()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown()})"

    def _shown(self) -> str:
        return ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)  # type: ignore[arg-type]

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, f.name) for f in fields(self) if f.compare)  # type: ignore[arg-type]


class Setting(Value):
    """What a run records of itself."""

    __slots__ = ()
    spelt: ClassVar[str] = ""  # its word, which the decorator writes here
    called: ClassVar[str] = ""  # what records and hashes of runs call it, if that is not the name of the class

    @property
    def word(self) -> str:
        """What a text writes for it."""
        return self.spelt or type(self).__name__.lower()

    def record(self) -> object:
        """Plain values for the settings of a run; what is None is left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {
            "kind": (self.called or type(self).__name__).lower(),
            **{k: v for k, v in values.items() if v is not None},
        }

    def __repr__(self) -> str:
        """The text in the hash of an experiment: a change of it makes every stored run another one."""
        return f"{self.called or type(self).__name__}({self._shown()})"
