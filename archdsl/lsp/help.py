"""Words of the vocabulary and of the language in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.expand.bind import usage
from archdsl.expand.forms import FORMS
from archdsl.registry import params
from archdsl.syntax.unparse import unparse

if TYPE_CHECKING:
    from archdsl.registry import Arg, Entry
    from archdsl.syntax import ast

KINDS = {
    "op": "layer",
    "late": "shortcut",
    "block": "block",
    "join": "join of branches",
    "family": "family",
    "modifier": "modifier",
    "data": "data word",
    "train": "train word",
    "evaluation": "evaluation word",
    "metric": "metric",
    "proxy": "proxy",
}


def signature(entry: Entry) -> str:
    """``conv(out, [k=3], …)``."""
    return usage(entry).removeprefix("usage: ").strip("`")


def page(entry: Entry) -> str:
    """All that there is to say about a word."""
    lines = [code(signature(entry)), f"*{KINDS[entry.kind]}* — {entry.help}"]
    rows = [f"- `{p.name}`: {described(p)}" for p in params(entry)]
    if rows:
        lines.append("\n".join(rows))
    if entry.paper:
        lines.append(f"Paper: {entry.paper}")
    lines.append("Example: " + ", ".join(f"`{e}`" for e in entry.examples[:2]))
    return "\n\n".join(lines)


def described(parameter: Arg) -> str:
    """A parameter's type, bounds and default in words."""
    text = parameter.describe()
    if not parameter.required:
        text += "; computed by default" if parameter.default is None else f"; {plain(parameter.default)} by default"
    return text


def plain(value: Any) -> str:
    """A default as it would be written."""
    return (
        str(value).lower()
        if isinstance(value, bool)
        else "x".join(map(str, value))
        if isinstance(value, tuple)
        else str(value)
    )


def form(name: str) -> str:
    """A word of the language itself; empty if there is none."""
    return FORMS.get(name, "")


def let_page(let: ast.Let, comment: str = "") -> str:
    """A let: how it is written, and what its comment says."""
    text = unparse(let)
    if len(text) > 400:
        text = text[:400] + " …"
    return code(text) + (f"\n\n{comment}" if comment else "")


def code(text: str) -> str:
    """A text as code."""
    return f"```arch\n{text}\n```"
