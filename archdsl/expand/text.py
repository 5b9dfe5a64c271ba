"""The canonical text of an experiment: one file without includes, comments and unused lets, statements in one order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.expand.include import library
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable


def canonical_text(file: ast.File, evaluation: bool = True) -> str:
    """The text that a run records; parsing it gives the same experiment wherever it is.

    Args:
        evaluation: with the statement that says how the trained net is evaluated.

    Raises:
        SpecError: A107–A109, an include is not there.
    """
    lets: dict[str, ast.Let] = {}
    for item in file.items:
        if isinstance(item, ast.Include):
            lets |= {let.name: let for let in library(item)}
        elif isinstance(item, ast.Let):
            lets[item.name] = item
    statements = [replace(i, kind="net") if i.kind == "bare" else i for i in file.items if isinstance(i, ast.Statement)]
    statements = [s for s in statements if evaluation or s.kind != "evaluate"]
    used = _used(statements, lets)
    ordered = sorted(statements, key=lambda s: ast.ORDER.index(s.kind))
    items: tuple[ast.Item, ...] = (*[let for name, let in lets.items() if name in used], *ordered)
    return unparse(replace(file, items=items))


def _used(roots: Iterable[ast.Node], lets: dict[str, ast.Let]) -> set[str]:
    used: set[str] = set()
    todo = list(roots)
    while todo:
        names = {n.name for n in walk(todo.pop()) if isinstance(n, ast.Word | ast.Modifier)}  # `-h` may be minus `h`
        fresh = (names & lets.keys()) - used
        used |= fresh
        todo += [lets[name] for name in fresh]
    return used
