"""Refuses the old dialect in what users read: messages, help, codes and pages.

python tools/terms.py [--list]

Without `--list` it prints how many places use each term and exits with 1 if there are any; `--list` prints each place.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

# What is refused, and the term to use instead.
TERMS = {
    r"\bjudg\w*": "evaluate",
    r"\bwish\w*": "options, or what was asked for",
    r"(?<!standard )(?<!standard\n)\bdeviations?\b": "standard deviation, or difference",
    r"\b(?:a|the|its|each|what|as|no|largest|smallest) shares?\b(?! \w+ing)|\bshares? (?:of|such as)\b": "fraction",
    r"\banew\b": "again",
    r"\btold\b": "reported, or given",
    r"\b(?:stands?|stood)\b(?! for\b)": "is, or appears",
    r"\b(?:lies?|lay)\b": "is, or is in",
    r"(?<!there )(?<!There )\b(?:is|are|was|were|can be) no (?!longer\b|more\b)\w+": "is not a …",
    r"\bbelongs? into\b": "belongs to",
    r"\b(?:goes|go|went) on\b": "continue, or resume",
    r"\bof before\b": "earlier",
    r"\bbe had\b": "be obtained",
    r"\bmend(?:s|ed)?\b": "repair",
    r"\bmakes? room\b": "free space",
}

# Files with a term that has to stay, each with the text around it and the reason.
ALLOWED: dict[str, dict[str, str]] = {"CHANGELOG.md": {"train.fit.Wish": "a class of an earlier release"}}

# A function under one of these decorators has a docstring that is printed as help.
_WORDS = {"op", "late", "block", "join", "family", "modifier"}
_SETTINGS = {"data_word", "train_word", "metric_word", "evaluation_word", "proxy_word"}
_HELP = _WORDS | _SETTINGS | {"law", "design", "sampler", "command", "callback"}


@dataclass(frozen=True)
class Place:
    """One use of a refused term."""

    file: str
    line: int
    text: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: `{self.text}`; write: {self.instead}"


def places() -> Iterator[Place]:
    """Every use of a refused term, file by file."""
    pages = [*REPO.glob("*.md"), *sorted(REPO.glob("docs/**/*.md"))]
    for path in [*sorted(REPO.glob("archdsl/**/*.py")), REPO / "archdsl/codes.toml", *pages]:
        name = path.relative_to(REPO).as_posix()
        for line, text in _texts(path):
            yield from _uses(name, line, text)


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """What a user reads of a file, with the line on which it begins."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        yield 1, text
    elif path.suffix == ".toml":
        for code, fields in tomllib.loads(text).items():
            line = text[: text.index(f"[{code}]")].count("\n") + 1
            yield from ((line, fields[key]) for key in ("title", "text"))
    else:
        yield from _literals(ast.parse(text))


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The string constants of a module, and those of its docstrings that are printed as help."""
    silent = {id(node) for owner in ast.walk(tree) for node in _silent_docstring(owner)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            silent.update(id(part) for part in node.values)
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            text = node.value
        if isinstance(node, ast.expr) and " " in text.strip():  # one word is a key or a name
            yield node.lineno, text


def _silent_docstring(owner: ast.AST) -> Iterator[ast.Constant]:
    """The docstring of a module, class or function that no command prints."""
    if not isinstance(owner, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if any(_called(d) in _HELP for d in getattr(owner, "decorator_list", [])):
        return
    first = owner.body[0] if owner.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        yield first.value


def _called(decorator: ast.expr) -> str:
    """The last name of a decorator: `command` of `@app.command("x")`."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


def _uses(name: str, line: int, text: str) -> Iterator[Place]:
    allowed = ALLOWED.get(name, {})
    for pattern, instead in TERMS.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            around = text[max(0, match.start() - 40) : match.end() + 40]
            if not any(part in around for part in allowed):
                yield Place(name, line + text.count("\n", 0, match.start()), match.group(), instead)


def main(listed: bool) -> int:
    """Print what is found; 1 if there is anything."""
    used = list(places())
    if listed:
        print(*used, sep="\n")
    else:
        for text, count in Counter(f"`{p.text}`; write: {p.instead}" for p in used).items():
            print(f"{count} × {text}")
        if used:
            print("python tools/terms.py --list prints the places")
    return int(bool(used))


if __name__ == "__main__":
    if set(sys.argv[1:]) - {"--list"}:
        sys.exit(__doc__)
    sys.exit(main("--list" in sys.argv[1:]))
