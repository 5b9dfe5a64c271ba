"""A run of the grammar's tables: the LALR(1) automaton and the contextual lexer that Lark computed, without Lark.

Importing Lark and building the tables takes longer than counting a network; reading them takes a millisecond. They are
a generated file of the package (``archdsl.syntax.generate`` computes it, a test holds it to the grammar), so no cache is
written anywhere. A text that does not parse is refused with what Lark would have said of it, token and expectations.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from archdsl.errors import EnvError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TABLES = Path(__file__).with_name("tables.json")
END = "$END"


class Token(str):
    """A piece of the text with its kind and place; has the attributes of Lark's tokens that are used here."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


class Refused(Exception):
    """The text does not parse: at ``token``, where one of ``accepts`` could stand; at the character ``at`` if it is None."""

    def __init__(self, token: Token | None, accepts: frozenset[str], at: int) -> None:
        super().__init__(at)
        self.token, self.accepts, self.at = token, accepts, at


class _Spliced(list[Any]):
    """The children of a rule that has no node of its own; they go into the one above."""


class Engine:
    """The automaton for one class of builders. No parse changes it, but for patterns that are compiled when first needed.
    ``filter`` sees every token before the automaton does."""

    def __init__(self, tables: dict[str, Any], builder: type) -> None:
        self.rows: list[dict[str, int]] = [tables["rows"][i] for i in tables["states"]]
        self.lexer_of: list[int] = tables["lexer_of"]
        self.lexers: list[dict[str, Any]] = tables["lexers"]
        self.root: int = tables["root"]  # the lexer that knows every token
        self.patterns: dict[int, re.Pattern[str]] = {}
        self.ignored = frozenset(tables["ignored"])
        self.start, self.end = tables["start"], tables["end"]
        self.rules = [
            (origin, size, _reducer(name, size, single, keep, tail, builder))
            for origin, size, name, single, keep, tail in tables["rules"]
        ]

    def parse(self, text: str, filter: Callable[[Iterator[Token]], Iterable[Token]], builder: object) -> Any:
        """What a builder makes of a text.

        Raises:
            Refused: it does not parse.
        """
        states: list[int] = [self.start]
        values: list[Any] = []
        token = None
        try:
            for token in filter(self.lex(text, states)):
                self.feed(token, token.type, states, values, builder)
            token = _ending(token)
            self.feed(None, END, states, values, builder)
        except KeyError:
            if token is None:  # cannot be: a token, or the end of the text, has no place in the tables
                raise
            raise Refused(token, self.accepts(states), token.start_pos) from None
        return values[-1]

    def upto(self, text: str, filter: Callable[[Iterator[Token]], Iterable[Token]]) -> frozenset[str]:
        """The kinds of token that could stand behind a text, the beginning of a longer one.

        Raises:
            Refused: nothing could.
        """
        states: list[int] = [self.start]
        for token in filter(self.lex(text, states)):
            try:
                self.follow(token.type, states)
            except KeyError:
                raise Refused(token, self.accepts(states), token.start_pos) from None
        return self.accepts(states)

    def accepts(self, states: list[int]) -> frozenset[str]:
        """The kinds of token that can stand next, whatever follows them."""
        return frozenset(k for k in self.rows[states[-1]] if k.isupper() and self.takes(k, list(states)))

    def takes(self, kind: str, states: list[int]) -> bool:
        try:
            self.follow(kind, states)
        except KeyError:
            return False
        return True

    def feed(self, token: Token | None, kind: str, states: list[int], values: list[Any], builder: object) -> None:
        rows, rules = self.rows, self.rules
        while True:
            action = rows[states[-1]][kind]
            if action >= 0:
                states.append(action)
                values.append(token)
                return
            origin, size, reduce = rules[-action - 1]
            if reduce is None:  # one child that stands for itself: most reductions of a tower of operators
                states[-1] = rows[states[-2]][origin]
            else:
                children = values[len(values) - size :]
                del states[len(states) - size :], values[len(values) - size :]
                values.append(reduce(builder, children))
                states.append(rows[states[-1]][origin])
            if kind == END and states[-1] == self.end:
                return

    def follow(self, kind: str, states: list[int]) -> None:
        """What ``feed`` does to the states, with nothing built."""
        while (action := self.rows[states[-1]][kind]) < 0:
            origin, size, _ = self.rules[-action - 1]
            if size:
                del states[-size:]
            states.append(self.rows[states[-1]][origin])
            if kind == END and states[-1] == self.end:
                return
        states.append(action)

    def lex(self, text: str, states: list[int]) -> Iterator[Token]:
        """Tokens; which ones there can be depends on the state that the automaton is in."""
        at, stop = 0, len(text)
        while at < stop:
            number = self.lexer_of[states[-1]]
            pattern = self.patterns.get(number) or self.compiled(number)
            match = pattern.match(text, at)
            if match is None:
                raise Refused(self.token(text, at), self.accepts(states), at)
            kind, found = match.lastgroup or "", match.group()
            start, at = at, match.end()
            if kind in self.ignored:
                continue
            kind = self.lexers[number]["unless"].get(kind, {}).get(found, kind)
            token = Token(found)
            token.type, token.start_pos, token.end_pos = kind, start, at
            yield token

    def token(self, text: str, at: int) -> Token | None:
        """What stands at a place, whether or not it may stand there; None where no token begins."""
        match = (self.patterns.get(self.root) or self.compiled(self.root)).match(text, at)
        if match is None:
            return None
        kind, token = match.lastgroup or "", Token(match.group())
        kind = self.lexers[self.root]["unless"].get(kind, {}).get(str(token), kind)
        token.type, token.start_pos, token.end_pos = kind, at, match.end()
        return token

    def compiled(self, number: int) -> re.Pattern[str]:
        return self.patterns.setdefault(number, re.compile(self.lexers[number]["pattern"]))


def _ending(last: Token | None) -> Token:
    """The end of the text as a token; it has the place of the last one."""
    token = Token("")
    token.type = END
    token.start_pos, token.end_pos = (0, 1) if last is None else (last.start_pos, last.end_pos)
    return token


Reduce: TypeAlias = "Callable[[object, list[Any]], Any]"  # from a builder and a rule's children to a node


def _spliced(_: object, children: list[Any]) -> Any:
    return _Spliced(children)


def _reducer(
    name: str, size: int, single: bool, keep: list[tuple[int, bool, int]], tail: int, builder: type
) -> Reduce | None:
    """What a rule does with its children: drops punctuation, puts None for what was left out, and calls the builder.
    None where the only child stands for itself."""
    make: Reduce = getattr(builder, name, _spliced)
    if not tail and all(not spliced and not nones for _, spliced, nones in keep):
        indices = [index for index, _, _ in keep]
        if single and size == 1 and indices == [0]:
            return None
        return make if len(indices) == size and not single else _picked(make, indices, single)

    def reduce(builder: object, children: list[Any]) -> Any:
        kept: list[Any] = []
        for index, spliced, nones in keep:
            kept += [None] * nones
            if spliced and not kept:
                kept = children[index]  # nobody else has it; copying it would make long lists quadratic
            elif spliced:
                kept += children[index]
            else:
                kept.append(children[index])
        kept += [None] * tail
        if single and len(kept) == 1:
            return kept[0]
        return kept if make is _spliced and isinstance(kept, _Spliced) else make(builder, kept)

    return reduce


def _picked(make: Reduce, indices: list[int], single: bool) -> Reduce:
    def reduce(builder: object, children: list[Any]) -> Any:
        kept = [children[i] for i in indices]
        return kept[0] if single and len(kept) == 1 else make(builder, kept)

    return reduce


@lru_cache(maxsize=1)
def tables(grammar: str) -> dict[str, Any]:
    """The tables of a grammar's text.

    Raises:
        EnvError: there are none, or they are those of another grammar.
    """
    from hashlib import sha256

    try:
        saved = json.loads(TABLES.read_text("utf-8"))
        if saved["grammar"] == sha256(grammar.encode()).hexdigest():
            return dict(saved)
        why = "are those of another grammar"
    except (OSError, ValueError, KeyError, TypeError):
        why = "are missing or damaged"
    raise EnvError(
        f"the parse tables {TABLES} {why}",
        help="run `python tools/make_tables.py` in a checkout, or install the package again",
    )
