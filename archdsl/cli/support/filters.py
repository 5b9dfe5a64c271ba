"""``--where`` and ``--sort`` of lists: comparisons joined by `and`, over plain values. Nothing is evaluated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from archdsl.errors import ArchError, suggest

Test = Callable[[Mapping[str, Any]], bool]
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "==": operator.eq, "<": operator.lt, ">": operator.gt,
    "=": operator.eq,
}  # fmt: skip
EXAMPLE = "write for example --where 'test_accuracy > 90% and status = finished'"
LONGEST = 2000
_TOKEN = re.compile(r"""\s*(?:(<=|>=|!=|==|<|>|=)|"([^"]*)"|'([^']*)'|([^\s<>=!"']+))""")


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
    known, tokens, tests = set(names), _tokens(text), []
    while True:
        if tokens and tokens[0][1] in (renamed or {}):
            tokens[0] = ("word", (renamed or {})[tokens[0][1]])
        tests.append(_comparison(tokens[:3], known, values or {}))
        rest = tokens[3:]
        if not rest:
            return lambda row: all(test(row) for test in tests)
        if rest[0] != ("word", "and"):
            raise ArchError(f"--where has `{rest[0][1]}` where `and` or its end should be",
                            help=f"only `and` joins comparisons; quotes hold several words together; {EXAMPLE}")  # fmt: skip
        tokens = rest[1:]


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ArchError(f"--where cannot be read at `{text[place:].strip()[:40]}`", help=EXAMPLE)
        sign, double, single, word = match.groups()
        quoted = double if double is not None else single
        found.append(("sign", sign) if sign else ("word", word) if word else ("text", quoted))
        place = match.end()
    return found


def _comparison(tokens: Sequence[tuple[str, str]], known: set[str], values: Mapping[str, Sequence[str]]) -> Test:
    kinds = [kind for kind, _ in tokens]
    if len(tokens) < 3 or kinds[:2] != ["word", "sign"] or kinds[2] == "sign":
        shown = " ".join(text for _, text in tokens)
        raise ArchError(f"--where has `{shown}`, which is no comparison" if shown else "--where lacks a comparison",
                        help=EXAMPLE)  # fmt: skip
    (_, name), (_, sign), (kind, value) = tokens
    check_name(name, known, "--where")
    own = values.get(name)
    if own is not None and sign in ("=", "==", "!=") and "*" not in value and value not in (*own, "none"):
        raise ArchError(f"--where: no row can have {name} = {value[:60]}",
                        help=suggest(value[:60], own) or f"{name} is one of {', '.join(own)}")  # fmt: skip
    number = _number(value) if kind == "word" else None
    return lambda row: _holds(name, row.get(name), sign, value, number)


def _holds(name: str, own: Any, sign: str, value: str, number: float | None) -> bool:
    compare = SIGNS[sign]
    if value == "none" and sign in ("=", "==", "!="):
        return compare(own is None, True)
    if own is None:
        return False
    if isinstance(own, bool):
        own = "true" if own else "false"
    if isinstance(own, int | float):
        if number is None:
            raise ArchError(f"--where: {name} is a number, and `{value}` is none", help=EXAMPLE)
        return compare(own, number)
    if "*" in value and sign in ("=", "==", "!="):
        return compare(fnmatchcase(str(own), value), True)
    return compare(str(own), value)


def _number(text: str) -> float | None:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?%?", text, re.ASCII | re.IGNORECASE):
        return None
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def check_name(name: str, known: Iterable[str], option: str) -> None:
    """Raises ArchError if no row has a value of this name."""
    if name not in (names := set(known)):
        some = ", ".join(sorted(n for n in names if "." not in n))
        raise ArchError(f"{option}: there is no column `{name[:60]}`",
                        help=suggest(name[:60], names) or f"there are {some}, and settings such as train.batch")  # fmt: skip


def ordered(rows: Iterable[Mapping[str, Any]], name: str) -> list[int]:
    """The places of the rows, sorted by a value, ``-test_accuracy`` from the highest; rows without it come last."""
    key, found = name.removeprefix("-"), list(rows)
    have = [n for n, row in enumerate(found) if row.get(key) is not None]
    numbers = all(isinstance(found[n][key], int | float) for n in have)
    have.sort(key=lambda n: found[n][key] if numbers else str(found[n][key]), reverse=name.startswith("-"))
    return have + [n for n, row in enumerate(found) if row.get(key) is None]
