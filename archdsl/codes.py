"""The codes of diagnostics: a title, a paragraph, and a text that provokes it. The words are in ``codes.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from archdsl.errors import ArchError, suggest

GROUPS = {
    "A1": "The text",
    "A2": "Names, arguments and values",
    "A3": "Shapes",
    "A4": "Limits",
    "A5": "Warnings and notes",
}


@dataclass(frozen=True, slots=True)
class Code:
    """A code. ``example`` is a whole text; ``name`` is the file that it is in, where that matters."""

    code: str
    title: str
    paragraph: str
    example: str
    name: str = "<spec>"

    @property
    def provoking(self) -> str:
        """The text that provokes it; that of a limit may be longer than what is shown."""
        long = {
            "A401": "relu " * 14_000,
            "A405": "let a0 = relu\n" + "".join(f"let a{n + 1} = a{n}\n" for n in range(40)) + "net a40",
        }
        return long.get(self.code, self.example)

    def text(self) -> str:
        """What ``archdsl explain`` prints."""
        shown = "\n".join(f"    {line}" for line in self.example.replace("\0", "␀").split("\n"))
        return f"{self.code}: {self.title}\n\n{self.paragraph}\n\nExample\n\n{shown}"


def _read() -> dict[str, Code]:
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        raw = tomllib.load(file)
    return {
        code: Code(code, r["title"], r["text"], r["example"].strip("\n"), r.get("name", "<spec>"))
        for code, r in raw.items()
    }


CODES = _read()


def lookup(code: str) -> Code:
    """A code by its name.

    Raises:
        ArchError: there is none.
    """
    if code not in CODES:
        raise ArchError(
            f"unknown code {code[:20]}", help=suggest(code, CODES) or f"codes go from {min(CODES)} to {max(CODES)}"
        )
    return CODES[code]
