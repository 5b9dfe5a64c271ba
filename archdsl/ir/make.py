"""From a word and its bound arguments to a node; shared by the expander and by words that are made of words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError
from archdsl.ir.nodes import NODES, Fan, Node, Op, Seq
from archdsl.ir.symbol import HERE, Symbol
from archdsl.registry import Entry, carry, defaults, find, params, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archdsl.errors import Span


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a family: its width, its depth, and the family's arguments with the stage's own on top."""

    width: int
    depth: int
    settings: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.settings[name]
        except KeyError:
            raise AttributeError(name) from None


def node_of(entry: Entry, args: tuple[Any, ...], span: Span | None = None, label: str = "") -> Node:
    """The node of a word that takes no stages: an Op, or what a composite unfolds to."""
    if entry.kind in ("op", "late", "join"):
        dynamic = False
        for value in args:
            if isinstance(value, Symbol):
                dynamic = True
        return Op(entry, args, label, span, dynamic)
    made = node_made(entry, *args)
    if isinstance(made, Seq) and made.scope is None:
        return replace(made, name=made.name or entry.name, label=label, scope=HERE, call=entry.name, span=span)
    if isinstance(made, Fan):
        return replace(made, name=made.name or entry.name, label=label, span=span)
    return Seq((made,), name=entry.name, label=label, scope=HERE, call=entry.name, span=span)


def node_made(entry: Entry, *args: Any) -> Node:
    """The node that a word gives.

    Raises:
        WordFault: it fails, or gives something else.
    """
    made = carry(entry, entry.make, *args)
    if not isinstance(made, NODES):
        raise wrong(entry, entry.make, made)
    return made


class Words:
    """The net words as Python functions, for words that are made of words: ``o.conv(64, 3, s=2)`` is a node."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        entry = find("net", name.rstrip("_"))
        if entry is None:
            raise AttributeError(f"there is no word `{name}`")

        def make(*given: Any, **named: Any) -> Node:
            try:
                args = bound(entry, given, named)
            except ArchError as error:  # a fault of the word that calls it
                raise TypeError(error.message) from error
            return node_of(entry, args)

        return make


def bound(entry: Entry, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Python arguments in the order of the signature, defaults filled in.

    Raises:
        ArchError: one is missing, or the word has none of that name.
    """
    if not given and not named and (alone := defaults(entry)) is not None:
        return alone
    values = list(given)
    known = params(entry)
    for parameter in known[len(given) :]:
        value = named.pop(parameter.name, parameter.default)
        if value is not parameter.default or not parameter.required:
            values.append(value)
        else:
            raise ArchError(f"`{entry.name}` needs `{parameter.name}`")
    if named or len(given) > len(known):
        raise ArchError(f"`{entry.name}` has no argument {', '.join(named) or 'more'}")
    return tuple(values)


o = Words()


def seq(*items: Node | None, role: str = "", name: str = "", pre: bool = False) -> Seq:
    """A sequence; None is left out."""
    for item in items:
        if item is not None and not isinstance(item, NODES):
            raise TypeError(f"seq takes nodes, not {item!r:.60}")
    return Seq(tuple(i for i in items if i is not None), role=role, name=name, pre=pre)


def fan(join: str, *branches: Node, role: str = "", name: str = "") -> Fan:
    """Branches that meet in a join without arguments."""
    return Fan(o.__getattr__(join)(), branches, role=role, name=name)
