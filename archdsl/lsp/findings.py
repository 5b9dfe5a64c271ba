"""The checker's findings as an editor shows them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.codes import CODES
from archdsl.errors import ArchError
from archdsl.lsp.places import Places, range_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archdsl.errors import Diagnostic, Span
    from archdsl.lsp.document import Version

_LEVELS = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}
_TAGS = {"A501": [types.DiagnosticTag.Unnecessary]}


@cache
def home() -> str:
    """The page that explains the codes, where the package is in its repository; else nothing."""
    page = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
    return page.as_uri() if page.is_file() else ""


def diagnostics(version: Version) -> list[types.Diagnostic]:
    """The findings of a text."""
    return [diagnostic(version, d) for d in version.findings]


def diagnostic(version: Version, found: Diagnostic) -> types.Diagnostic:
    """One finding. What is in another file is shown at the include that leads there."""
    place = version.place(found.span) if found.span is not None else None
    trail = found.trail
    if place is None:
        place = next((p for _, span in trail if (p := version.place(span)) is not None), None)
    text = "\n".join((found.message, *found.notes, *([f"help: {found.help}"] if found.help else [])))
    related = [_related(version, what, span) for what, span in trail]
    if found.span is not None and version.place(found.span) is None:
        related.insert(0, _related(version, found.message, found.span))
    code = CODES.get(found.code)
    anchor = f"{found.code}-{code.title}".lower().replace(" ", "-") if code else ""
    description = types.CodeDescription(f"{home()}#{anchor}") if code and home() else None
    return types.Diagnostic(
        version.places.range(*_visible(version.text, *place)) if place else _first_line(version),
        text,
        severity=_LEVELS[found.severity],
        code=found.code,
        code_description=description,
        source="archdsl",
        tags=_TAGS.get(found.code),
        related_information=related or None,
    )


def _visible(text: str, start: int, end: int) -> tuple[int, int]:
    """At least one character, that it can be seen; of a place that goes over lines, all of it."""
    return (start, end) if end > start else (max(0, start - 1), min(len(text), start + (start == 0)))


def _first_line(version: Version) -> types.Range:
    """The place of what concerns a text as a whole: its first line."""
    return types.Range(types.Position(0, 0), types.Position(0, version.places.units(version.places.line(0))))


def _related(version: Version, what: str, span: Span) -> types.DiagnosticRelatedInformation:
    place = version.place(span)
    if place is not None:
        location = types.Location(version.document.uri, version.places.range(*place))
    else:
        there = range_in(span.source, span.start, span.end, version.document.encoding)
        location = types.Location(Path(span.source.name).resolve().as_uri(), there)
    return types.DiagnosticRelatedInformation(location, what if what[:1] != "`" else f"in {what}")


def study_diagnostics(
    text: str, path: Path, encoding: str, check: Callable[[str, Path], Iterable[Diagnostic]]
) -> list[types.Diagnostic]:
    """What ``check`` finds wrong with a study file."""
    places, found = Places(text, encoding), []
    for d in check(text, path):
        here = d.span is not None and d.span.source.text == text
        place = places.range(d.span.start, d.span.end) if d.span and here else places.range(0, len(places.line(0)))
        message = "\n".join((d.message, *d.notes, *([f"help: {d.help}"] if d.help else [])))
        found.append(types.Diagnostic(place, message, _LEVELS[d.severity], d.code, source="archdsl"))
    return found


def failure(text: str, encoding: str, error: Exception) -> list[types.Diagnostic]:
    """What is shown of a text whose check failed: the fault of a word of some package, else a bug."""
    places = Places(text, encoding)
    if isinstance(error, ArchError):
        message = "\n".join((error.message, *([f"help: {error.help}"] if error.help else [])))
    else:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"internal error: {what}\nhelp: this is a bug in archdsl; the log of the language server shows where"
    place = places.range(0, len(places.line(0)))
    return [types.Diagnostic(place, message, types.DiagnosticSeverity.Error, source="archdsl")]
