"""Where module classes come from that torch lacks: ``archdsl.emit.layers``, and packages that name a module under the
entry point group ``archdsl.layers``. Here they are read as text, so that a source file is written without torch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from archdsl.errors import EnvError

_IGNORED = re.compile(r"  # type: ignore\[.*?\]")  # what a type checker of ours is told


@lru_cache(maxsize=1)
def foreign_modules() -> tuple[str, ...]:
    """The names of other packages' modules that hold layers."""
    return tuple(sorted(point.value for point in entry_points(group="archdsl.layers")))


def _files() -> list[Path]:
    files = sorted((Path(__file__).parent / "layers").glob("*.py"))
    for name in foreign_modules():
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise EnvError(f"the layers `{name}` are not there", help="repair or uninstall the package that names them")
        files.append(Path(spec.origin))
    return files


@lru_cache(maxsize=1)
def sources() -> dict[str, str]:
    """The source text of each class by its name: complete in itself, given ``torch``, ``nn``, ``F`` and the classes that it
    derives from.
    """
    found: dict[str, str] = {}
    for path in _files():
        text = path.read_text("utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, _IGNORED.sub("", ast.get_source_segment(text, node) or ""))
    return found


def with_bases(names: Iterable[str]) -> list[str]:
    """These classes by name, each behind those of ours that it derives from."""
    ordered: dict[str, None] = {}
    for name in sorted(names):
        heads = re.match(r"class \w+\((.*?)\):", sources()[name])
        bases = [base.strip() for base in heads[1].split(",")] if heads else []
        ordered |= dict.fromkeys((*with_bases(b for b in bases if b in sources()), name))
    return list(ordered)
