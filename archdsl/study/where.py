"""Conditions on arms: `params < 1M`, `not (bn and ln)`, `norm = +bn or macs <= 40M`.

A bare name holds where that factor's level is not its absence, or where the arm has that ingredient at all.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from archdsl.errors import ArchError, suggest
from archdsl.limits import Limits
from archdsl.registry import names
from archdsl.syntax import ast
from archdsl.syntax.walk import walk

SHOWN = 200  # characters of a condition in a message
Test = Callable[[Mapping[str, Any], Mapping[str, str], frozenset[str]], bool]
_TOKEN = re.compile(r"\s*(?:(<=|>=|==|!=|=|<|>|\(|\))|([^\s<>=!()]+(?:\([^()]*\))?))")
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)([kKMGT]?)")
SPACES = ("net", "modifier", "data", "train")
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def condition(
    text: str, totals: tuple[str, ...], factors: Mapping[str, tuple[str, ...]] | None = None, option: str = "where",
    words: Collection[str] = (),
) -> Test:  # fmt: skip
    """A test of an arm: of its totals by name, its levels by factor, and the words that it has.

    Args:
        totals: names that are compared with numbers, such as ``params``.
        factors: names that are compared with levels, or stand alone, each with its levels.
        words: names that may stand alone beside factors and the words of the vocabulary, such as lets of the text.

    Raises:
        ArchError: no condition, or a name that nothing has.
    """
    return _Reader(text, totals, factors or {}, option, words).whole()


class _Reader:
    def __init__(
        self, text: str, totals: tuple[str, ...], factors: Mapping[str, tuple[str, ...]], option: str,
        words: Collection[str],
    ) -> None:  # fmt: skip
        self.text, self.totals, self.factors, self.option, self.words = text, totals, factors, option, words
        self.depth = 0  # of brackets and `not`
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.wrong(f"at `{text[at : at + 10]}`")
            self.tokens.append(found.group(1) or found.group(2))
            at = found.end()
        self.tokens.reverse()

    def wrong(self, what: str) -> ArchError:
        shown = self.text if len(self.text) <= SHOWN else self.text[:SHOWN] + "…"
        return ArchError(f"`{self.option}: {shown}` is not a condition ({what})",
                         help="write for example params<1M, or not (bn and ln)")  # fmt: skip

    def peek(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def whole(self) -> Test:
        test = self.either()
        if self.tokens:
            raise self.wrong(f"`{self.peek()}` is left over")
        return test

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() == "or":
            self.tokens.pop()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda t, c, w: any(test(t, c, w) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.peek() == "and":
            self.tokens.pop()
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda t, c, w: all(test(t, c, w) for test in tests)

    def one(self) -> Test:
        self.depth += 1
        if self.depth > Limits.NESTING:
            raise self.wrong(f"brackets and `not` nest deeper than {Limits.NESTING}")
        test = self.inner()
        self.depth -= 1
        return test

    def inner(self) -> Test:
        token = self.tokens.pop() if self.tokens else ""
        if token == "not":
            inner = self.one()
            return lambda t, c, w: not inner(t, c, w)
        if token == "(":
            test = self.either()
            if not self.tokens or self.tokens.pop() != ")":
                raise self.wrong("a bracket is open")
            return test
        if not token or token in _SIGNS or token in (")", "and", "or"):
            raise self.wrong("something is missing")
        return self.comparison(token)

    def comparison(self, name: str) -> Test:
        if self.peek() not in _SIGNS:
            return self.bare(name)
        sign = self.tokens.pop()
        value = self.tokens.pop() if self.tokens else ""
        compare = _SIGNS[sign]
        if name.lower() in self.totals:
            number = _NUMBER.fullmatch(value)
            if number is None:
                raise self.wrong(f"`{value}` is no number")
            bound, key = float(number.group(1)) * _SCALE[number.group(2)], name.lower()
            return lambda t, c, w: compare(t[key], bound)
        if name in self.factors:
            if sign not in ("=", "==", "!="):
                raise self.wrong(f"levels of `{name}` have no order")
            wanted = "" if value == "none" else value
            levels = self.factors[name]
            if wanted not in levels:
                shown = ", ".join(f"`{level or 'none'}`" for level in levels)
                raise ArchError(f"`{self.option}: {self.text}`: the factor `{name}` has no level `{value}`",
                                help=suggest(wanted, [n for n in levels if n]) or f"its levels are {shown}")  # fmt: skip
            return lambda t, c, w: compare(c.get(name, ""), wanted)
        near = suggest(name, (*self.totals, *self.factors))
        raise ArchError(f"`{self.option}: {self.text}`: there is no column `{name}`",
                        help=near or "columns: " + ", ".join((*self.totals, *self.factors)))  # fmt: skip

    def bare(self, name: str) -> Test:
        if name in self.factors:
            return lambda t, c, w: c.get(name, "") != ""
        if name.lower() in self.totals:
            raise self.wrong(f"compare {name} with a number")
        word = name.lstrip("+")
        known = {*self.words, *(n for space in SPACES for n in names(space))}
        if word not in known:
            if word.lstrip("−-") in (*known, *self.factors):
                raise ArchError(f"`{self.option}: {self.text}`: `{name}` is the name of a change, not of an ingredient",
                                help=f"write `not {word.lstrip('−-')}`")  # fmt: skip
            raise ArchError(f"`{self.option}: {self.text}`: there is no factor or word `{name}`",
                            help=suggest(word, (*known, *self.factors)) or "name a factor or a word")  # fmt: skip
        return lambda t, c, w: word in w


def words_of(file: ast.File) -> frozenset[str]:
    """The words and modifiers that a spec has."""
    return frozenset(n.name for n in walk(file) if isinstance(n, ast.Word | ast.Modifier))
