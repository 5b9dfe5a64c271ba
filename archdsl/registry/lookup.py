"""The table of words, and the door for words of other packages (the entry point group ``archdsl.words``)."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.foreign import prepare

if TYPE_CHECKING:
    from archdsl.registry.entry import Entry, Kind

# Words of a network (op, block, join, family), modifiers, words of data, of training and of evaluation, metrics and zero-cost
# proxies live in seven name spaces: `cutout` is a layer and an augmentation, `seconds` could be a limit and a metric.
SPACES: dict[Kind, str] = {
    "op": "net",
    "block": "net",
    "late": "net",
    "join": "net",
    "family": "net",
    "modifier": "modifier",
    "data": "data",
    "train": "train",
    "metric": "metric",
    "evaluation": "evaluate",
    "proxy": "proxy",
}
_TABLE: dict[tuple[str, str], Entry] = {}


def register(entry: Entry) -> None:
    """Add a word.

    Raises:
        ArchError: the name is taken.
    """
    key = (SPACES[entry.kind], entry.name)
    before = _TABLE.get(key)
    if before is not None and not _again(before, entry):
        raise ArchError(
            f"the word `{entry.name}` of {_origin(entry)} is already taken by {_origin(before)}",
            help="give it another name",
        )
    _TABLE[key] = entry


def _again(before: Entry, entry: Entry) -> bool:
    """Whether two entries are one word, whose module is loaded again or whose cell of a notebook is run again."""
    old, new = before.place, entry.place
    if any(getattr(before.make, part) != getattr(entry.make, part) for part in ("__module__", "__qualname__")):
        return False
    return old is None or new is None or old.load is not new.load or old.file != new.file or old.line == new.line


def _origin(entry: Entry) -> str:
    line = f", line {entry.place.line}" if entry.place is not None else ""
    return f"{entry.make.__module__} (`{entry.make.__qualname__}`{line})"


APART = {  # no network needs them
    "metric": "archdsl.words.metrics",
    "evaluate": "archdsl.words.evaluation",
    "proxy": "archdsl.words.proxies",
}


@lru_cache(maxsize=len(APART) + 1)
def _own(module: str = "archdsl.words") -> None:
    importlib.import_module(module)


@lru_cache(maxsize=1)
def load_packages() -> None:
    """Load the words, and the formats of tables, of other packages.

    Raises:
        ArchError: one of them does not load.
    """
    from importlib.metadata import entry_points  # slow, so only for words that are not ours

    prepare()
    for point in entry_points(group="archdsl.words"):
        try:
            point.load()
        except ArchError:
            raise
        except Exception as error:  # somebody else's code
            raise ArchError(
                f"the words of `{point.value}` do not load: {error}",
                help="repair or uninstall that package",
                exit_code=4,
            ) from error


def find(space: str, name: str) -> Entry | None:
    """The word of that name in a name space (``net``, ``modifier``, ``data``, ``train``, ``evaluate``, ``metric``,
    ``proxy``), or None."""
    entry = find_own(space, name)
    if entry is None:
        load_packages()
        entry = _TABLE.get((space, name))
    return entry


def find_own(space: str, name: str) -> Entry | None:
    """As ``find``, of the words that are known without a look at other packages."""
    _own(APART[space]) if space in APART else _own()
    return _TABLE.get((space, name))


def entry_of(make: object) -> Entry | None:
    """The word that a class or function makes, of those that are registered; None where there is none."""
    return next((entry for entry in _TABLE.values() if entry.make is make), None)


def own_names(trait: str) -> tuple[str, ...]:
    """The layers of this package that have a trait, in the order in which they are defined: what messages list. Words of
    other packages that have it are as good, and are found by ``find``.
    """
    _own()
    mine = (e for (s, _), e in _TABLE.items() if s == "net" and trait in e.traits)
    return tuple(e.name for e in mine if e.make.__module__.startswith("archdsl."))


def entries(space: str | None = None) -> list[Entry]:
    """All words, sorted by kind and name."""
    if space not in APART:
        _own()
    for apart, module in APART.items():
        if space in (None, apart):
            _own(module)
    load_packages()
    found = (e for (s, _), e in list(_TABLE.items()) if space in (None, s))
    return sorted(found, key=lambda e: (e.kind, e.name))


def names(space: str) -> list[str]:
    """The names of a name space, for suggestions."""
    return [e.name for e in entries(space)]
