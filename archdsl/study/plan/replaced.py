"""What the base has where a factor's hole goes: what `--with` replaces, and where the reference is not the base file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from archdsl.api import whole
from archdsl.errors import ArchError, Source
from archdsl.registry import find
from archdsl.study.plan.factors import SPACE, Factor, added, parts
from archdsl.study.plan.toggle import forms, hole_of, key_of, keys_of, network_nodes, space_of, toggled
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse


def held(file: ast.File, factor: Factor) -> tuple[str, ...] | None:
    """What the base has in the places that the factor's hole would take, each text once. None for a factor of a ``let``, of
    the whole network, or of a word that its name gives (``train.epochs``): it says itself what it replaces.
    """
    if "." in factor.name or factor.name == "net" or len(forms(factor)) > 1:
        return None
    lets = {i.name for i in file.items if isinstance(i, ast.Let) and i.params is None}
    if factor.name in lets and factor.numbers is not None:
        return None
    space, levels = space_of(factor)
    hole = hole_of(factor.name, space, levels)
    if space != "net":
        old = next((i for i in file.items if isinstance(i, ast.Statement) and i.kind == space), None)
        keys = keys_of(space, hole)
        taken = [unparse(part) for part in parts(old.body) if key_of(space, part) in keys] if old is not None else []
        return (" ".join(taken),) if taken else ()
    kind, names = toggled(factor, hole)
    return tuple(dict.fromkeys(unparse(n) for n in network_nodes(file) if isinstance(n, kind) and n.name in names))


def changed(file: ast.File, factor: Factor) -> str:
    """What is to be said where the reference arm has something else than the base file; "" where it has the same or only more, or
    the factor says itself what it replaces.
    """
    first, texts = SPACE.sub("", factor.levels[0]), held(file, factor)
    if not texts or first in texts:
        return ""
    here = " and ".join(f"`{text}`" for text in texts)
    instead = f"`{first}`" if first else "none"
    return f"factor `{factor.shown}`: the base file has {here}, and the reference arm has {instead}, its first level"


def unlike(given: Iterable[tuple[str, Source, ast.File]], reference: str, changes: Sequence[str]) -> Sequence[str]:
    """The changes, unless the reference arm, by its hash, is one of the bases all the same."""
    with suppress(ArchError):  # a base may not be an experiment by itself
        return () if changes and any(whole(source, file).hash == reference for _, source, file in given) else changes
    return changes


def check_set(file: ast.File, factors: Sequence[Factor], given: Sequence[str]) -> ast.File:
    """The base; a setting that a factor would replace in every arm is refused.

    Args:
        file: the base with the settings.

    Raises:
        ArchError: it names both.
    """
    for text in given:
        path, _, value = (part.strip() for part in text.partition("="))
        space, _, word = path.partition(".")
        entry = find(space, word) if space in ast.SETTINGS and word else None
        for factor in factors:
            own = factor.name in (path, word) if space == "let" else factor.name == path
            lost = own and value != factor.levels[0]
            if entry is not None and not own and (texts := held(file, factor)) is not None:
                where, levels = space_of(factor)
                keys = keys_of(space, hole_of(factor.name, where, levels)) if where == space else set()
                lost = (entry.slot or entry.name) in keys and SPACE.sub("", factor.levels[0]) not in texts
            if lost:
                raise ArchError(
                    f"`{text}` is set, and the factor `{factor.shown}` has its own levels for it",
                    help="leave one of them out: each arm has the level of its factor",
                )
    return file


def into(file: ast.File, text: str) -> Factor:
    """The factor of ``--with``. Its level 0 is the base as it is: without the word, or with what the word replaces.

    Raises:
        ArchError: nothing says which of several it replaces.
    """
    factor = added(text)
    old = held(file, factor)
    if old and len(old) > 1:
        here = " and ".join(f"`{one}`" for one in old)
        raise ArchError(
            f"`--with {text}`: the base has {here}, and nothing says which of them it replaces",
            help="put a hole there: {" + f"{old[0]} | {text.strip()}" + "}",
        )
    if not old:
        return factor
    said = SPACE.match(text.strip())
    return replace(factor, levels=(f"{said.group(1)} {old[0]}" if said else old[0], factor.levels[1]))
