"""The hash of what ``init`` names, written into the text: so a recorded run says with which weights it began."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.syntax import ast
from archdsl.syntax.walk import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def located(file: ast.File, source: str) -> ast.File:
    """The tree with another source of the word ``init``, its first argument."""

    def change(node: Any) -> Any:
        if isinstance(node, ast.Word) and node.name == "init" and node.args:
            return replace(node, args=(ast.String(source, node.span), *node.args[1:]))
        return rebuild(node, change) if isinstance(node, ast.Seq) else node

    return _in_train(file, change)


def pinned(file: ast.File, sha: str) -> ast.File:
    """The tree with ``sha`` among the arguments of the word ``init``; one that has it stays as it is."""

    def change(node: Any) -> Any:
        if isinstance(node, ast.Seq):
            return rebuild(node, change)
        if not isinstance(node, ast.Word) or node.name != "init":
            return node
        args = node.args or ()
        if any(isinstance(a, ast.Keyword) and a.name == "sha" for a in args) or len(args) > 2:
            return node
        return replace(node, args=(*args, ast.Keyword("sha", ast.String(sha, node.span), node.span)))

    return _in_train(file, change)


def _in_train(file: ast.File, change: Callable[[Any], Any]) -> ast.File:
    return replace(
        file,
        items=tuple(
            replace(i, body=change(i.body)) if isinstance(i, ast.Statement) and i.kind == "train" else i
            for i in file.items
        ),
    )
