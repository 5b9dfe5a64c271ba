"""Conditions on arms: `params < 1M`, `not (bn and ln)`, `norm = +bn or macs <= 40M`.

A bare name holds where that factor's level is not its absence, or where the arm has that ingredient at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl import conditions
from archdsl.conditions import EQUALITY, SIGNS, number, shown
from archdsl.errors import ArchError, suggest
from archdsl.registry import names
from archdsl.syntax import ast
from archdsl.syntax.walk import walk

EXAMPLE = "write for example params<1M, or not (bn and ln)"
Test = Callable[[Mapping[str, Any], Mapping[str, str], frozenset[str]], bool]
SPACES = ("net", "modifier", *ast.SETTINGS)


def condition(
    text: str,
    totals: tuple[str, ...],
    factors: Mapping[str, tuple[str, ...]] | None = None,
    option: str = "where",
    words: Collection[str] = (),
) -> Test:
    """A test of an arm: of its totals by name, its levels by factor, and the words that it has.

    Args:
        totals: names that are compared with numbers, such as ``params``.
        factors: names that are compared with levels, or stand alone, each with its levels.
        words: names that may stand alone beside factors and the words of the vocabulary, such as lets of the text.

    Raises:
        ArchError: no condition, or a name that nothing has.
    """
    return conditions.condition(text, _Arms(totals, factors or {}, words, shown(option, text)), option, EXAMPLE)


@dataclass(frozen=True, slots=True)
class _Arms:
    totals: tuple[str, ...]
    factors: Mapping[str, tuple[str, ...]]
    words: Collection[str]
    shown: str

    def compared(self, name: str, sign: str, value: str, quoted: bool) -> Test:
        compare = SIGNS[sign]
        if name.lower() in self.totals:
            bound, key = None if value.endswith("%") else number(value), name.lower()
            if bound is None:
                raise ArchError(f"{self.shown}: {name} is a number, and `{value}` is none", help=EXAMPLE)
            return lambda t, c, w: compare(t[key], bound)
        if name in self.factors:
            if sign not in EQUALITY:
                raise ArchError(f"{self.shown}: levels of `{name}` have no order", help=f"write {name} = {value}")
            wanted = "" if value == "none" else value
            levels = self.factors[name]
            if wanted not in levels:
                all_levels = ", ".join(f"`{level or 'none'}`" for level in levels)
                raise ArchError(
                    f"{self.shown}: the factor `{name}` has no level `{value}`",
                    help=suggest(wanted, [n for n in levels if n]) or f"its levels are {all_levels}",
                )
            return lambda t, c, w: compare(c.get(name, ""), wanted)
        columns = (*self.totals, *self.factors)
        raise ArchError(
            f"{self.shown}: unknown column `{name}`", help=suggest(name, columns) or "columns: " + ", ".join(columns)
        )

    def alone(self, name: str) -> Test:
        if name in self.factors:
            return lambda t, c, w: c.get(name, "") != ""
        if name.lower() in self.totals:
            raise ArchError(f"{self.shown} compares {name} with nothing", help=f"write for example {name}<1M")
        word = name.lstrip("+")
        known = {*self.words, *(n for space in SPACES for n in names(space))}
        if word not in known:
            if word.lstrip("−-") in (*known, *self.factors):
                raise ArchError(
                    f"{self.shown}: `{name}` is the name of a change, not of an ingredient",
                    help=f"write `not {word.lstrip('−-')}`",
                )
            raise ArchError(
                f"{self.shown}: unknown factor or word `{name}`",
                help=suggest(word, (*known, *self.factors)) or "name a factor or a word",
            )
        return lambda t, c, w: word in w


def words_of(file: ast.File) -> frozenset[str]:
    """The words and modifiers that a spec has."""
    return frozenset(n.name for n in walk(file) if isinstance(n, ast.Word | ast.Modifier))
