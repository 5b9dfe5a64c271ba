"""The classes of a table: from the cells of its target column to names, each class under one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from archdsl.errors import EnvError
from archdsl.words.data import cells as c

Kind = Literal["numbers", "booleans", "texts"]


@dataclass(frozen=True, slots=True)
class Classes:
    """The names of the classes, sorted; how many rows each has; and what is to be said about them."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    notes: tuple[str, ...] = ()


class Names:
    """Finds the class that a cell names among known ones: ``1``, ``1.0`` and ``1e0`` name one class where all classes are
    whole numbers, ``true`` and ``True`` where all are truth values, and texts name themselves.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.kind = tuple(names), kind_of(names)
        self._places = {name_of(name, self.kind): place for place, name in enumerate(names)}

    @property
    def distinct(self) -> bool:
        """Whether no two of the names are one class."""
        return len(self._places) == len(self.names)

    def find(self, cell: str) -> int | None:
        """The place of the class that a cell names; None for another."""
        return self._places.get(name_of(cell, self.kind))


def kind_of(names: Iterable[str]) -> Kind:
    """How cells are compared with these names."""
    texts = list(names)
    if all(c.whole(n) is not None and not c.has_leading_zero(n) for n in texts):
        return "numbers"
    return "booleans" if all(map(c.is_boolean, texts)) else "texts"


def name_of(cell: str, kind: Kind) -> str:
    """The one spelling of a class: ``1`` for 1.0, ``True`` for TRUE. A code with leading zeros keeps them."""
    if kind == "numbers" and not c.has_leading_zero(cell) and (value := c.whole(cell)) is not None:
        return str(value)
    return cell.capitalize() if kind == "booleans" and c.is_boolean(cell) else cell


def classes_of(cells: Sequence[str], path: object, target: str) -> Classes:
    """The classes in the cells of the target column, without spaces at their ends: sorted as numbers where all are whole,
    else as texts.

    Raises:
        EnvError: a missing value, numbers that are not whole, one class under two spellings, less than two classes.
    """
    counts = Counter(cells)
    check_labels(cells, counts, path, target)
    if counts:
        _check_spellings(counts, path, target)
    kind = kind_of(counts)
    if kind == "texts" and all(c.is_number(t) or c.is_infinite(t) for t in counts):
        _check_codes(counts, path, target)
    named: Counter[str] = Counter()
    for text, count in counts.items():
        named[name_of(text, kind)] += count
    if len(named) < 2:
        held = f"one class ({c.shown(*named)})" if named else "no row"
        raise EnvError(
            f"{path} has {held} in its column `{target}`, at least two classes are needed",
            help="`target` names another column",
        )
    codes = all(t.isdecimal() or c.whole(t) is not None for t in named)
    names = tuple(sorted(named, key=lambda t: (int(t), t) if codes else (0, t)))
    return Classes(names, tuple(named[n] for n in names), _notes(names, target))


def check_labels(cells: Sequence[str], labels: Iterable[str], path: object, target: str) -> None:
    """Refuse a cell of the target that is a missing value."""
    missing = {text for text in labels if c.is_missing(text)}
    if missing:
        row = next(n for n, cell in enumerate(cells) if cell in missing)
        why = f" ({c.shown(cells[row])} is a missing value)" if cells[row] else ""
        raise c.at(
            path, row, target, f"no class{why}", "complete or remove the row; a class of that name needs another one"
        )


def _check_spellings(labels: Iterable[str], path: object, target: str) -> None:
    """Refuse two spellings of one thing as two classes, where the whole column does not say which is meant."""
    texts, seen = sorted(labels), dict[object, str]()
    numeric = kind_of(texts) == "numbers"
    for text in texts:
        plain = c.spelled(text)
        other = seen.setdefault(c.value(plain), text)
        if other != text and not numeric:
            raise EnvError(
                f"the column `{target}` of {path} has {c.shown(other)} and {c.shown(text)}, spellings of one class",
                help="write each class in one way; codes such as 007 need as many digits in every row",
            )


def _check_codes(labels: Iterable[str], path: object, target: str) -> None:
    """Of a column of numbers that are not plain whole numbers, let only codes with leading zeros pass."""
    texts = sorted(labels)
    wrong = next((t for t in texts if c.whole(t) is None), None)
    if wrong is not None:
        raise EnvError(
            f"the column `{target}` of {path} holds numbers such as {wrong[:20]}, not classes",
            help="to predict the number, write `task=regression`; for classes name a column with texts or whole numbers",
        )
    width = min(map(len, texts))
    odd = next((t for t in texts if not t.isdecimal() or (len(t) > width and t.startswith("0"))), None)
    if odd is not None:
        pair = " and ".join(c.shown(t) for t in (odd, *[t for t in texts if t != odd][:1]))
        raise EnvError(
            f"the column `{target}` of {path} has classes with leading zeros and others without, such as {pair}",
            help="write numbers without leading zeros, or codes with equally many digits",
        )


def _notes(names: Sequence[str], target: str) -> tuple[str, ...]:
    """Classes that differ in nothing but capitals are taken as they are, and said."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            pair = f"{c.shown(other)} and {c.shown(name)}"
            return (f"warning: the classes {pair} of `{target}` differ in capitals alone",)
    return ()
