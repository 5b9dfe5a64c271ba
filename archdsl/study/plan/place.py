"""Where a factor is in the base: in the place of what it toggles, or where it would be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl.errors import ArchError, Source, suggest
from archdsl.expand.holes import axes
from archdsl.expand.settings import hyphenated
from archdsl.registry import find
from archdsl.registry import names as every_name
from archdsl.study.plan.factors import NAME, SPACE, TOGETHER, Factor, parts
from archdsl.study.plan.levels import number
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.walk import rebuild, walk

HEAD = frozenset({"gap", "gmp", "flatten", "linear", "softmax", "global"})  # written at the end of many nets


def put(file: ast.File, factor: Factor) -> ast.File:
    """The base with the factor's hole in the place of what it toggles; where the base has nothing of it, in the place
    where it would be written.

    Raises:
        ArchError: no single place is right, or the levels belong to different statements.
        SpecError: a level does not parse.
    """
    if any(axis.name == factor.name for axis in axes(file)):
        raise ArchError(f"the base has a hole named `{factor.name}` already", help="give the factor another name")
    forms = _forms(factor)
    if len(forms) > 1:
        for form in forms:
            file = _form(file, form)
        return file
    lets = {i.name for i in file.items if isinstance(i, ast.Let) and i.params is None}
    if factor.name.startswith("let.") or (factor.name in lets and factor.numbers is not None):
        return _in_let(file, factor)
    if factor.name == "net":
        return _whole_net(file, factor)
    space, levels = _space(factor)
    hole = _hole(factor.name, space, levels)
    if space == "net":
        return _in_net(file, factor, hole)
    return _in_statement(file, space, hole)


def _forms(factor: Factor) -> list[Factor]:
    """A factor whose levels have several forms (``bn & +bn``) as one factor for each, all of one name."""
    split = [level.split(TOGETHER) for level in factor.levels]
    count = max(map(len, split))
    if any(len(parts) != count and parts != [""] for parts in split):
        raise ArchError(
            f"factor `{factor.name}`: its levels have different numbers of forms",
            help=f"each level but `none` has {count}, joined by `{TOGETHER.strip()}`",
        )
    return [Factor(factor.name, tuple(p[n].strip() if len(p) == count else "" for p in split)) for n in range(count)]


def _form(file: ast.File, form: Factor) -> ast.File:
    """One form: what is in the network exactly so becomes the hole."""
    space, levels = _space(form)
    hole = _hole(form.name, space, levels)
    first = hole.choices[0]

    def wanted(node: Any) -> bool:
        return type(node) is type(first) and node == first

    if space != "net" or not any(wanted(n) for item in file.items if _is_network(item) for n in walk(item)):
        raise ArchError(
            f"factor `{form.name}`: the base has no `{form.levels[0]}`",
            help="each form of its first level must occur in the network",
        )
    return _replaced(file, wanted, hole)


# -- reading levels ---------------------------------------------------------------------------------------


def _space(factor: Factor) -> tuple[str, tuple[str, ...]]:
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


def _hole(name: str, space: str, levels: tuple[str, ...]) -> ast.Hole:
    choices: list[ast.Expr | None] = []
    for level in levels:
        if not level:
            choices.append(None)
            continue
        source = Source(f"factor {name}", f"{'net id' if space == 'net' else space} {level}")
        body = _body(parse(source).items[0])
        if space == "net":  # what is behind `id`, to which a modifier may belong
            rest = body.items[1:] if isinstance(body, ast.Seq) else ()
            body = rest[0] if len(rest) == 1 else ast.Seq(rest, body.span)
        choices.append(body)
    return ast.Hole(name, "alternatives", tuple(choices), next(c for c in choices if c is not None).span)


def _body(item: ast.Item) -> ast.Expr:
    assert isinstance(item, ast.Statement | ast.Let)
    return item.body


# -- placing ----------------------------------------------------------------------------------------------


def _in_let(file: ast.File, factor: Factor) -> ast.File:
    name = factor.name.removeprefix("let.")
    lets = {i.name: i for i in file.items if isinstance(i, ast.Let) and i.params is None}
    if name not in lets:
        raise ArchError(f"factor `{factor.name}`: the base has no `let {name}`", help=suggest(name, lets))
    bodies = tuple(_body(parse(Source(f"factor {factor.name}", f"let x = {t}")).items[0]) for t in factor.levels if t)
    if len(bodies) < len(factor.levels):
        raise ArchError(f"factor `{factor.name}`: a `let` cannot be empty")
    return _swap(file, lets[name], ast.Hole(factor.name, "alternatives", bodies, bodies[0].span))


def _whole_net(file: ast.File, factor: Factor) -> ast.File:
    bodies = tuple(_body(parse(Source("factor net", f"net {t}")).items[0]) for t in factor.levels if t)
    if len(bodies) < len(factor.levels):
        raise ArchError("factor `net`: a network cannot be empty")
    return _swap(file, _net(file), ast.Hole("net", "alternatives", bodies, bodies[0].span))


def _net(file: ast.File) -> ast.Statement:
    for item in file.items:
        if isinstance(item, ast.Statement) and item.kind in ("net", "bare"):
            return item
    raise ArchError("the base has no network", help="write its `net …` line")


def _swap(file: ast.File, old: ast.Item, body: ast.Expr) -> ast.File:
    new = replace(old, body=body)  # type: ignore[arg-type]
    return replace(file, items=tuple(new if i is old else i for i in file.items))


def _key(space: str, item: ast.Expr) -> str:
    word = hyphenated(item)
    entry = find(space, word.name) if isinstance(word, ast.Word) else None
    return "" if entry is None else entry.slot or entry.name


def _in_statement(file: ast.File, space: str, hole: ast.Hole) -> ast.File:
    """In place of the words that the levels would replace; else behind the others."""
    keys = {_key(space, part) for choice in hole.choices for part in parts(choice)} - {""}
    old = next((i for i in file.items if isinstance(i, ast.Statement) and i.kind == space), None)
    if old is None:
        return replace(file, items=(*file.items, ast.Statement(space, hole, hole.span)))
    items: list[ast.Expr] = []
    for part in parts(old.body):
        if _key(space, part) not in keys:
            items.append(part)
        elif hole not in items:
            items.append(hole)
    if hole not in items:
        items.append(hole)
    return _swap(file, old, items[0] if len(items) == 1 else ast.Seq(tuple(items), old.body.span))


def _in_net(file: ast.File, factor: Factor, hole: ast.Hole) -> ast.File:
    toggled = [part for choice in hole.choices for part in parts(choice)]
    modifiers = {p.name for p in toggled if isinstance(p, ast.Modifier)}
    words = {p.name for p in toggled if isinstance(p, ast.Word)}
    if modifiers and words:
        raise ArchError(
            f"factor `{factor.name}` mixes modifiers and layers",
            help=f"write holes named `{factor.name}` into the base",
        )
    kind, names = (ast.Modifier, modifiers) if modifiers else (ast.Word, words)

    def wanted(node: Any) -> bool:
        return isinstance(node, kind) and node.name in names

    if any(wanted(n) for item in file.items if _is_network(item) for n in walk(item)):
        return _replaced(file, wanted, hole)
    net = _net(file)
    items = list(parts(net.body))
    at = _behind_family(factor, items, modifiers) if modifiers else _before_head(items)
    items.insert(at, hole)
    return _swap(file, net, ast.Seq(tuple(items), net.body.span))


def _replaced(file: ast.File, wanted: Callable[[Any], bool], hole: ast.Hole) -> ast.File:
    """Every such part of the network replaced by the hole; several next to each other by one."""

    def change(node: Any) -> Any:
        if wanted(node):
            return hole
        if isinstance(node, ast.Hole):  # of another factor
            return node
        new = rebuild(node, change)
        if isinstance(new, ast.Seq):
            kept = tuple(i for n, i in enumerate(new.items) if i is not hole or n == 0 or new.items[n - 1] is not hole)
            return ast.Seq(kept, new.span) if len(kept) != len(new.items) else new
        return new

    done = (rebuild(item, change) if _is_network(item) else item for item in file.items)
    return replace(file, items=tuple(done))


def _is_network(item: ast.Item) -> bool:
    return isinstance(item, ast.Let) or (isinstance(item, ast.Statement) and item.kind in ("net", "bare"))


def _behind_family(factor: Factor, items: list[ast.Expr], modifiers: set[str]) -> int:
    """Behind the one family of the net, and the modifiers that it has."""
    places = [n for n, item in enumerate(items) if _is_family(item)]
    if len(places) != 1:
        for name in sorted(modifiers):  # where a place is known, the checker says so with its place
            if find("modifier", name) is None:
                raise ArchError(
                    f"factor `{factor.name}`: unknown modifier `+{name}`",
                    help=suggest(name, every_name("modifier"), "+") or "`archdsl words modifiers`",
                )
        level = next(level for level in factor.levels if level)
        raise ArchError(
            f"factor `{factor.name}`: the base does not say where `{level}` belongs",
            help="put a hole there: {" + f"{factor.name}: {' | '.join(factor.levels)}" + "}",
        )
    at = places[0] + 1
    while at < len(items) and (isinstance(items[at], ast.Modifier) or _modifies(items[at])):
        at += 1
    return at


def _is_family(item: ast.Expr) -> bool:
    body = item.body if isinstance(item, ast.Label) else item
    if isinstance(body, ast.Binary | ast.Group):
        return False
    entry = find("net", body.name) if isinstance(body, ast.Word) else None
    return entry is not None and entry.kind == "family"


def _modifies(item: ast.Expr) -> bool:
    """Whether a hole holds modifiers."""
    if not isinstance(item, ast.Hole):
        return False
    return any(isinstance(part, ast.Modifier) for choice in item.choices for part in parts(choice))


def _before_head(items: list[ast.Expr]) -> int:
    at = len(items)
    while at > 1 and isinstance(items[at - 1], ast.Word) and items[at - 1].name in HEAD:  # type: ignore[union-attr]
        at -= 1
    return at
