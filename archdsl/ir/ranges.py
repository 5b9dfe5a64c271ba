"""Results of arithmetic, held to what the parameters of an op take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.errors import fail
from archdsl.registry import params

if TYPE_CHECKING:
    from archdsl.ir.nodes import Op
    from archdsl.registry import Arg


def in_range(node: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of an op, whole where its parameters are.

    Raises:
        SpecError: A209, one is not whole or out of its range.
    """
    found = tuple([_whole(p, a, node) for p, a in zip(params(node.entry), args, strict=True)])
    for parameter, value in zip(params(node.entry), found, strict=True):
        if parameter.range and isinstance(value, int) and not parameter.range.holds(value):
            raise fail(
                "A209",
                f"`{parameter.name}` of `{node.name}` came out as {value}; it must be {parameter.range}",
                node.span,
            )
    return found


def _whole(parameter: Arg, value: Any, node: Op) -> Any:
    if parameter.base not in ("int", "size") or not isinstance(value, float):
        return value
    if not value.is_integer():
        raise fail(
            "A209",
            f"`{parameter.name}` of `{node.name}` came out as {value:g}; it must be a whole number",
            node.span,
            "round it: `round(…)`, `floor(…)`, `ceil(…)`, or divide by `//`",
        )
    return int(value)
