"""What is wrong with a study file, as findings with places."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Diagnostic, Source, Span
from archdsl.study.plan.file import study_of

if TYPE_CHECKING:
    from pathlib import Path

CODE = "study"
_PLACE = re.compile(r":(\d+):(\d+): ")
_KEYS = {
    "the metric ": "metric",
    "the claim ": "claims",
    "the fit ": "fit",
    "`where: ": "where",
    "`baseline`": "baseline",
}  # how a complaint on a key begins
_BASE = re.compile(r"^base[ \t]*:", re.MULTILINE)


def is_study(text: str) -> bool:
    """Whether a YAML file found in a folder is meant as a study: it has a base."""
    return _BASE.search(text) is not None


def file_findings(text: str, path: Path) -> tuple[Diagnostic, ...]:
    """The first thing that is wrong with the text of a study file; what it describes is not looked at."""
    try:
        study_of(text, str(path), path.stem, path.parent)
    except ArchError as error:
        return (placed(Source(str(path), text), error),)
    return ()


def placed(source: Source, error: ArchError) -> Diagnostic:
    """A complaint that begins with its place, with the place taken out."""
    message = error.message.removeprefix(source.name)
    said = _PLACE.match(message)
    if said is None:
        key = next((k for begin, k in _KEYS.items() if message.startswith(begin)), None)
        line_of = key and re.search(rf"^{key}[ \t]*:[^\n]*", source.text, re.MULTILINE)
        span = Span(source, *line_of.span()) if line_of else None
        return Diagnostic(CODE, message.removeprefix(": "), span, error.help)
    line, column = int(said[1]), int(said[2])
    starts = [0, *(n + 1 for n, c in enumerate(source.text) if c == "\n")]
    start = min(starts[min(line, len(starts)) - 1] + column - 1, len(source.text))
    end = len(source.text[start:].split(":")[0].split("\n")[0].rstrip()) + start
    return Diagnostic(CODE, message[said.end() :], Span(source, start, max(end, start)), error.help)


def in_file(source: Source, finding: Diagnostic) -> Diagnostic:
    """A finding in the text of a factor, shown where the study file has it."""
    span = finding.span
    if span is None or not span.source.name.startswith("factor "):
        return finding
    start = source.text.find(span.text)
    return replace(finding, span=Span(source, start, start + len(span.text)) if start >= 0 else None)
