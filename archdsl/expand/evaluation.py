"""The words of an evaluation by their text: ``lesion(3) mc(20)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, SpecError
from archdsl.expand.env import Budget, Env
from archdsl.expand.settings import settings
from archdsl.syntax import ast
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting


def evaluation(text: str, where: str = "evaluate") -> tuple[Setting, ...]:
    """The bound words of what an ``evaluate`` statement says.

    Args:
        where: what the text is called in errors, such as an option.

    Raises:
        ArchError: it is not one statement, a word is unknown, or its arguments are invalid.
    """
    try:
        items = parse(Source(where, f"evaluate {text}")).items
        statement = items[0] if len(items) == 1 else None
        if not isinstance(statement, ast.Statement):
            raise ArchError(f"`{where} {text}` is not one statement", help="write words on one line: lesion(3) mc(20)")
        return settings("evaluate", statement, Env({}, Budget()))
    except SpecError as error:
        first = error.diagnostics[0]
        raise ArchError(f"`{where} {text}`: {first.message}", help=first.help) from None
