"""The walk through the code names files and functions that are there, in an order that leads downwards."""

from __future__ import annotations

import ast
import re

from tests.conftest import REPO

PAGE = (REPO / "docs" / "walkthrough.md").read_text("utf-8")
PLACES = re.findall(r"`((?:archdsl|grammars)/[\w/.]+)(?::(\w+))?`", PAGE)


def defined(path: str) -> set[str]:
    """Functions and classes at the top of a module, and of its classes."""
    tree = ast.parse((REPO / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_each_place_is_there() -> None:
    assert len(PLACES) > 25
    missing = [(p, name) for p, name in PLACES if not (REPO / p).is_file() or (name and name not in defined(p))]
    assert not missing
