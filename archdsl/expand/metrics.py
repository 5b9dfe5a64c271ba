"""Metrics by their text: ``test_accuracy``, ``steps_to(94%)``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, SpecError, suggest
from archdsl.expand.env import Budget, Env
from archdsl.expand.settings import settings
from archdsl.registry import Entry, entries, find, params
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.words.metrics.base import OfPart
from archdsl.words.metrics.heads import OfHead

if TYPE_CHECKING:
    from archdsl.words.metrics.base import Metric

_OF_PART = re.compile(r"(test|valid|train)_([a-z][a-z0-9_]*)")
_OF_HEAD = re.compile(r"(test|valid|train)_([A-Za-z][A-Za-z0-9_]*)_([a-z][a-z0-9]*)")
LONGEST = 200


def metric(text: str) -> tuple[Metric, tuple[str, ...]]:
    """The metric of a text, and a note where its name is an old one.

    Raises:
        ArchError: the metric is unknown, or its arguments are invalid.
    """
    found = _of_part(text.strip()) or _of_head(text.strip())
    if found is not None:
        return found
    try:
        items = parse(Source("<metric>", text[:LONGEST])).items
        statement = items[0] if len(items) == 1 else None
        if (
            not isinstance(statement, ast.Statement)
            or statement.kind != "bare"
            or not isinstance(statement.body, ast.Word)
        ):
            raise ArchError(f"`{text[:LONGEST]}` is not a metric", help=_known(text))
        if find("metric", statement.body.name) is None:
            raise ArchError(f"unknown metric `{statement.body.name}`", help=_known(statement.body.name))
        value: Metric = settings("metric", statement, Env({}, Budget()))[0].value
    except SpecError as error:
        first = error.diagnostics[0]
        raise ArchError(f"the metric `{text[:LONGEST]}`: {first.message}", help=first.help) from None
    return value, ()


def _of_part(text: str) -> tuple[Metric, tuple[str, ...]] | None:
    """A metric of a part of the images; None for any other."""
    part, word, entry = _split(text)
    choices = parts(entry) if entry is not None else ()
    if entry is None or not choices:
        return None
    notes: tuple[str, ...] = ()
    if not part:
        part = getattr(entry.make, "alone", "")
        if not part:
            raise ArchError(f"`{text}` of which images?", help=f"one of {', '.join(f'{p}_{text}' for p in choices)}")
        notes = (f"the metric `{text}` is that of training, and is called `{part}_{text}` now",)
    if part not in choices:
        raise ArchError(
            f"unknown metric `{text}`: `{word}` is measured on {' and '.join(choices)} images",
            help=f"one of {', '.join(f'{p}_{word}' for p in choices)}",
        )
    return entry.make(part=part), notes


def _of_head(text: str) -> tuple[Metric, tuple[str, ...]] | None:
    """A metric of one of several heads, ``test_kind_accuracy``; None for any other."""
    matched = _OF_HEAD.fullmatch(text)
    entry = find("metric", matched[3]) if matched is not None else None
    if matched is None or entry is None or matched[1] not in parts(entry):
        return None
    return OfHead(matched[2], entry.make(part=matched[1])), ()


def _split(text: str) -> tuple[str, str, Entry | None]:
    """The part in a name, the rest, and the word that it is."""
    matched = _OF_PART.fullmatch(text)
    whole = find("metric", text)
    if matched is None or whole is not None:
        return "", text, whole
    return matched[1], matched[2], find("metric", matched[2])


def entry_of(text: str) -> Entry | None:
    """The word that a name such as ``test_ece`` is; None where there is none."""
    return _split(text)[2]


def parts(entry: Entry) -> tuple[str, ...]:
    """The parts that a metric is measured on; none where it is not one of a part.

    Raises:
        ArchError: it is one of a part, and does not say of which; no run would store it.
    """
    choices = next((p.choices for p in params(entry) if p.name == "part"), ())
    if not choices and isinstance(entry.make, type) and issubclass(entry.make, OfPart):
        raise ArchError(
            f"the metric `{entry.name}` of {entry.make.__module__} does not say which images it is measured on",
            help='give its class the field `part: Literal["test", "valid"]`',
        )
    return choices


def spellings() -> list[str]:
    """How every metric is written: ``test_accuracy``, ``valid_accuracy``, …, ``steps_to(at)``."""
    return [f"{p}_{e.name}" if p else e.name for e in entries("metric") for p in parts(e) or ("",)]


def _known(text: str) -> str:
    return suggest(text, spellings()) or "`archdsl words metrics` lists all"


@lru_cache(maxsize=256)
def metric_of(name: str) -> Metric:
    """The metric of a name that was accepted before.

    Raises:
        ArchError: as ``metric``.
    """
    return metric(name)[0]


def unit_of(name: str) -> str:
    """The unit of a figure; empty where no metric has this name."""
    if "." in name or "(" in name:
        return ""
    try:
        return metric_of(name).unit
    except ArchError:
        return ""
