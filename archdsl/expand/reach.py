"""Which lets a text may use, whatever is chosen in its holes: what one arm leaves unused, another one may need."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archdsl.syntax import ast
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archdsl.errors import Diagnostic, Span

    Key = tuple[str, str, Span | None]

UNUSED = "A501"


def reached(file: ast.File) -> set[str]:
    """The names that the statements of a text have, and the lets behind these names."""
    bodies = {item.name: item for item in file.items if isinstance(item, ast.Let)}
    found: set[str] = set()
    waiting: list[ast.Node] = [item for item in file.items if isinstance(item, ast.Statement)]
    while waiting:
        top = waiting.pop()
        own = (
            {p.name for p in top.params or ()} if isinstance(top, ast.Let) else set[str]()
        )  # they hide lets of their names
        for node in walk(top):  # `-h` may be minus `h`
            if isinstance(node, ast.Word | ast.Modifier) and node.name not in own and node.name not in found:
                found.add(node.name)
                waiting += [bodies[node.name]] if node.name in bodies else []
    return found


def together(file: ast.File, arms: Iterable[Iterable[Diagnostic]]) -> dict[Key, Diagnostic]:
    """The notes of the arms of a text, each once; that nothing uses a let, where no arm may."""
    listed = [{(d.code, d.message, d.span): d for d in found} for found in arms]
    times = Counter(key for once in listed for key in once)
    notes: dict[Key, Diagnostic] = {}
    for key, one in (pair for once in listed for pair in once.items()):
        notes.setdefault(key, one)
    names = reached(file) if any(d.code == UNUSED for d in notes.values()) else set()
    needed = {item.span for item in file.items if isinstance(item, ast.Let) and item.name in names}
    return {
        key: one
        for key, one in notes.items()
        if one.code != UNUSED or (times[key] == len(listed) and one.span not in needed)
    }
