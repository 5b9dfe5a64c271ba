"""Value expressions: numbers, words, shapes and the integer arithmetic over parameters, ``cin`` and ``classes``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.errors import InternalError, Span, SpecError, fail, suggest
from archdsl.expand.env import Closure, Env, arguments, complete
from archdsl.ir.symbol import FUNCTIONS, NUM_CLASSES, OWN, QUOTIENT, ArithmeticMisfit, Symbol, apply
from archdsl.limits import Limits
from archdsl.report.numbers import of_percent
from archdsl.syntax import ast

CALLABLE = {
    "min": (2, 9),
    "max": (2, 9),
    "abs": (1, 1),
    "round": (1, 1),
    "ceil": (1, 1),
    "floor": (1, 1),
    "round8": (1, 2),
}
ROUNDING = frozenset({"round", "ceil", "floor", "round8"})
_MOST = 10**Limits.DIGITS


class Name(str):
    """A bare word where a value is: the choice of an enumeration."""

    __slots__ = ()


def value(expr: ast.Expr, env: Env, rounded: bool = False) -> Any:
    """The value of an expression: int, float, bool, str, Name, a tuple of integers, or a Symbol. ``rounded``: it is
    rounded afterwards, so that a quotient need not come out even.

    Raises:
        SpecError: A2xx with the place.
    """
    match expr:
        case ast.Number(text=text):
            return number(text, expr)
        case ast.String(value=text):
            return text
        case ast.Word():
            return _word(expr, env, rounded)
        case ast.Group(body=body):
            return value(body, env, rounded)
        case ast.Negative(value=inner):
            return _checked(_apply("neg", expr, numeric(inner, env, rounded)), expr)
        case ast.Modifier():
            return _signed(expr, env, rounded)
        case ast.Binary(op=op, left=left, right=right):
            if op == "^":
                raise fail("A217", "`^` doubles widths in a stage list; it is not a power", expr.span)
            op = QUOTIENT if rounded and op == "/" else op
            return _checked(_apply(op, expr, numeric(left, env, rounded), numeric(right, env, rounded)), expr)
        case ast.Tuple(items=items):
            return tuple(value(i, env) for i in items)
        case ast.Cross(parts=parts, args=None):
            return tuple(value(p, env) for p in parts)
        case _:
            raise _no_value(expr)


def _no_value(expr: ast.Expr) -> SpecError:
    """What an expression is that is where a value should."""
    match expr:
        case ast.Hole():
            return still_open(expr)
        case ast.Seq(items=(_, ast.Modifier(sign=sign, name=name), *_)):
            return fail(
                "A217",
                f"`{sign}{name}` is read as a modifier, and a value is expected here",
                expr.span,
                f"for a sum write `… {sign} {name}`",
            )
        case ast.Seq(items=items) if all(isinstance(i, ast.Number | ast.Cross) for i in items):
            return fail("A217", "values have nothing between them", expr.span, "separate them by commas")
        case _:
            what, help = (
                ("range of layers", "a range of choices is `{1..4}`")
                if isinstance(expr, ast.LayerRange)
                else ("network", "")
            )
            return fail("A217", f"a {what} is given where a value is needed", expr.span, help)


def still_open(hole: ast.Hole, of: str = "") -> SpecError:
    """A hole where one network or value is needed. ``of`` says more about it."""
    lists = "`archdsl params` lists every choice; to pick one, write it"
    help = "`archdsl search` draws values from it; to pick one, write it" if hole.scale else lists
    return fail("A216", f"a choice is still open here{of}", hole.span, help)


def _signed(expr: ast.Modifier, env: Env, rounded: bool) -> Any:
    """The number of `-h` among arguments, where no block is before the sign to modify."""
    span = Span(expr.span.source, expr.span.start + 1, expr.span.end)
    result = numeric(ast.Word(expr.name, None, expr.args, span), env, rounded)
    return result if expr.sign == "+" else _checked(_apply("neg", expr, result), expr)


def number(text: str, expr: ast.Expr) -> int | float:
    """The number of a numeral: integer, float, or percentage as a fraction of 1."""
    if text.isdigit():
        return int(text)
    result = of_percent(text[:-1]) if text.endswith("%") else float(text)
    if result == float("inf"):
        raise fail("A208", f"{text} is too large for a number", expr.span)
    return result


def numeric(expr: ast.Expr, env: Env, rounded: bool = False) -> Any:
    """A value that arithmetic takes."""
    result = value(expr, env, rounded)
    if isinstance(result, bool | str | tuple):
        what = f"`{result}`" if isinstance(result, str) else "this"
        known = [*env.locals, *env.lets, "cin", "classes"] if isinstance(result, Name) else []
        raise fail(
            "A208" if not isinstance(result, Name) else "A201",
            f"{what} is not a number",
            expr.span,
            suggest(str(result), known),
        )
    return result


def _apply(op: str, expr: ast.Expr, *values: Any) -> Any:
    try:
        return apply(op, *values)
    except ArithmeticMisfit as error:
        raise fail("A218", str(error), expr.span) from None
    except (OverflowError, ValueError):  # infinite, or no number at all
        raise fail("A218", "the result is too large", expr.span) from None


def _checked(result: Any, expr: ast.Expr) -> Any:
    if isinstance(result, int) and abs(result) >= _MOST:
        raise fail("A406", f"the result {result} has more than {Limits.DIGITS} digits", expr.span)
    return result


def _word(expr: ast.Word, env: Env, rounded: bool = False) -> Any:
    if expr.stages is not None:
        raise fail("A217", "a network is given where a value is needed", expr.span)
    if expr.name in env.locals:
        if expr.args is not None:
            raise fail("A207", f"the parameter `{expr.name}` takes no arguments", expr.span)
        return closure_value(env.locals[expr.name])
    if expr.name in env.lets:
        let = env.lets[expr.name]
        inner = env.enter(let, arguments(let, expr.args, env, expr.span), expr.span)
        complete(let, inner.locals, inner, expr.span)
        inner.scope = env.scope  # a constant has no channels of its own: `cin` in it is the user's
        try:
            return value(let.body, inner)
        except SpecError as error:
            raise error.within(f"`{let.name}`", expr.span) from None
    if expr.args is not None:
        return _call(expr, env, rounded)
    match expr.name:
        case "true" | "false":
            return expr.name == "true"
        case "cin":
            return Symbol("cin", (OWN if env.scope is None else env.scope,))
        case "classes":
            return NUM_CLASSES
        case _:
            return Name(expr.name)


def closure_value(closure: Closure) -> Any:
    """The value of an argument, worked out once."""
    if "value" not in closure.cache:
        env = closure.env
        env = env if env.scope is not None or closure.scope is None else replace(env, scope=closure.scope)
        closure.cache["value"] = value(closure.expr, env)
    return closure.cache["value"]


def _call(expr: ast.Word, env: Env, rounded: bool) -> Any:
    bounds = CALLABLE.get(expr.name)
    args = expr.args or ()
    if bounds is None:
        raise fail(
            "A217",
            f"`{expr.name}(…)` gives no value",
            expr.span,
            suggest(expr.name, CALLABLE) or "functions of values: " + ", ".join(sorted(CALLABLE)),
        )
    if not bounds[0] <= len(args) <= bounds[1]:
        raise fail("A207", f"`{expr.name}` takes {bounds[0]} to {bounds[1]} values", expr.span)
    if expr.name not in FUNCTIONS:
        raise InternalError(f"there is no function {expr.name}")
    return _checked(_apply(expr.name, expr, *(numeric(a, env, rounded or expr.name in ROUNDING) for a in args)), expr)
