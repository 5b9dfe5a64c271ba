"""The grammar in Lark: the tables that parse are computed from it here, and texts are parsed by Lark itself, as the
reference to which tests hold them. Nothing that a command runs imports this module.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from archdsl.errors import Source
from archdsl.files import grammar_text
from archdsl.syntax.engine import Refused
from archdsl.syntax.parse import GRAMMAR, Newlines
from archdsl.syntax.tree import Builder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Reference:
    """Lark's own parser of the grammar; its filter and its builder are part of it, so each thread needs its own."""

    always_accept = ("_NL",)

    def __init__(self) -> None:
        self.newlines, self.builder = Newlines(Source("", "")), Builder(Source("", ""))
        self.lark = Lark(
            grammar_text(GRAMMAR),
            parser="lalr",
            lexer="contextual",
            postlex=self,
            transformer=self.builder,
            maybe_placeholders=True,
        )

    def process(self, stream: Iterable[Any]) -> Iterator[Any]:
        """Lark's hook for a filter of tokens."""
        return self.newlines.process(stream)

    def parse(self, source: Source, newlines: Newlines) -> Any:
        """What ``Engine.parse`` should make of a text.

        Raises:
            Refused: it does not parse.
        """
        self.newlines, self.builder.source = newlines, source
        try:
            return self.lark.parse(source.text)
        except UnexpectedToken as error:
            token: Any = error.token  # an end of an empty text has a place too
            raise Refused(token, frozenset(error.accepts), token.start_pos) from None
        except UnexpectedCharacters as error:
            at: int = error.pos_in_stream  # type: ignore[assignment]  # lark leaves it None for tokens alone
            raise Refused(None, frozenset(), at) from None


def compute() -> str:
    """The tables as JSON, the same for the same grammar in every process."""
    lark = Reference().lark
    table: Any = lark.parser.parser._parse_table
    lexers_of: Any = lark.parser.lexer.lexer
    lexers: Any = lexers_of.lexers
    numbers = _numbered(table)
    rules = list(lark.rules)
    index = {id(r): n for n, r in enumerate(rules)} | {r: n for n, r in enumerate(rules)}
    rows: dict[str, int] = {}
    kinds: dict[str, int] = {}
    states, lexer_of = [], []
    for state in numbers:
        actions = {
            name: numbers[arg] if str(action) == "Shift" else -index[arg] - 1
            for name, (action, arg) in sorted(table.states[state].items())
        }
        states.append(rows.setdefault(json.dumps(actions), len(rows)))
        lexer_of.append(kinds.setdefault(json.dumps(_lexer(lexers[state])), len(kinds)))
    root = kinds.setdefault(json.dumps(_lexer(lexers_of.root_lexer)), len(kinds))
    found = {
        "grammar": sha256(grammar_text(GRAMMAR).encode()).hexdigest(),
        "start": numbers[table.start_states["start"]],
        "end": numbers[table.end_states["start"]],
        "ignored": sorted(lexers[table.start_states["start"]].ignore_types),
        "root": root,
        "rules": [_rule(r) for r in rules],
        "states": states,
        "lexer_of": lexer_of,
        "lexers": [json.loads(k) for k in kinds],
        "rows": [json.loads(r) for r in rows],
    }
    lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in found.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _numbered(table: Any) -> dict[int, int]:
    """States in the order in which a walk from the start meets them: Lark's own numbers change from run to run."""
    order: dict[int, int] = {}
    todo = [table.start_states["start"]]
    while todo:
        state = todo.pop(0)
        if state in order:
            continue
        order[state] = len(order)
        todo += [arg for _, (action, arg) in sorted(table.states[state].items()) if str(action) == "Shift"]
    return order


def _lexer(lexer: Any) -> dict[str, Any]:
    scanner = lexer.scanner
    return {
        "pattern": "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in scanner.terminals),
        "unless": {
            name: {t.pattern.value: t.name for t in sorted(callback.scanner.terminals, key=lambda t: t.name)}
            for name, callback in sorted(lexer.callback.items())
            if hasattr(callback, "scanner")
        },
    }


def _rule(rule: Any) -> list[Any]:
    """Origin, size, callback, whether one child stands for itself, which children are kept, trailing placeholders."""
    options = rule.options
    empty = options.empty_indices
    nones = [len(ones) for ones in "".join(str(int(b)) for b in empty).split("0")] if empty else []
    nones = nones or [0] * (len(rule.expansion) + 1)
    keep, waiting = [], 0
    for n, symbol in enumerate(rule.expansion):
        waiting += nones[n]
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            keep.append([n, not symbol.is_term and symbol.name.startswith("_"), waiting])
            waiting = 0
    name = rule.alias or options.template_source or rule.origin.name
    single = bool(options.expand1 and not rule.alias)
    return [rule.origin.name, len(rule.expansion), name, single, keep, waiting + nones[-1]]
