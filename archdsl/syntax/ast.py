"""The syntax tree: what was written and where, before any name means anything.

Spans take no part in equality, so that ``parse(format(text)) == parse(text)`` can be asked directly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from archdsl.errors import Span


def _span() -> Span:
    return field(compare=False, repr=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Number:
    """``text`` as written: an integer, a float or a percentage."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class String:
    """A text in quotes, without them."""

    value: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Keyword:
    """``name=value`` among the arguments of a call."""

    name: str
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Word:
    """A name with its stage list and arguments, each None where it was not written."""

    name: str
    stages: tuple[Expr, ...] | None
    args: tuple[Expr, ...] | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Cross:
    """``64x2``, ``3x32x32``; with ``args`` it is a stage with arguments of its own."""

    parts: tuple[Expr, ...]
    args: tuple[Expr, ...] | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """``a op b`` for ``+ - * / // ^``; what it means depends on what stands around it."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before a value."""

    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Seq:
    """Expressions side by side."""

    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses."""

    body: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Tuple:
    """``[a, b]``, a list of values."""

    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Branches:
    """``a | b | c`` among the arguments of a call."""

    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class LayerRange:
    """``first..last`` among the arguments of a call: all that lies from the one to the other."""

    first: Expr
    last: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Label:
    """``name: body``, the name of a module."""

    name: str
    body: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Modifier:
    """``+bn`` or ``-bn``: it rewrites the item before it."""

    sign: str
    name: str
    args: tuple[Expr, ...] | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Mark:
    """``as x``: names the value at this point."""

    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Ref:
    """``@x``: goes on from the value that ``as x`` named."""

    name: str
    span: Span = _span()


SCALES = ("log", "uniform")  # on which values are drawn from a range


@dataclass(frozen=True, slots=True)
class Hole:
    """A choice left open. ``choices`` are alternatives (None is the empty one), a set, or a range's two ends. A range with
    a scale is a distribution: values are drawn from it, and it has no list of them."""

    axis: str | None
    kind: str  # "alternatives" | "set" | "range"
    choices: tuple[Expr | None, ...]
    span: Span = _span()
    scale: str | None = None  # one of SCALES


Expr: TypeAlias = (
    Number
    | String
    | Keyword
    | Word
    | Cross
    | Binary
    | Negative
    | Seq
    | Group
    | Tuple
    | Branches
    | LayerRange
    | Label
    | Modifier
    | Mark
    | Ref
    | Hole
)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a let, with its default or None."""

    name: str
    default: Expr | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Let:
    """``params`` is None for a plain ``let x = …``."""

    name: str
    params: tuple[Param, ...] | None
    body: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Include:
    """``include "path"``: the lets of another file."""

    path: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Statement:
    """``input``, ``classes``, ``task``, ``net``, ``data``, ``train``, ``evaluate``, or ``bare`` for a net without its keyword."""

    kind: str
    body: Expr
    span: Span = _span()


Item: TypeAlias = Let | Include | Statement
# The keywords that begin a statement, those of one a file in their canonical order.
ORDER = ("input", "classes", "task", "net", "data", "train", "evaluate")
KEYWORDS = ("let", "include", *ORDER)
SETTINGS = (
    "data",
    "train",
    "evaluate",
)  # the statements whose words become settings; their names are those of name spaces


@dataclass(frozen=True, slots=True)
class File:
    """A parsed text: its statements in order."""

    items: tuple[Item, ...]
    span: Span = _span()


Node: TypeAlias = Expr | Item | Param | File
