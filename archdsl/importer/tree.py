"""The tree of a spec in the making: what its text will say, before it is text. Passes rewrite it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from archdsl.registry import find, params


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the arguments that are not its defaults, in the order of its signature; a value may be items, or a
    ``Var``. ``stages`` is a family's list as text. ``label``: what `again` calls it, where it is used once more.
    ``cin``: the channels that arrive."""

    name: str
    args: tuple[tuple[str, Any], ...] = ()
    stages: str = ""
    label: str = ""
    cin: int = field(default=0, compare=False)

    def get(self, name: str, default: Any = None) -> Any:
        return dict(self.args).get(name, default)

    def full(self) -> dict[str, Any]:
        """All arguments in the order of the signature, defaults filled in."""
        entry = find("net", self.name)
        return {**({p.name: p.default for p in params(entry)} if entry else {}), **dict(self.args)}

    def without(self, *names: str) -> Word:
        return replace(self, args=tuple((n, v) for n, v in self.args if n not in names))


@dataclass(frozen=True, slots=True)
class Fan:
    """Branches that meet in ``join``, with the arguments that are not its defaults."""

    join: str
    branches: tuple[Items, ...]
    cin: int = field(default=0, compare=False)
    args: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """``(body)*count``, or ``body*count``; the count may be a formula."""

    body: Items
    count: Any

    @property
    def cin(self) -> int:
        return first_cin(self.body)


@dataclass(frozen=True, slots=True)
class Group:
    """``(body) +modifier…``."""

    body: Items
    modifiers: tuple[str, ...]

    @property
    def cin(self) -> int:
        return first_cin(self.body)


@dataclass(frozen=True, slots=True)
class Mark:
    """``as name``."""

    name: str
    cin: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """``@name``."""

    name: str
    cin: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Labelled:
    """``name: (body)``."""

    name: str
    body: Items

    @property
    def cin(self) -> int:
        return first_cin(self.body)


@dataclass(frozen=True, slots=True)
class Again:
    """``again(name)``."""

    name: str
    cin: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Var:
    """A formula over the parameters of a let: ``4*c``."""

    text: str


@dataclass(frozen=True, slots=True)
class Let:
    """``let name(params) = body``; a parameter has a default or None."""

    name: str
    params: tuple[tuple[str, Any], ...]
    body: Items


@dataclass(frozen=True, slots=True)
class Net:
    """Lets, and the network."""

    items: Items
    lets: tuple[Let, ...] = ()


Item: TypeAlias = Word | Fan | Times | Group | Labelled | Again | Mark | Ref
Items: TypeAlias = tuple[Item, ...]


def word(name: str, cin: int = 0, **args: Any) -> Word:
    """A word with those of the arguments that are not defaults, in the order of the signature."""
    entry = find("net", name)
    assert entry is not None
    given = [
        (p.name, args[p.name])
        for p in params(entry)
        if p.name in args and not (type(args[p.name]) is type(p.default) and args[p.name] == p.default)
    ]
    return Word(name, tuple(given), cin=cin)


def first_cin(items: Items) -> int:
    """The channels that arrive at a sequence."""
    return next((i.cin for i in items if i.cin), 0)


def inside(item: Item, change: Callable[[Items], Items]) -> Item:
    """The item with ``change`` applied to each sequence directly inside."""
    match item:
        case Word(args=args):
            return replace(item, args=tuple((n, change(v) if is_items(v) else v) for n, v in args))
        case Fan(branches=branches):
            return replace(item, branches=tuple(change(b) for b in branches))
        case Times(body=body) | Group(body=body) | Labelled(body=body):
            return replace(item, body=change(body))
        case _:
            return item


def is_items(value: Any) -> bool:
    """Whether an argument is a network."""
    return isinstance(value, tuple) and bool(value) and all(isinstance(v, Item) for v in value)


def everywhere(items: Items, change: Callable[[Items], Items]) -> Items:
    """``change`` applied to every sequence, the innermost first."""
    return change(tuple(inside(i, lambda inner: everywhere(inner, change)) for i in items))


def every(items: Items) -> list[Item]:
    """Every item, in order within its sequence, gates left closed."""
    found: list[Item] = []

    def look(inner: Items) -> Items:
        found.extend(inner)
        return inner

    everywhere(items, look)
    return found


def with_net(net: Net, change: Callable[[Items], Items]) -> Net:
    """``change`` applied to every sequence of a network and of its lets."""
    lets = tuple(replace(let, body=everywhere(let.body, change)) for let in net.lets)
    return Net(everywhere(net.items, change), lets)
