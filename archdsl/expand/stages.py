"""Stage lists: ``64x2``, ``64`` (depth 1), ``64x2^4`` (widths doubling), ``64x2*3`` (equal), ``64x2(s=1)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.errors import SpecError, fail
from archdsl.expand.env import Env, collect
from archdsl.expand.values import value
from archdsl.ir.make import Stage
from archdsl.limits import Limits
from archdsl.syntax import ast

Own = Callable[[ast.Cross], dict[str, Any]]


def stages(expr: ast.Word, common: dict[str, Any], own: Own, env: Env) -> tuple[Stage, ...]:
    """The stages of a family, each with the family's arguments (``common``) and its own on top.

    Args:
        own: gives the arguments of a stage that has some.

    Raises:
        SpecError: A2xx or A4xx with the place.
    """
    listed: list[Stage] = []
    errors: list[SpecError] = []
    for each in expr.stages or ():
        try:
            listed += _stage(each, common, own, env)
        except SpecError as error:
            errors.append(error)
    collect(errors)
    if sum(s.depth for s in listed) > Limits.LAYERS:
        raise fail("A404", f"the stages have more than {Limits.LAYERS:,} layers", expr.span)
    return tuple(listed)


def _stage(expr: ast.Expr, common: dict[str, Any], own: Own, env: Env) -> list[Stage]:
    if isinstance(expr, ast.Binary) and expr.op in "*^":
        inner = _stage(expr.left, common, own, env)
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
        return _stage(expr.body, common, own, env)
    if isinstance(expr, ast.Cross):
        if len(expr.parts) > 2:
            raise fail("A208", "a stage is `width x depth`, two numbers", expr.span, "for example `64x2`")
        width = _whole(expr.parts[0], env, "the width", 10**Limits.DIGITS)
        depth = _whole(expr.parts[1], env, "the depth", Limits.REPEAT) if len(expr.parts) == 2 else 1
        return [Stage(width, depth, common if expr.args is None else {**common, **own(expr)})]
    return [Stage(_whole(expr, env, "the width", 10**Limits.DIGITS), 1, common)]


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
