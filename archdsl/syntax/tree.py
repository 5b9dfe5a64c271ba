"""The parser's callbacks: one method a rule of the grammar, each from children to a node with its span.

Children are nodes, lists of nodes, and tokens: strings with ``start_pos`` and ``end_pos``, ours or Lark's.
"""

from __future__ import annotations

from typing import Any

from archdsl.errors import Source, Span, fail, suggest
from archdsl.limits import Limits
from archdsl.syntax import ast


class Builder:
    """Builds the ``archdsl.syntax.ast`` nodes of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def _at(self, first: Any, last: Any = None) -> Span:
        return Span(self.source, _start(first), _end(first if last is None else last))

    # -- statements

    def start(self, c: list[Any]) -> list[ast.Item]:
        return [x for x in c if not isinstance(x, str)]

    def let(self, c: list[Any]) -> ast.Let:
        word, name, call, params, _, body = c
        return ast.Let(str(name), None if call is None else tuple(params), body, self._at(word, body))

    def include(self, c: list[Any]) -> ast.Include:
        return ast.Include(str(c[1])[1:-1], self._at(c[0], c[1]))

    def statement(self, c: list[Any]) -> ast.Statement:
        return ast.Statement(str(c[0]), c[1], self._at(c[0], c[1]))

    def bare(self, c: list[Any]) -> ast.Statement:
        return ast.Statement("bare", c[0], self._at(c[0]))

    def params(self, c: list[Any]) -> list[ast.Param]:
        return c

    def param(self, c: list[Any]) -> ast.Param:
        return ast.Param(str(c[0]), c[1], self._at(c[0], c[1]))

    # -- expressions

    def expr(self, c: list[Any]) -> Any:
        return c[0] if len(c) == 1 else ast.Seq(tuple(c), self._at(c[0], c[-1]))

    def word(self, c: list[Any]) -> ast.Word:
        name, _, stages, close_stages, _, args, close = c
        args = None if close is None else tuple(args)
        return ast.Word(str(name), stages, args, self._at(name, close or close_stages or name))

    def stages(self, c: list[Any]) -> tuple[Any, ...]:
        return tuple(c)

    def args(self, c: list[Any]) -> list[Any]:
        return c

    def keyword(self, c: list[Any]) -> ast.Keyword:
        return ast.Keyword(str(c[0]), c[1], self._at(c[0], c[1]))

    def branches(self, c: list[Any]) -> ast.Branches:
        return ast.Branches(tuple(c), self._at(c[0], c[-1]))

    def layer_range(self, c: list[Any]) -> ast.LayerRange:
        return ast.LayerRange(c[0], c[1], self._at(c[0], c[1]))

    def number(self, c: list[Any]) -> ast.Number:
        text, span = str(c[0]), self._at(c[0])
        if len(text.split(".")[0].rstrip("%")) > Limits.DIGITS and text.rstrip("%").isdigit():
            raise fail("A406", f"an integer may have {Limits.DIGITS} digits; this one has {len(text)}", span)
        return ast.Number(text, span)

    def string(self, c: list[Any]) -> ast.String:
        return ast.String(str(c[0])[1:-1], self._at(c[0]))

    def ref(self, c: list[Any]) -> ast.Ref:
        return ast.Ref(str(c[1]), self._at(c[0], c[1]))

    def mark(self, c: list[Any]) -> ast.Mark:
        return ast.Mark(str(c[1]), self._at(c[0], c[1]))

    def group(self, c: list[Any]) -> ast.Group:
        return ast.Group(c[1], self._at(c[0], c[2]))

    def listed(self, c: list[Any]) -> ast.Tuple:
        return ast.Tuple(tuple(c[1:-1]), self._at(c[0], c[-1]))

    def cross(self, c: list[Any]) -> ast.Cross:
        return ast.Cross(tuple(c[::2]), None, self._at(c[0], c[-1]))

    def stage(self, c: list[Any]) -> ast.Cross:
        head, _, args, close = c
        span = self._at(head, close)
        if isinstance(head, ast.Cross) and head.args is not None:
            raise fail("A101", "two lists of arguments in a row", span, "put all arguments into one pair of brackets")
        parts = head.parts if isinstance(head, ast.Cross) else (head,)
        return ast.Cross(parts, tuple(args), span)

    def label(self, c: list[Any]) -> ast.Label:
        return ast.Label(str(c[0])[:-1], c[1], self._at(c[0], c[1]))

    def modifier(self, c: list[Any]) -> ast.Modifier:
        sign, name, _, args, close = c
        args = None if close is None else tuple(args)
        return ast.Modifier(str(sign), str(name), args, self._at(sign, close or name))

    def binary(self, c: list[Any]) -> ast.Binary:
        left, op, right = c
        span, depth, node = self._at(left, right), 1, left
        while isinstance(node, ast.Binary):  # a long chain leans to the left: count it before it can hurt
            node, depth = node.left, depth + 1
            if depth > Limits.NESTING:
                raise fail("A402", f"more than {Limits.NESTING} operators in one chain", span, "name parts with `let`")
        return ast.Binary(str(op), left, right, span)

    def negate(self, c: list[Any]) -> ast.Negative:
        return ast.Negative(c[1], self._at(c[0], c[1]))

    # -- holes

    def alternatives(self, c: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "alternatives", tuple(c)

    def alternative(self, c: list[Any]) -> Any:
        return c[0] if c else None

    def span_of(self, c: list[Any]) -> tuple[str, tuple[Any, ...], str | None]:
        low, high, scale = c
        if scale is not None and str(scale) not in ast.SCALES:
            help = suggest(str(scale), ast.SCALES) or "the scale of a range is `log` or `uniform`"
            raise fail("A101", f"`{scale}` is not the scale of a range", self._at(scale), help)
        return "range", (low, high), None if scale is None else str(scale)

    def choice_set(self, c: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return "set", tuple(c)

    def hole(self, c: list[Any]) -> ast.Hole:
        brace, choices, close = c
        axis = str(brace)[1:-1].strip() or None
        single = not (isinstance(choices, tuple) and choices[0] in _KINDS)  # one alternative has no node of its own
        kind, items, *scale = ("alternatives", (choices,)) if single else choices
        return ast.Hole(axis, kind, items, self._at(brace, close), *scale)


_KINDS = ("alternatives", "range", "set")


def _start(x: Any) -> int:
    return int(getattr(x, "start_pos", 0) or 0) if isinstance(x, str) else int(x.span.start)


def _end(x: Any) -> int:
    return int(getattr(x, "end_pos", 0) or 0) if isinstance(x, str) else int(x.span.end)
