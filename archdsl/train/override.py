"""``--set train.epochs=1``: a change of a word in the text itself, so that the run records what was run.

``SPACE.KEY=TEXT``, where SPACE is ``data`` or ``train``. KEY is a slot (``epochs``, ``optimizer``, ``dataset``), and
TEXT its word (``sgd(0.1)``) or the argument of the word of that name (``1``); an empty TEXT takes the word out. Or KEY
is an argument of a word that stands in the text (``lr``), and TEXT its value. Knows no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from archdsl.errors import ArchError, suggest
from archdsl.expand.settings import hyphenated
from archdsl.registry import Entry, entries, find, params
from archdsl.syntax import ast
from archdsl.syntax.parse import parse

SPACES = ("data", "train")
_NAME = re.compile(r"[A-Za-z_][\w-]*")


def override(text: str, assignments: Iterable[str], name: str = "<spec>") -> str:
    """The text after each assignment in turn; all else in it stays, comments too.

    Raises:
        ArchError: an assignment that means nothing.
        SpecError: the text does not parse.
    """
    for assignment in assignments:
        left, equals, right = assignment.partition("=")
        space, dot, key = left.strip().partition(".")
        if not (equals and dot and key and space in SPACES):
            raise ArchError(f"--set {assignment!r} is not SPACE.KEY=VALUE",
                            help="for example --set train.epochs=1 or --set data.dataset=cifar10")  # fmt: skip
        if any(c in right for c in "\n\r#"):
            raise ArchError(f"--set {assignment!r} is more than one word", help="one word at a time")
        text = _assign(text, space, key, right.strip(), name)
    return text


def data_word(name: str) -> str:
    """The word that ``--data NAME`` means: a data set's name, or ``folder:PATH``.

    Raises:
        ArchError: a path that no text can hold.
    """
    if not name.startswith("folder:"):
        return name
    path = name.removeprefix("folder:")
    if not path or any(c in path for c in '"\n\r#'):
        raise ArchError(f"--data {name!r} names no folder that a text can hold", help="write folder:PATH")
    return f'folder("{path}")'


def _assign(text: str, space: str, key: str, value: str, name: str) -> str:
    statement = next((i for i in parse(text, name).items if isinstance(i, ast.Statement) and i.kind == space), None)
    words = _words(space, statement)
    if key in _slots(space):
        old = next((word for word, entry in words if entry.slot == key), None)
        new = _word(space, key, value)
        if old is not None:
            return _put(text, old.span.start, old.span.end, new)
        if not new:
            raise ArchError(f"--set {space}.{key}= takes out a word that the text does not have")
        if statement is None:
            return f"{text.rstrip()}\n{space} {new}\n"
        return _put(text, statement.body.span.end, statement.body.span.end, f" {new}")
    owners = [(word, entry) for word, entry in words if key in _arguments(entry)]
    if len(owners) == 1 and value:
        return _set_argument(text, *owners[0], key, value)
    known = (*_slots(space), *(a for _, entry in words for a in _arguments(entry)))
    why = "several words have it" if len(owners) > 1 else suggest(key, known) or "one of " + ", ".join(known)
    raise ArchError(f"--set {space}.{key}: no such setting to change here", help=why)


def _words(space: str, statement: ast.Statement | None) -> list[tuple[ast.Word, Entry]]:
    if statement is None:
        return []
    body = statement.body
    found = []
    for item in body.items if isinstance(body, ast.Seq) else (body,):
        word = hyphenated(item)
        entry = find(space, word.name) if isinstance(word, ast.Word) else None
        if isinstance(word, ast.Word) and entry is not None:
            found.append((word, entry))
    return found


def _slots(space: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e.slot for e in entries(space) if e.slot))


def _arguments(entry: Entry) -> tuple[str, ...]:
    return tuple(p.name for p in params(entry))


def _word(space: str, slot: str, value: str) -> str:
    """The word to write: the value if it is a word for this slot, else the slot's own word around it."""
    first = _NAME.match(value)
    if first is not None:
        entry = find(space, first.group())
        if entry is not None and entry.slot == slot:
            return value
    if value and find(space, slot) is None:
        known = [e.name for e in entries(space) if e.slot == slot]
        raise ArchError(f"{value!r} is no word for {space}.{slot}",
                        help=suggest(value, known) or "one of " + ", ".join(known))  # fmt: skip
    return f"{slot}({value})" if value else ""


def _set_argument(text: str, word: ast.Word, entry: Entry, key: str, value: str) -> str:
    """Replace the argument where it stands, by name or by place, or add it by name."""
    names = iter(_arguments(entry))
    for argument in word.args or ():
        if isinstance(argument, ast.Keyword):
            if argument.name == key:
                return _put(text, argument.value.span.start, argument.value.span.end, value)
        elif next(names, None) == key:
            return _put(text, argument.span.start, argument.span.end, value)
    written = text[word.span.start : word.span.end]
    if word.args:
        new = f"{written[:-1]}, {key}={value})"
    else:
        new = f"{written.removesuffix('()')}({key}={value})"
    return _put(text, word.span.start, word.span.end, new)


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
