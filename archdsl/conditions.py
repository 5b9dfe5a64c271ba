"""Conditions of ``--where`` and of a study's ``where``: `params < 1M`, `not (bn and ln)`, `status = finished or epochs > 2`.

One grammar: comparisons and bare names, `not`, `and`, `or` and brackets; quotes hold several words together. What a name
may be and what it is compared with is the vocabulary of the caller. Nothing is evaluated.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Protocol

from archdsl.errors import ArchError
from archdsl.limits import Limits
from archdsl.report.numbers import of_percent

Test = Callable[..., bool]  # of whatever the vocabulary's tests take
Compare = Callable[[Any, Any], bool]
SIGNS: dict[str, Compare] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
EQUALITY = ("=", "==", "!=")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([kKMGT%]?)", re.ASCII)
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SHOWN = 200  # characters of a condition in a message
_TOKEN = re.compile(r"""\s*(?:(<=|>=|==|!=|=|<|>|\(|\))|("[^"]*"|'[^']*')|([^\s<>=!()"']+(?:\([^()]*\))?))""")


class Vocabulary(Protocol):
    """What the names of a condition mean. Both raise ArchError for a name or a value that they do not have."""

    def compared(self, name: str, sign: str, value: str, quoted: bool) -> Test: ...

    def alone(self, name: str) -> Test: ...


def number(text: str) -> float | None:
    """A number as conditions have it: `1e6`, `1M`, `90%`; None for every other text."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    return of_percent(found[1]) if found[2] == "%" else float(found[1]) * _SCALE[found[2]]


def shown(option: str, text: str) -> str:
    """A condition as messages name it."""
    return f"`{option}: {text if len(text) <= SHOWN else text[:SHOWN] + '…'}`"


def condition(text: str, vocabulary: Vocabulary, option: str, example: str) -> Test:
    """A test from its text.

    Args:
        option: where the text was written, for messages.
        example: a valid condition, given as the remedy for an invalid one.

    Raises:
        ArchError: the condition is invalid, or a name or value that the vocabulary refuses.
    """
    return _Reader(text, vocabulary, option, example).whole()


class _Reader:
    def __init__(self, text: str, vocabulary: Vocabulary, option: str, example: str) -> None:
        self.text, self.vocabulary, self.option, self.example = text, vocabulary, option, example
        self.depth = 0  # of brackets and `not`
        self.tokens: list[str] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise self.wrong(f"it cannot be read at `{text[at:].strip()[:40]}`")
            self.tokens.append(match.group(match.lastindex or 0))
            at = match.end()
        self.tokens.reverse()

    def wrong(self, what: str) -> ArchError:
        return ArchError(f"{shown(self.option, self.text)} is not a condition ({what})", help=self.example)

    def peek(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def whole(self) -> Test:
        test = self.joined("or")
        if self.tokens:
            raise self.wrong(f"`{self.peek()[:40]}` where `and`, `or` or its end should be")
        return test

    def joined(self, word: str) -> Test:
        """Tests joined by `or`, each of tests joined by `and`."""
        over: Callable[..., bool] = any if word == "or" else all
        tests = [self.joined("and") if word == "or" else self.one()]
        while self.peek() == word:
            self.tokens.pop()
            tests.append(self.joined("and") if word == "or" else self.one())
        return tests[0] if len(tests) == 1 else lambda *row: over(test(*row) for test in tests)

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
            return lambda *row: not inner(*row)
        if token == "(":
            test = self.joined("or")
            if not self.tokens or self.tokens.pop() != ")":
                raise self.wrong("a bracket is open")
            return test
        if not self.operand(token):
            raise self.wrong(f"a name is missing before `{token}`" if token else "a name is missing at its end")
        if self.peek() not in SIGNS:
            return self.vocabulary.alone(token)
        sign, value = self.tokens.pop(), self.tokens.pop() if self.tokens else ""
        if not self.operand(value):
            raise self.wrong(f"a value is missing after `{token[:40]} {sign}`")
        quoted = value[0] in "\"'"
        return self.vocabulary.compared(token, sign, value[1:-1] if quoted else value, quoted)

    def operand(self, token: str) -> bool:
        return token not in ("", "(", ")", "and", "or", *SIGNS)
