"""Presets of a study file: named sets of keys that take the place of the file's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from archdsl.errors import ArchError, suggest

if TYPE_CHECKING:
    from archdsl.study.plan.reader import Reader

KEY = "presets"
MERGED = ("set", "labels")  # of their mappings, a preset replaces single keys
# Several keys may write one setting: a preset that has the first one says all of it.
TOGETHER = {"seeds": ("until", "max_seeds", "budget"), "metric": ("metrics",), "metrics": ("metric",)}


def forms(reader: Reader, root: Any) -> Iterator[tuple[str, yaml.MappingNode]]:
    """Each preset by its name: the nodes of the file with those of the preset in their place, so that every finding keeps
    its place in the text.

    Raises:
        ArchError: the presets are not mappings, a key is given twice, or a preset has presets.
    """
    own = {name: pair for name, pair in reader.mapping(root).items() if name != KEY}
    given = reader.mapping(root).get(KEY)
    for name, (key, node) in reader.mapping(given[1]).items() if given is not None else ():
        if not all(c.isalnum() or c in "_-" for c in name) or not name:
            reader.fail(key, f"`{name}` is not a name of a preset", "letters, digits, `-` and `_`")
        pairs = reader.mapping(node)
        if KEY in pairs:
            reader.fail(pairs[KEY][0], "a preset has no presets of its own", "write them beside each other")
        replaced = {other for k in pairs for other in TOGETHER.get(k, ())}
        kept = {k: pair for k, pair in own.items() if k not in replaced}
        for merged in pairs.keys() & own.keys() & set(MERGED):
            pairs[merged] = (pairs[merged][0], _merged(reader, own[merged][1], pairs[merged][1]))
        yield name, _mapping(root, {**kept, **pairs}.values())


def without(root: Any) -> Any:
    """The file without its presets."""
    if not isinstance(root, yaml.MappingNode):
        return root
    return _mapping(root, ((k, v) for k, v in root.value if getattr(k, "value", None) != KEY))


def unknown(where: str, preset: str, known: Iterable[str]) -> ArchError:
    """The error of a preset that a study does not have."""
    names = list(known)
    if not names:
        return ArchError(f"{where} has no presets, and `{preset}` is asked for", help="leave --preset out")
    remedy = f"presets: {', '.join(names)}; the file without one is the small form"
    return ArchError(f"{where} has no preset `{preset}`", help=suggest(preset, names) or remedy)


def _merged(reader: Reader, own: Any, more: Any) -> yaml.MappingNode:
    return _mapping(more, {**reader.mapping(own), **reader.mapping(more)}.values())


def _mapping(like: yaml.MappingNode, pairs: Iterable[tuple[Any, Any]]) -> yaml.MappingNode:
    return yaml.MappingNode(like.tag, list(pairs), like.start_mark, like.end_mark)
