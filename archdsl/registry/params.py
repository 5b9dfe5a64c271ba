"""Parameters of a word, read from its function's signature or its class's fields: names, types, bounds, defaults.

The annotations that a word may use are the aliases of ``archdsl.registry.types``; ``Range`` bounds a number.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from archdsl.registry.guard import carry, fault
from archdsl.registry.lookup import own_names

if typing.TYPE_CHECKING:
    from archdsl.registry.entry import Entry


class _Missing:
    def __repr__(self) -> str:
        return "required"


MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number; ``open`` leaves the upper one out."""

    low: float
    high: float
    open: bool = False

    def holds(self, value: float) -> bool:
        return self.low <= value and (value < self.high if self.open else value <= self.high)

    def __str__(self) -> str:
        if self.high >= 10**8:
            return f"at least {self.low:g}"
        return f"from {self.low:g} to {'below ' if self.open else ''}{self.high:g}"


@dataclass(frozen=True, slots=True)
class Arg:
    """One parameter: ``base`` is its type's name, ``choices`` the words of an enumeration, ``flag`` its value when it
    stands alone as a word (``drop(0.3, late)``)."""

    name: str
    base: str
    default: Any
    range: Range | None = None
    choices: tuple[str, ...] = ()
    flag: Any = MISSING
    optional: bool = False

    @property
    def required(self) -> bool:
        return self.default is MISSING

    def describe(self) -> str:
        """The type in words, as messages and help print it."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        text = _WORDS.get(self.base, self.base)
        return f"{text} {self.range}" if self.range else text


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "size": "a size like 3 or 1x7",
    "share": "a fraction like 0.3 or 30%",
    "node": "a network",
    "ints": "a list like [1, 2]",
    "floats": "a list of numbers like [1, 2.5]",
    "shape": "a shape like 3x32x32",
    "amount": "a number or a fraction like 10%",
    "layers": "a label or a range of layers like stem..stage2",
    "act": "an activation",
    "block": "the number or the label of a block",
    "blocks": "numbers or labels of blocks",
    "source": "a string, or `arm NAME`",
}


@dataclass(frozen=True, slots=True)
class Base:
    """The mark of a type in an annotation: ``Annotated[int, Base("int")]``."""

    name: str


@dataclass(frozen=True, slots=True)
class Flag:
    """The value that a parameter takes when its name stands alone."""

    value: Any


@cache
def params(entry: Entry) -> tuple[Arg, ...]:
    """The parameters that a text may set: of a class its fields, but for those that say ``init=False``, and those that say
    ``kw_only`` last. The first parameter of an op, join, modifier or family is not among them.

    Raises:
        WordFault: an annotation that no text can give, or none.
    """
    try:
        return _params(entry)
    except (TypeError, NameError, AttributeError) as error:
        raise fault(
            entry, str(error), "annotate with the types of archdsl.registry.types, which have to be imported"
        ) from error


def _params(entry: Entry) -> tuple[Arg, ...]:
    make = entry.make
    if isinstance(make, type):
        hints = typing.get_type_hints(make, include_extras=True)  # each in the module of the class that annotates it
        own = sorted((f for f in dataclasses.fields(make) if f.init), key=lambda f: bool(f.kw_only))
        return tuple(
            _arg(f.name, MISSING if f.default is dataclasses.MISSING else f.default, hints[f.name]) for f in own
        )
    signature = inspect.signature(entry.make, eval_str=True)
    skip = {"op": 1, "join": 1, "modifier": 1, "family": 1, "late": 3}.get(entry.kind, 0)
    return tuple(
        _arg(p.name, MISSING if p.default is p.empty else p.default, p.annotation)
        for p in list(signature.parameters.values())[skip:]
    )


def value_of(entry: Entry, args: tuple[Any, ...]) -> Any:
    """The value of a data or train word for its arguments, one for each of ``params``.

    Raises:
        ArchError: the word refuses them.
    """
    return carry(entry, entry.make, **{p.name: value for p, value in zip(params(entry), args, strict=True)})


@cache
def nets(entry: Entry) -> tuple[int, ...]:
    """The places of networks among the parameters; for nearly all words there are none."""
    return tuple(i for i, p in enumerate(params(entry)) if p.base == "node")


@cache
def defaults(entry: Entry) -> tuple[Any, ...] | None:
    """The arguments of a word that stands alone, or None where one is required."""
    known = params(entry)
    return None if any(p.required for p in known) else tuple(p.default for p in known)


def _arg(name: str, default: Any, hint: Any) -> Arg:
    if hint is inspect.Parameter.empty:
        raise TypeError(f"its parameter `{name}` has no annotation")
    optional = False
    base, bounds, flag = "", None, MISSING
    choices: tuple[str, ...] = ()
    if type(None) in typing.get_args(hint):
        optional = True
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        hint = typing.Union[tuple(rest)]  # noqa: UP007 - a union made at run time
    for mark in typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ():
        if isinstance(mark, Base):
            base = mark.name
        elif isinstance(mark, Range):
            bounds = mark
        elif isinstance(mark, Flag):
            flag = mark.value
    plain = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    if typing.get_origin(plain) is Literal:
        base, choices = "enum", typing.get_args(plain)
        if not all(isinstance(choice, str) for choice in choices):
            raise TypeError(f"its parameter `{name}` has the annotation {hint}, which no text can give")
    base = base or getattr(plain, "__name__", "")
    if base not in _WORDS and base != "enum":
        raise TypeError(f"its parameter `{name}` has the annotation {hint}, which no text can give")
    if base == "bool" and flag is MISSING:
        flag = True
    if base == "act":
        choices = own_names("act")
    return Arg(name, base, default, bounds, choices, flag, optional)
