"""Diagnostics as text, JSON, SARIF and annotations of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.errors import Diagnostic, Span

_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def printed(found: list[tuple[str, Diagnostic]], checked: int, format: str, refused: int = 0) -> str:
    """All findings. ``found`` are names of specs with what was found in them; ``refused`` counts those that could not be
    read.
    """
    from archdsl.report.text import json_text

    if format == "json":
        return json_text([record(name, d) for name, d in found])
    if format == "sarif":
        return json_text(_sarif(found))
    if format == "github":
        return "".join(_github(name, d) for name, d in found)
    parts = [d.render() if d.span or name.startswith("<") else f"{name}: {d.render()}" for name, d in found]
    count = {s: sum(d.severity == s for _, d in found) for s in ("error", "warning", "note")}
    said = ", ".join(f"{many(n, s)}" for s, n in count.items() if n) or "nothing found"
    unread = f"{refused} could not be read" if refused else ""
    done = f"{many(checked, 'spec')} checked: {said}" if checked or not refused else "nothing checked"
    parts.append("; ".join(filter(None, (done, unread))))
    return "\n".join(parts) + "\n"


def record(name: str, d: Diagnostic) -> dict[str, Any]:
    """A finding as plain values; lines and columns count from 1."""
    place: dict[str, Any] = dict.fromkeys(("line", "column", "end_line", "end_column"))
    if d.span is not None:
        name = d.span.source.name
        place["line"], place["column"] = d.span.source.position(d.span.start)
        place["end_line"], place["end_column"] = d.span.source.position(d.span.end)
    trail = [{"in": what, "at": str(span)} for what, span in d.trail]
    return {
        "file": name,
        **place,
        "code": d.code,
        "severity": d.severity,
        "message": d.message,
        "help": d.help,
        "notes": list(d.notes),
        "trail": trail,
        "fixable": d.fix is not None,
    }


def _github(name: str, d: Diagnostic) -> str:
    """A workflow command, which a code host shows at the line: ``::error file=…,line=…::message``."""
    plain = record(name, d)
    level = {"note": "notice"}.get(d.severity, d.severity)
    fields = {
        "file": plain["file"],
        "line": plain["line"],
        "col": plain["column"],
        "endLine": plain["end_line"],
        "endColumn": plain["end_column"],
        "title": d.code,
    }
    said = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in fields.items() if value is not None)
    return f"::{level} {said}::{_escaped(f'{d.message}. {d.help}' if d.help else d.message)}\n"


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _sarif(found: list[tuple[str, Diagnostic]]) -> dict[str, Any]:
    from archdsl.version import __version__

    rules = {code: number for number, code in enumerate(sorted({d.code for _, d in found}))}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "archdsl", "version": __version__, "rules": [_rule(c, found) for c in rules]}
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(name, d, rules) for name, d in found],
            }
        ],
    }


def _rule(code: str, found: list[tuple[str, Diagnostic]]) -> dict[str, Any]:
    from archdsl.codes import CODES

    level = next(d.severity for _, d in found if d.code == code)
    rule: dict[str, Any] = {"id": code, "defaultConfiguration": {"level": _LEVELS[level]}}
    if code in CODES:
        rule["shortDescription"] = {"text": CODES[code].title}
        rule["fullDescription"] = {"text": CODES[code].paragraph}
        rule["help"] = {"text": CODES[code].text()}
    return rule


def _result(name: str, d: Diagnostic, rules: dict[str, int]) -> dict[str, Any]:
    text = f"{d.message}. {d.help}" if d.help else d.message
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": rules[d.code],
        "level": _LEVELS[d.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": _place(name, d.span)}],
    }
    if d.trail:
        result["relatedLocations"] = [
            {"physicalLocation": _place(name, span), "message": {"text": f"in {what}"}} for what, span in d.trail
        ]
    if d.fix is not None:
        replacement = {"deletedRegion": _region(d.fix.span), "insertedContent": {"text": d.fix.text}}
        change = {"artifactLocation": _artifact(d.fix.span.source.name), "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": d.help or d.message}, "artifactChanges": [change]}]
    return result


def _place(name: str, span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"artifactLocation": _artifact(name)}
    return {"artifactLocation": _artifact(span.source.name), "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    (line, column), (end_line, end_column) = span.source.position(span.start), span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _artifact(name: str) -> dict[str, str]:
    """A file as a URI: relative to where the command was called, or whole."""
    from pathlib import Path
    from urllib.parse import quote

    path = Path(name)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}
