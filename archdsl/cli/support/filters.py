"""``--where`` and ``--sort`` of lists, over plain values. Nothing is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from archdsl.conditions import EQUALITY, SIGNS, condition, number
from archdsl.errors import ArchError, suggest

Test = Callable[[Mapping[str, Any]], bool]
EXAMPLE = "write for example --where 'test_accuracy > 90% and status = finished'"
LONGEST = 2000


def parse_where(
    text: str,
    names: Iterable[str],
    renamed: Mapping[str, str] | None = None,
    values: Mapping[str, Sequence[str]] | None = None,
) -> Test:
    """A test of a row from a text such as ``test_accuracy > 90% and status = finished``.

    A text with ``*`` is a pattern; ``none`` is a setting that is not set. A row without the value fails the
    comparison, whatever it is.

    Args:
        renamed: names that columns had once, and what they are called now.
        values: all that a column can have, by its name.

    Raises:
        ArchError: that is no such text, or it names something that no row has.
    """
    if len(text) > LONGEST:
        raise ArchError(f"--where has {len(text):,} characters, and {LONGEST:,} are the most", help=EXAMPLE)
    return condition(text, _Columns(frozenset(names), renamed or {}, values or {}), "--where", EXAMPLE)


@dataclass(frozen=True, slots=True)
class _Columns:
    names: frozenset[str]
    renamed: Mapping[str, str]
    values: Mapping[str, Sequence[str]]

    def compared(self, name: str, sign: str, value: str, quoted: bool) -> Test:
        name = self.renamed.get(name, name)
        check_name(name, self.names, "--where")
        own = self.values.get(name)
        if own is not None and sign in EQUALITY and "*" not in value and value not in (*own, "none"):
            raise ArchError(
                f"--where: `{name} {sign} {value[:60]}` compares with a {name} that no row can have",
                help=suggest(value[:60], own) or f"{name} is one of {', '.join(own)}",
            )
        bound = None if quoted else number(value)
        return lambda row: _holds(name, row.get(name), sign, value, bound)

    def alone(self, name: str) -> Test:
        name = self.renamed.get(name, name)
        check_name(name, self.names, "--where")
        raise ArchError(f"--where compares `{name}` with nothing", help=EXAMPLE)


def _holds(name: str, own: Any, sign: str, value: str, bound: float | None) -> bool:
    compare = SIGNS[sign]
    if value == "none" and sign in EQUALITY:
        return compare(own is None, True)
    if own is None:
        return False
    if isinstance(own, bool):
        own = "true" if own else "false"
    if isinstance(own, int | float):
        if bound is None:
            raise ArchError(f"--where: {name} is a number, and `{value}` is none", help=EXAMPLE)
        return compare(own, bound)
    if "*" in value and sign in EQUALITY:
        return compare(fnmatchcase(str(own), value), True)
    return compare(str(own), value)


def check_name(name: str, known: Iterable[str], option: str) -> None:
    """Raises ArchError if no row has a value of this name."""
    if name not in (names := set(known)):
        some = ", ".join(sorted(n for n in names if "." not in n))
        raise ArchError(
            f"{option}: unknown column `{name[:60]}`",
            help=suggest(name[:60], names) or f"there are {some}, and settings such as train.batch",
        )


def ordered(rows: Iterable[Mapping[str, Any]], name: str) -> list[int]:
    """The places of the rows, sorted by a value, ``-test_accuracy`` from the highest; rows without it come last."""
    key, found = name.removeprefix("-"), list(rows)
    have = [n for n, row in enumerate(found) if row.get(key) is not None]
    numbers = all(isinstance(found[n][key], int | float) for n in have)
    have.sort(key=lambda n: found[n][key] if numbers else str(found[n][key]), reverse=name.startswith("-"))
    return have + [n for n, row in enumerate(found) if row.get(key) is None]
