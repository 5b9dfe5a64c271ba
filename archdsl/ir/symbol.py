"""Arithmetic over numbers that are not known before shapes are: ``cin`` and ``classes``.

A ``Symbol`` is a small expression tree with Python's operators; ``evaluate`` gives its value once the trace knows the
channels. Integers stay integers: ``/`` of two integers must come out even.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, Any

from archdsl.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = -1  # the scope of a composite's own `cin`: the channels that arrive where it stands
CLASSES = -2
OWN = -3  # outside any `let`: the channels that arrive at the word itself
MOST = 1000  # terms of one sum


class ArithmeticMisfit(Refusal):
    """A sum that has no value: division by zero, or one that does not come out even."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """``op`` of ``args``; the op ``cin`` has one argument, the scope in which it is read."""

    op: str
    args: tuple[Any, ...]
    size: int = field(default=1, compare=False, repr=False)

    def __add__(self, other: Any) -> Any:
        return apply("+", self, other)

    def __sub__(self, other: Any) -> Any:
        return apply("-", self, other)

    def __mul__(self, other: Any) -> Any:
        return apply("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return apply("/", self, other)

    def __floordiv__(self, other: Any) -> Any:
        return apply("//", self, other)

    def __radd__(self, other: Any) -> Any:
        return apply("+", other, self)

    def __rsub__(self, other: Any) -> Any:
        return apply("-", other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return apply("/", other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return apply("//", other, self)

    def __neg__(self) -> Any:
        return apply("neg", self)

    def _unknown(self, *_: Any) -> Any:
        """A composite that compares or counts with a number has to know it."""
        raise ArithmeticMisfit("this number has to be known before shapes are: it cannot depend on `cin` or `classes`")

    __lt__ = __le__ = __gt__ = __ge__ = __index__ = __int__ = __float__ = __mod__ = __rmod__ = __pow__ = _unknown
    __lshift__ = __round__ = __abs__ = __iter__ = __len__ = _unknown


CIN = Symbol("cin", (HERE,))
NUM_CLASSES = Symbol("cin", (CLASSES,))


def apply(op: str, *values: Any) -> Any:
    """The value of ``op`` on values, or a Symbol if one of them is.

    Raises:
        ArithmeticMisfit: see the class.
    """
    if any(isinstance(v, Symbol) for v in values):
        size = 1 + sum(v.size for v in values if isinstance(v, Symbol))
        if size > MOST:  # lets that double would make a tree that takes for ever to evaluate
            raise ArithmeticMisfit(f"a sum over `cin` or `classes` has more than {MOST:,} terms")
        return Symbol(op, values, size)
    return FUNCTIONS[op](*values)


def evaluate(value: Any, cins: Mapping[int, int]) -> Any:
    """The value with ``cins`` (scope → channels) put in.

    Raises:
        ArithmeticMisfit: see the class.
        KeyError: ``cin`` or ``classes`` is not known here.
    """
    if not isinstance(value, Symbol):
        return value
    if value.op == "cin":
        return cins[value.args[0]]
    return FUNCTIONS[value.op](*(evaluate(a, cins) for a in value.args))


def moved(value: Any, scope: int, to: int) -> Any:
    """The value with ``cin`` of a scope read in another one."""
    if not isinstance(value, Symbol):
        return value
    if value.op == "cin":
        return Symbol("cin", (to,)) if value.args[0] == scope else value
    return Symbol(value.op, tuple([moved(a, scope, to) for a in value.args]), value.size)


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of ``divisor`` that loses at most a tenth (Howard et al. 2017; used by MobileNet and
    EfficientNet to scale widths)."""
    if divisor <= 0:
        raise ArithmeticMisfit(f"`round8` gives a multiple of a positive number, not of {divisor}")
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * value else rounded + divisor


def _floor(a: Any, b: Any) -> Any:
    if b == 0:
        raise ArithmeticMisfit("a division by zero")
    return a // b


def _divide(a: Any, b: Any) -> Any:
    if b == 0:
        raise ArithmeticMisfit("a division by zero")
    if isinstance(a, int) and isinstance(b, int):
        if a % b:
            raise ArithmeticMisfit(f"{a} / {b} does not come out even; `//` rounds down")
        return a // b
    return a / b


def _quotient(a: Any, b: Any) -> Any:
    if b == 0:
        raise ArithmeticMisfit("a division by zero")
    return a / b


QUOTIENT = "quotient"  # `/` inside of `round`, `floor` and `ceil`, which need not come out even
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "//": _floor,
    QUOTIENT: _quotient,
    "neg": lambda a: -a,
    "min": min,
    "max": max,
    "abs": abs,
    "round": lambda a: floor(a + 0.5),
    "ceil": lambda a: -int(-a // 1),
    "floor": lambda a: int(a // 1),
    "round8": make_divisible,
}
