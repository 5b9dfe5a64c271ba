"""What `archdsl words` is asked for: kinds of words, and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.registry import Entry

# What may be asked for, and the kinds of words in it.
SPACES: dict[str, tuple[str, ...]] = {
    "net": ("op", "block", "late", "join", "family"),
    "layers": ("op", "late"),
    "ops": ("op", "late"),
    "blocks": ("block",),
    "joins": ("join",),
    "families": ("family",),
    "modifiers": ("modifier",),
    "data": ("data",),
    "train": ("train",),
    "metrics": ("metric",),
    "evaluate": ("evaluation",),
    "proxies": ("proxy",),
}
RANKS = {
    "modifier": 1,
    "evaluation": 2,
    "metric": 3,
    "proxy": 4,
}  # of the words of one name: what most people mean comes first


def one_of(names: list[str]) -> str | None:
    """The one kind or word that is asked for.

    Raises:
        ArchError: there are several.
    """
    from archdsl.errors import ArchError

    if len(names) > 1:
        raise ArchError(
            f"`archdsl words` explains one word, and {len(names)} are given", help="`--check` takes several"
        )
    return names[0] if names else None


def named(names: list[str]) -> list[Entry]:
    """The words of these kinds and names, each once; without any of them all words."""
    from archdsl.registry import entries

    every = [entry for entry in entries() if not entry.alias]
    if not names:
        return every
    found: dict[Entry, None] = {}
    for name in names:
        kinds = kinds_of(name)
        found |= dict.fromkeys(matching(name) if kinds is None else (e for e in every if e.kind in kinds))
    return list(found)


def kinds_of(what: str | None) -> tuple[str, ...] | None:
    """The kinds that a name stands for; singular and plural both serve."""
    if what is None:
        return None
    name = what.lower()
    return SPACES.get(name) or SPACES.get(name + "s") or SPACES.get(name.removesuffix("y") + "ies")


def matching(what: str) -> list[Entry]:
    """The words of a name, in all name spaces; with a sign, the modifier.

    Raises:
        ArchError: there is none.
    """
    from archdsl.errors import ArchError, suggest
    from archdsl.expand.metrics import entry_of
    from archdsl.registry import entries
    from archdsl.registry.synonyms import ours, synonym

    name, modifier = what.lstrip("+-"), what[:1] in ("+", "-")
    found = [e for e in entries() if e.name == name and (not modifier or e.kind == "modifier")]
    if not found and (metric := entry_of(name)) is not None:
        return [metric]
    if not found:
        known = {e.name for e in entries()}
        if word := ours(name, known):
            return sorted((e for e in entries() if e.name == word), key=lambda e: RANKS.get(e.kind, 0))
        near = synonym(name, known) or suggest(name, known | set(SPACES))
        raise ArchError(f"there is no word `{what}`", help=near or "`archdsl words` lists all")
    return sorted(found, key=lambda e: e.kind == "metric")
