"""What is wrong with a study file, as findings with places."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from archdsl.errors import ArchError, Diagnostic, EnvError, Source, Span, SpecError, StoreError
from archdsl.study.plan import presets
from archdsl.study.plan.factors import SPACE, TOGETHER
from archdsl.study.plan.file import study_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archdsl.study.plan.file import StudyFile

CODE = "study"
_FACTOR = "factor "  # begins the name of a level's source, and the factor's name is behind it
_PLACE = re.compile(r":(\d+):(\d+): ")
_KEYS = {
    r"the metric `?(\w+)": "metrics?",
    "the claim `([^`]+)`": "claims",
    "the fit `([^`]+)`": "fit",
    "`where: ([^`…]+)": "where",
    "`baseline`: .*?factor `([^`]+)`": "baseline",
    "`labels`: .*?`([^`=]+)": "labels",
    "`same: ([^`]+)`": "same",
    "the budget `([^`]+)`": "budget",
    "(?:unknown|the) design `([^`]+)`|`(frac:[^`]+)` (?:takes|needs)": "design",
}  # how a complaint on a key begins, and what of its value it quotes
_SET = re.compile(r"`--set ([^=`]+)=([^`]*)`")
_NAMED = re.compile(r"factor `([^`]+)`")
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


@contextmanager
def with_places(study: StudyFile) -> Iterator[None]:
    """Errors of the experiments of a study, with the places of its file that they are about.

    Raises:
        SpecError: in the place of an error that is about the file; others pass as they are.
    """
    try:
        yield
    except SpecError as error:
        if study.source is None:
            raise
        raise SpecError(tuple(in_file(study.source, d) for d in error.diagnostics)) from None
    except (EnvError, StoreError):
        raise
    except ArchError as error:
        if study.source is None or (finding := placed(study.source, error)).span is None:
            raise
        raise SpecError((finding,)) from None


def placed(source: Source, error: ArchError) -> Diagnostic:
    """A complaint that begins with its place, with the place taken out."""
    message = error.message.removeprefix(source.name)
    said = _PLACE.match(message)
    if said is None:
        return _by_key(source, message.removeprefix(": "), error.help)
    line, column = int(said[1]), int(said[2])
    starts = [0, *(n + 1 for n, c in enumerate(source.text) if c == "\n")]
    start = min(starts[min(line, len(starts)) - 1] + column - 1, len(source.text))
    end = len(source.text[start:].split(":")[0].split("\n")[0].rstrip()) + start
    return Diagnostic(CODE, message[said.end() :], Span(source, start, max(end, start)), error.help)


def _by_key(source: Source, message: str, help: str) -> Diagnostic:
    """A complaint without a place, at the key that it is about."""
    if (named := _NAMED.match(message)) is not None:
        keys = [key for key, _ in _factors(source) if key.value == named[1]]
        return Diagnostic(CODE, message, _whole(source, keys[0]) if keys else None, help)
    if (setting := _SET.match(message)) is not None:
        key = rf"^set[ \t]*:(?s:.*?)({re.escape(setting[1])}[ \t]*:[^\n,}}]*)"
        line = re.search(key, source.text, re.MULTILINE)
        if line is None:
            return Diagnostic(CODE, message, None, help)
        message = f"`set: {{{setting[1]}: {setting[2]}}}`{message[setting.end() :]}"
        return Diagnostic(CODE, message, Span(source, *line.span(1)), help)
    for begin, key in _KEYS.items():
        if (quoted := re.match(begin, message)) is not None:
            return Diagnostic(CODE, message, _line_of(source, key, quoted[quoted.lastindex or 0]), help)
    return Diagnostic(CODE, message, None, help)


def _line_of(source: Source, key: str, quoted: str) -> Span | None:
    """The line of a key's value that has a text; None where the text is not of the file, but of the command line."""
    for section in re.finditer(rf"^[ \t]*{key}[ \t]*:.*(?:\n[ \t-].*)*", source.text, re.MULTILINE):
        at = section.group().find(quoted)
        if at >= 0:
            start = source.text.rfind("\n", 0, section.start() + at) + 1
            line = source.text[start:].partition("\n")[0]
            start += len(line) - len(line.lstrip())
            return Span(source, start, start + len(line.strip()))
    return None


def in_file(source: Source, finding: Diagnostic) -> Diagnostic:
    """A finding in the text of a level, shown where the study file has that level."""
    span = finding.span
    if span is None or not span.source.name.startswith(_FACTOR):
        return finding
    levels = _levels(source, span.source.name.removeprefix(_FACTOR))
    if not levels:
        return finding
    known = [(node, form) for node in levels for form in _forms(node.value) if form in span.source.text]
    if known:
        node, form = max(known, key=lambda pair: len(pair[1]))
        return replace(finding, span=_within(source, node, form, span))
    # A level of a range is not written in the file.
    return replace(finding, span=_whole(source, levels[0]) if len(levels) == 1 else None)


def _levels(source: Source, name: str) -> list[yaml.ScalarNode]:
    """The levels of the factors, and of what is tuned, of this name."""
    found = [value for key, value in _factors(source) if key.value == name]
    every = [level for value in found for level in (value.value if isinstance(value, yaml.SequenceNode) else [value])]
    return [level for level in every if isinstance(level, yaml.ScalarNode)]


def _factors(source: Source) -> Iterator[tuple[Any, Any]]:
    """The keys and values of ``factors`` and ``tune``, of a file that can be read, and of its presets."""
    root = yaml.compose(source.text, yaml.SafeLoader)
    forms = [value for key, value in _pairs(root) if key.value == presets.KEY]
    for form in (root, *(form for every in forms for _, form in _pairs(every))):
        for key, value in _pairs(form):
            if key.value in ("factors", "tune"):
                yield from _pairs(value)


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _forms(level: str) -> list[str]:
    """The texts that a level is read as: without its statement, and each of several forms."""
    said = SPACE.match(level.strip())
    text = level.strip()[said.end() if said else 0 :]
    return [form for part in (text, *text.split(TOGETHER)) if (form := part.strip())]


def _within(source: Source, node: yaml.ScalarNode, form: str, span: Span) -> Span:
    """The part of a level that a span in its text means; all of the level where the file writes it in another way."""
    whole, at = _whole(source, node), span.source.text.rfind(form)
    start, end = max(span.start - at, 0), min(span.end - at, len(form))
    part = form[start:end] if start < end else ""
    before = node.value.find(form) + start
    found = whole.text.find(part)
    for _ in range(node.value.count(part, 0, before + len(part)) - 1 if part else 0):
        found = whole.text.find(part, found + 1)
    return Span(source, whole.start + found, whole.start + found + len(part)) if part and found >= 0 else whole


def _whole(source: Source, node: yaml.ScalarNode) -> Span:
    start, end = node.start_mark.index, node.end_mark.index
    return Span(source, start, start + len(source.text[start:end].rstrip()))
