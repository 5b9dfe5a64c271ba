"""Recorders: they are where ``nn``, ``torch`` and tensors are, and write down what was asked of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from archdsl.errors import ArchError
from archdsl.registry import carry

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace

# How tightly Python binds, loosest first: an operand that binds more loosely than its place asks for gets parentheses.
COMPARE, OR, XOR, AND, SHIFT, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)
_OPERATORS = {
    "or": ("|", OR),
    "xor": ("^", XOR),
    "and": ("&", AND),
    "lshift": ("<<", SHIFT),
    "rshift": (">>", SHIFT),
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": ("*", PRODUCT),
    "truediv": ("/", PRODUCT),
    "floordiv": ("//", PRODUCT),
    "mod": ("%", PRODUCT),
    "matmul": ("@", PRODUCT),
    "pow": ("**", POWER),
}
_COMPARISONS = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}
_SIGNS = {"neg": "-", "pos": "+", "invert": "~"}
# What Python asks of a value that is there: a text has no answer.
_UNANSWERED = {
    "bool": ("a truth value", "torch.where(condition, a, b) chooses number by number; & | ~ join conditions"),
    "iter": ("a loop over a value", "take parts with an index, as in v[:, 0], or stack results with torch.stack"),
    "len": ("len() of a value", "the shape that arrives is known: the word's function gets it"),
    "int": ("int() of a value", "the shape that arrives is known: the word's function gets it"),
    "float": ("float() of a value", "numbers of the values are not known before the network runs"),
    "index": ("a value in the place of a whole number", "the shape that arrives is known: the word's function gets it"),
    "contains": ("`in`", "write (v == number).any()"),
    "setitem": ("an assignment to a part", "torch.where and torch.cat make a new value"),
    "delitem": ("`del`", "take the other parts with an index"),
    "setattr": ("an assignment to an attribute", "methods make a new value"),
    "round": ("round() of a value", "write torch.round(v)"),
    "divmod": ("divmod() of a value", "write v // n and v % n"),
    "rdivmod": ("divmod() of a value", "write n // v and n % v"),
}

# The remedy for whatever else goes wrong in a word's function.
PLAIN = (
    "use operators, an index, and methods and functions of torch; put anything else into an nn.Module (archdsl.layers)"
)


class Unwritable(Exception):
    """What has no text; ``help`` says what has. The caller knows the word and names it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Expr:
    """A value as the text that computes it. It has Python's operators, an index, and the methods and attributes of a tensor.

    A value that is used twice is computed twice: it is a text, and has no name.
    """

    def __init__(self, text: str, level: int = ATOM) -> None:
        vars(self).update(_text=text, _level=level)

    def __str__(self) -> str:
        return str(self._text)

    __repr__ = __str__
    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Expr:
        keys = key if isinstance(key, tuple) and key else (key,)
        return Expr(f"{operand(self, ATOM)}[{', '.join(map(_index, keys))}{',' * (key is keys and len(keys) == 1)}]")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Expr(f"{operand(self, ATOM)}.{name}")

    def __abs__(self) -> Expr:
        return Expr(f"abs({self})")

    def __call__(self, *args: Any, **named: Any) -> Expr:
        parts = [_literal(a) for a in args] + [f"{k}={_literal(v)}" for k, v in named.items()]
        return Expr(f"{operand(self, ATOM)}({', '.join(parts)})")


class Recorder(Expr):
    """A module of names, such as ``torch``. Names in ``own`` are written without the prefix and noted in ``used``."""

    def __init__(self, name: str, used: set[str] | None = None, own: dict[str, str] | None = None) -> None:
        super().__init__(name)
        vars(self).update(_used=used, _own=own or {})

    def __getattr__(self, name: str) -> Any:
        if self._used is not None and name in self._own:
            self._used.add(name)
            return Expr(name)
        return super().__getattr__(name)


def written(row: Row, torch: Recorder, *values: Expr) -> str:
    """The text of what a row is: the call of its module's class, or its function of the values that arrive.

    Raises:
        ArchError: its function asks something that has no text.
    """
    return str(carry(row.op.entry, _made, row, torch, values))


def _made(row: Row, torch: Recorder, values: tuple[Expr, ...]) -> Expr:
    make = row.layer.module or row.layer.call
    assert make is not None
    try:
        made = make(torch, *values)
        if not isinstance(made, Expr):
            raise Unwritable(f"its function gives a value of {_kind(made)}", "give what `torch` or `nn` gives")
    except Unwritable as error:
        raise ArchError(f"`{row.op.name}` cannot be written as source: {error}", help=error.help) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ArchError(f"`{row.op.name}` cannot be written as source: {error}", help=PLAIN) from error
    return made


def operand(value: Any, level: int) -> str:
    """The text of a value in a place that binds as tightly as ``level``."""
    if isinstance(value, Expr):
        return f"({value})" if value._level < level else str(value)
    text = _literal(value)
    signed = isinstance(value, int | float) and text.startswith("-")
    return f"({text})" if signed and level > SIGN else text


def _binary(mark: str, level: int) -> tuple[Callable[[Expr, Any], Expr], Callable[[Expr, Any], Expr]]:
    # Equals are read from the left, and powers from the right; an exponent may have a sign.
    left, right = (level + 1, SIGN) if level == POWER else (level, level + 1)

    def forth(one: Expr, other: Any) -> Expr:
        return Expr(f"{operand(one, left)} {mark} {operand(other, right)}", level)

    return forth, lambda one, other: Expr(f"{operand(other, left)} {mark} {operand(one, right)}", level)


def _comparison(mark: str) -> Callable[[Expr, Any], Expr]:
    return lambda one, other: Expr(f"{operand(one, OR)} {mark} {operand(other, OR)}", COMPARE)


def _sign(mark: str) -> Callable[[Expr], Expr]:
    return lambda one: Expr(f"{mark}{operand(one, SIGN)}", SIGN)


def _unanswered(what: str, help: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise Unwritable(f"{what} has no text", help)

    return refuse


for _name, (_mark, _level) in _OPERATORS.items():
    for _method, _action in zip((f"__{_name}__", f"__r{_name}__"), _binary(_mark, _level), strict=True):
        setattr(Expr, _method, _action)
for _name, _mark in _COMPARISONS.items():
    setattr(Expr, f"__{_name}__", _comparison(_mark))
for _name, _mark in _SIGNS.items():
    setattr(Expr, f"__{_name}__", _sign(_mark))
for _name, (_what, _help) in _UNANSWERED.items():
    setattr(Expr, f"__{_name}__", _unanswered(_what, _help))


def _literal(value: Any) -> str:
    """A value among arguments."""
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case tuple() | list():
            ends = "[]" if isinstance(value, list) else "()"
            comma = "," * (isinstance(value, tuple) and len(value) == 1)
            return f"{ends[0]}{', '.join(map(_literal, value))}{comma}{ends[1]}"
        case dict():
            return f"{{{', '.join(f'{_literal(k)}: {_literal(v)}' for k, v in value.items())}}}"
        case str():
            return str.__repr__(value)  # an enumeration's own names a class that a source file lacks
        case int() if not isinstance(value, bool):
            return int.__repr__(value)
        case Expr() | bool() | float() | None:
            return repr(value)
        case _:
            raise Unwritable(
                f"a value of {_kind(value)} has no text", "give numbers, texts, tuples and what `torch` or `nn` gives"
            )


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _index(key: Any) -> str:
    if isinstance(key, slice):
        start, stop, step = ("" if k is None else _literal(k) for k in (key.start, key.stop, key.step))
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    return "..." if key is ... else _literal(key)


def value_names(trace: Trace) -> dict[int, str]:
    """A variable for each value: ``x`` while nothing but the next row reads it, else a name of its own."""
    last: dict[int, int] = {}
    for index, row in enumerate(trace.rows):
        for source in row.inputs:
            last[source] = index
    last[trace.output] = len(trace.rows)
    names, busy = {-1: "x"}, {"x": last.get(-1, -1)}
    for index in range(len(trace.rows)):
        free = [n for n, until in busy.items() if until <= index]
        name = min(free, key=lambda n: (len(n), n)) if free else f"x{len(busy)}"
        names[index] = name
        busy[name] = last.get(index, index)
    return names
