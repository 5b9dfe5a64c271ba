"""Stage lists: ``64x2``, ``64`` (depth 1), ``64x2^4`` (widths doubling), ``64x2*3`` (equal), ``64x2(s=1)``."""

from __future__ import annotations

from typing import Any

from archdsl.errors import SpecError, fail
from archdsl.expand.bind import Expand, convert, matched
from archdsl.expand.env import Env, collect
from archdsl.expand.values import value
from archdsl.ir.make import Stage
from archdsl.limits import Limits
from archdsl.registry import Entry, params
from archdsl.syntax import ast


def stages(
    exprs: tuple[ast.Expr, ...], entry: Entry, args: tuple[Any, ...], env: Env, network: Expand
) -> tuple[Stage, ...]:
    """The stages of a family, each with the family's arguments and its own on top.

    Raises:
        SpecError: A2xx or A4xx with the place.
    """
    common = {p.name: a for p, a in zip(params(entry), args, strict=True)}
    found: list[Stage] = []
    errors: list[SpecError] = []
    for expr in exprs:
        try:
            found += _stage(expr, entry, common, env, network)
        except SpecError as error:
            errors.append(error)
    collect(errors)
    if not found:
        raise fail("A215", f"the family `{entry.name}` needs at least one stage", exprs[0].span if exprs else None)
    return tuple(found)


def _stage(expr: ast.Expr, entry: Entry, common: dict[str, Any], env: Env, network: Expand) -> list[Stage]:
    if isinstance(expr, ast.Binary) and expr.op in "*^":
        inner = _stage(expr.left, entry, common, env, network)
        times = _whole(expr.right, env, "the number of stages", Limits.REPEAT)
        if expr.op == "*":
            return inner * times
        if any(s.width << (times - 1) >= 10**Limits.DIGITS for s in inner[:1]) or times > 64:
            raise fail("A406", f"doubling {times - 1} times makes a width of too many digits", expr.span)
        return [Stage(s.width << i, s.depth, s.settings) for i in range(times) for s in inner]
    if isinstance(expr, ast.Seq):
        raise fail(
            "A217",
            "two stages have no comma between them",
            expr.items[1].span,
            f"separate stages by commas: `{', '.join(i.span.text for i in expr.items[:4])}`",
        )
    if isinstance(expr, ast.Group):
        return _stage(expr.body, entry, common, env, network)
    if isinstance(expr, ast.Cross):
        if len(expr.parts) > 2:
            raise fail("A208", "a stage is `width x depth`, two numbers", expr.span, "for example `64x2`")
        width = _whole(expr.parts[0], env, "the width", 10**Limits.DIGITS)
        depth = _whole(expr.parts[1], env, "the depth", Limits.REPEAT) if len(expr.parts) == 2 else 1
        return [Stage(width, depth, {**common, **_own(expr, entry, env, network)})]
    return [Stage(_whole(expr, env, "the width", 10**Limits.DIGITS), 1, common)]


def _own(expr: ast.Cross, entry: Entry, env: Env, network: Expand) -> dict[str, Any]:
    if expr.args is None:
        return {}
    given = matched(entry, expr.args, expr)
    known = {p.name: p for p in params(entry)}
    return {
        name: known[name].flag if e is None else convert(known[name], e, entry, env, network)
        for name, e in given.items()
    }


def _whole(expr: ast.Expr, env: Env, what: str, most: int) -> int:
    result = value(expr, env)
    if isinstance(result, bool) or not isinstance(result, int):
        raise fail(
            "A208",
            f"{what} of a stage is a whole number, not `{expr.span.text}`",
            expr.span,
            "a stage is written `width x depth`, like `64x2`; `cin` is not known where stages unfold",
        )
    if not 1 <= result <= most:
        code = "A403" if most == Limits.REPEAT else "A209"
        raise fail(code, f"{what} of a stage is from 1 to {most:,}, not {result}", expr.span)
    return result
