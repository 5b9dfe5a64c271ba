"""Recorders: they are where ``nn``, ``torch`` and tensors are, and write down what was asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace


class Expr:
    """A value as the text that computes it."""

    def __init__(self, text: str, loose: bool = False) -> None:
        self.text, self.loose = text, loose

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _tight(self) -> str:
        return f"({self.text})" if self.loose else self.text

    def __add__(self, other: Any) -> Expr:
        return Expr(f"{self.text} + {_operand(other)}", loose=True)

    def __sub__(self, other: Any) -> Expr:
        return Expr(f"{self.text} - {_operand(other)}", loose=True)

    def __mul__(self, other: Any) -> Expr:
        return Expr(f"{self._tight()} * {_operand(other)}")

    def __getitem__(self, key: Any) -> Expr:
        keys = key if isinstance(key, tuple) else (key,)
        return Expr(f"{self._tight()}[{', '.join(map(_index, keys))}]")

    def __getattr__(self, name: str) -> Recorder:
        if name.startswith("__"):
            raise AttributeError(name)
        return Recorder(f"{self._tight()}.{name}")


class Recorder:
    """A module or function by its name; calling it gives the text of the call.

    Names in ``own`` are written without the prefix and noted in ``used``.
    """

    def __init__(self, name: str, used: set[str] | None = None, own: dict[str, str] | None = None) -> None:
        self._name, self._used, self._own = name, used, own or {}

    def __getattr__(self, name: str) -> Recorder:
        if name in self._own and self._used is not None:
            self._used.add(name)
            return Recorder(name)
        return Recorder(f"{self._name}.{name}")

    def __call__(self, *args: Any, **named: Any) -> Expr:
        parts = [repr(a) for a in args] + [f"{k}={v!r}" for k, v in named.items()]
        return Expr(f"{self._name}({', '.join(parts)})")


def _operand(value: Any) -> str:
    return value._tight() if isinstance(value, Expr) else repr(value)


def _index(key: Any) -> str:
    if isinstance(key, slice):
        start, stop = ("" if k is None else str(k) for k in (key.start, key.stop))
        return f"{start}:{stop}"
    return str(key)


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
