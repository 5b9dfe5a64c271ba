"""Syntax tree to text, on one line a statement: ``parse(unparse(parse(t))) == parse(t)``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def unparse(node: ast.Node) -> str:
    """The text of a tree, or of a part of one. A file ends with a newline."""
    match node:
        case ast.File(items=items):
            return "".join(unparse(i) + "\n" for i in items)
        case ast.Let(name=name, params=params, body=body):
            head = name if params is None else f"{name}({', '.join(map(unparse, params))})"
            return f"let {head} = {_expr(body)}"
        case ast.Param(name=name, default=default):
            return name if default is None else f"{name}={_free(_expr(default))}"
        case ast.Include(path=path):
            return f'include "{path}"'
        case ast.Statement(kind="bare", body=body):
            return _expr(body)
        case ast.Statement(kind=kind, body=body):
            return f"{kind} {_expr(body, kind in ast.SETTINGS)}"
        case _:
            return _expr(node)


def _expr(node: ast.Expr, hyphens: bool = False) -> str:  # noqa: PLR0911 - one return a kind of node
    """``hyphens``: in a statement of settings, ``fashion-mini`` is one name."""
    text: Callable[[ast.Expr], str] = partial(_expr, hyphens=hyphens)
    match node:
        case ast.Number(text=number):
            return number
        case ast.String(value=value):
            return f'"{value}"'
        case ast.Keyword(name=name, value=value):
            return f"{name}={_free(text(value))}"
        case ast.Word(name=name, stages=stages, args=args):
            return name + ("" if stages is None else f"[{_free(_list(map(text, stages)))}]") + _args(args, text)
        case ast.Cross(parts=parts, args=args):
            return "x".join(map(text, parts)) + _args(args, text)
        case ast.Binary(op=op, left=left, right=right):
            tight = op not in "+-" or (hyphens and _is_name(node))
            return text(left) + (op if tight else f" {op} ") + text(right)
        case ast.Negative(value=value):
            inner = text(value)
            return f"- {inner}" if inner[0].isalpha() or inner[0] == "_" else f"-{inner}"
        case ast.Seq(items=items):
            return " ".join(map(text, items))
        case ast.Group(body=body):
            return f"({text(body)})"
        case ast.Tuple(items=items):
            return f"[{_free(_list(map(text, items)))}]"
        case ast.Branches(items=items):
            return " | ".join(map(text, items))
        case _:
            return _rest(node, text)


def _rest(node: ast.Expr, text: Callable[[ast.Expr], str]) -> str:
    match node:
        case ast.LayerRange(first=first, last=last):
            return f"{text(first)}..{_free(text(last))}"
        case ast.Label(name=name, body=body):
            return f"{name}: {text(body)}"
        case ast.Modifier(sign=sign, name=name, args=args):
            return f"{sign}{name}{_args(args, text)}"
        case ast.Mark(name=name):
            return f"as {name}"
        case ast.Ref(name=name):
            return f"@{name}"
        case ast.Hole():
            return _hole(node, text)
        case _:
            raise TypeError(f"no expression: {node!r}")


def _hole(node: ast.Hole, text: Callable[[ast.Expr], str]) -> str:
    choices = ["" if c is None else text(c) for c in node.choices]
    if node.kind == "range":
        body = f"{choices[0]}..{_free(choices[1])}" + (f" {node.scale}" if node.scale else "")
    elif node.kind == "set":
        body = ", ".join(choices)
    else:
        body = " | ".join(choices)
    return f"{{{node.axis}: {body}}}" if node.axis else f"{{{body}}}"


def _args(args: tuple[ast.Expr, ...] | None, text: Callable[[ast.Expr], str]) -> str:
    return "" if args is None else f"({_list(map(text, args))})"


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _free(text: str) -> str:
    """Behind `=`, `[` and `..` a modifier needs a space before it, or it would be a sum."""
    return f" {text}" if text[:1] in ("+", "-") and (text[1:2].isalpha() or text[1:2] == "_") else text


def _is_name(node: ast.Binary) -> bool:
    return node.op == "-" and node.span.text.replace("-", "").isidentifier()
