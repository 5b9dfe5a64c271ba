"""Diagnostics as text, JSON and SARIF, and their safe remedies applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.errors import Diagnostic, Source

_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def printed(found: list[tuple[str, Diagnostic]], checked: int, format: str) -> str:
    """All findings. ``found`` are names of specs with what was found in them."""
    from archdsl.report.text import json_text

    if format == "json":
        return json_text([record(name, d) for name, d in found])
    if format == "sarif":
        return json_text(_sarif(found))
    parts = [d.render() if d.span or name.startswith("<") else f"{name}: {d.render()}" for name, d in found]
    count = {s: sum(d.severity == s for _, d in found) for s in ("error", "warning", "note")}
    said = ", ".join(f"{n} {s}{'s' if n > 1 else ''}" for s, n in count.items() if n) or "nothing found"
    parts.append(f"{checked} spec{'s' if checked != 1 else ''} checked: {said}")
    return "\n".join(parts) + "\n"


def record(name: str, d: Diagnostic) -> dict[str, Any]:
    """A finding as plain values; lines and columns count from 1."""
    place: dict[str, Any] = dict.fromkeys(("line", "column", "end_line", "end_column"))
    if d.span is not None:
        name = d.span.source.name
        place["line"], place["column"] = d.span.source.position(d.span.start)
        place["end_line"], place["end_column"] = d.span.source.position(d.span.end)
    trail = [{"in": what, "at": str(span)} for what, span in d.trail]
    return {"file": name, **place, "code": d.code, "severity": d.severity, "message": d.message, "help": d.help,
            "notes": list(d.notes), "trail": trail, "fixable": d.fix is not None}  # fmt: skip


def _sarif(found: list[tuple[str, Diagnostic]]) -> dict[str, Any]:
    from archdsl import __version__
    from archdsl.codes import CODES

    used = sorted({d.code for _, d in found})
    rules = [{"id": c, "shortDescription": {"text": CODES[c].title}} for c in used if c in CODES]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "archdsl", "version": __version__, "rules": rules}},
            "results": [_result(name, d) for name, d in found],
        }],
    }  # fmt: skip


def _result(name: str, d: Diagnostic) -> dict[str, Any]:
    plain = record(name, d)
    place: dict[str, Any] = {"artifactLocation": {"uri": plain["file"]}}
    if d.span is not None:
        place["region"] = {"startLine": plain["line"], "startColumn": plain["column"], "endLine": plain["end_line"],
                           "endColumn": plain["end_column"]}  # fmt: skip
    text = f"{d.message}. {d.help}" if d.help else d.message
    return {"ruleId": d.code, "level": _LEVELS[d.severity], "message": {"text": text},
            "locations": [{"physicalLocation": place}]}  # fmt: skip


def fixed(source: Source, notes: list[Diagnostic]) -> list[Diagnostic]:
    """Apply the remedies to the file, and give those findings that are mended by it."""
    from pathlib import Path

    from archdsl.cli.fmt import write
    from archdsl.syntax.format import format

    if source.name.startswith("<"):
        return []
    own = [n for n in notes if n.fix is not None and n.fix.span.source == source]
    text = source.text
    for note in sorted(own, key=lambda n: -n.fix.span.start if n.fix else 0):
        assert note.fix is not None
        text = text[: note.fix.span.start] + note.fix.text + text[note.fix.span.end :]
    if own:
        write(Path(source.name), format(text, source.name))
    return own
