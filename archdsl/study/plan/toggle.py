"""The levels of a factor as trees: the statement that they belong to, the hole that they make, and what it toggles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archdsl.errors import ArchError, Source
from archdsl.expand.settings import hyphenated
from archdsl.registry import find
from archdsl.study.plan.factors import NAME, SPACE, TOGETHER, Factor, parts
from archdsl.study.plan.levels import number
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.walk import walk


def forms(factor: Factor) -> list[Factor]:
    """A factor whose levels have several forms (``bn & +bn``) as one factor for each, all of one name."""
    split = [level.split(TOGETHER) for level in factor.levels]
    count = max(map(len, split))
    if any(len(parts) != count and parts != [""] for parts in split):
        raise ArchError(
            f"factor `{factor.name}`: its levels have different numbers of forms",
            help=f"each level but `none` has {count}, joined by `{TOGETHER.strip()}`",
        )
    return [Factor(factor.name, tuple(p[n].strip() if len(p) == count else "" for p in split)) for n in range(count)]


def space_of(factor: Factor) -> tuple[str, tuple[str, ...]]:
    """The statement that the levels belong to, and the levels without its keyword."""
    spaces: dict[str, None] = {}
    levels: list[str] = []
    for level in factor.levels:
        said = SPACE.match(level)
        text = level[said.end() :] if said else level
        levels.append(text)
        if text:
            spaces[said.group(1) if said else _guess(factor, text)] = None
    prefix = factor.name.partition(".")[0]
    if prefix in ast.SETTINGS and "." in factor.name:  # `train.epochs: [1, 3]` gives the word's arguments
        word = factor.name.partition(".")[2]
        if find(prefix, word) is None:
            raise ArchError(f"factor `{factor.name}`: there is no {prefix} word `{word}`")
        return prefix, tuple(_call(prefix, word, text) for text in levels)
    if len(spaces) != 1:
        raise ArchError(
            f"factor `{factor.name}`: its levels belong to different statements ({', '.join(spaces)})",
            help="a level is one of net, data or train; begin each with that word",
        )
    return next(iter(spaces)), tuple(levels)


def _call(prefix: str, word: str, text: str) -> str:
    """A word with an argument; the empty text is its absence, as is 0 of a word that says so."""
    entry = find(prefix, word)
    if not text or (number(text) == 0 and entry is not None and getattr(entry.make, "nothing_at_zero", False)):
        return ""
    return word if text == "on" else f"{word}({text})"


def _guess(factor: Factor, text: str) -> str:
    if text[0] in "+-":
        return "net"
    named = NAME.match(text)
    known = [s for s in ("net", "data", "train") if named and find(s, named.group()) is not None]
    if not known and named and find("evaluate", named.group()) is not None:
        return "evaluate"  # last: its corruptions have the names of augmentations
    if len(known) > 1:
        raise ArchError(
            f"factor `{factor.name}`: `{named.group() if named else text}` is a word of {' and of '.join(known)}",
            help=f"write `{known[0]} {text}` or `{known[1]} {text}`",
        )
    return known[0] if known else "net"


def hole_of(name: str, space: str, levels: tuple[str, ...]) -> ast.Hole:
    """The hole of these levels, as texts of a statement without its keyword; the empty one is absence."""
    choices: list[ast.Expr | None] = []
    for level in levels:
        if not level:
            choices.append(None)
            continue
        source = Source(f"factor {name}", f"{'net id' if space == 'net' else space} {level}")
        body = body_of(parse(source).items[0])
        if space == "net":  # what is behind `id`, to which a modifier may belong
            rest = body.items[1:] if isinstance(body, ast.Seq) else ()
            body = rest[0] if len(rest) == 1 else ast.Seq(rest, body.span)
        choices.append(body)
    return ast.Hole(name, "alternatives", tuple(choices), next(c for c in choices if c is not None).span)


def body_of(item: ast.Item) -> ast.Expr:
    """What a statement says."""
    assert isinstance(item, ast.Statement | ast.Let)
    return item.body


def key_of(space: str, item: ast.Expr) -> str:
    """The slot that a word of a statement fills, else its name; "" of what is no word."""
    word = hyphenated(item)
    entry = find(space, word.name) if isinstance(word, ast.Word) else None
    return "" if entry is None else entry.slot or entry.name


def keys_of(space: str, hole: ast.Hole) -> set[str]:
    """The slots, or names, of the words that the levels have."""
    return {key_of(space, part) for choice in hole.choices for part in parts(choice)} - {""}


def toggled(factor: Factor, hole: ast.Hole) -> tuple[type[ast.Modifier | ast.Word], set[str]]:
    """Whether the levels are modifiers or layers, and their names."""
    every = [part for choice in hole.choices for part in parts(choice)]
    modifiers = {p.name for p in every if isinstance(p, ast.Modifier)}
    words = {p.name for p in every if isinstance(p, ast.Word)}
    if modifiers and words:
        raise ArchError(
            f"factor `{factor.name}` mixes modifiers and layers",
            help=f"write holes named `{factor.name}` into the base",
        )
    return (ast.Modifier, modifiers) if modifiers else (ast.Word, words)


def network_nodes(file: ast.File) -> Iterator[Any]:
    """The nodes of the network and of the ``let``."""
    for item in file.items:
        if is_network(item):
            yield from walk(item)


def is_network(item: ast.Item) -> bool:
    """Whether a statement is of the network."""
    return isinstance(item, ast.Let) or (isinstance(item, ast.Statement) and item.kind in ("net", "bare"))
