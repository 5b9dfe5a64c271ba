"""Code actions: the safe fixes of ``check --fix``, the nearest names, and what was assumed written down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.errors import suggested
from archdsl.lsp.findings import diagnostic
from archdsl.registry.shapes import dims
from archdsl.syntax import ast
from archdsl.syntax.fix import Edit, whole_line

if TYPE_CHECKING:
    from archdsl.errors import Diagnostic
    from archdsl.lsp.document import Version

_NAME = re.compile(r"[+@-]?[A-Za-z_][A-Za-z0-9_-]*")


def actions(version: Version, start: int, end: int, only: list[str] | None = None) -> list[types.CodeAction]:
    """What can be done about the findings that a stretch of the text touches."""
    found: list[types.CodeAction] = []
    if _wanted(types.CodeActionKind.QuickFix, only):
        for finding in version.findings:
            place = version.place(finding.span) if finding.span else None
            if place is None or (place[0] <= end and start <= place[1]):
                for title, edit, sure in _remedies(version, finding, place):
                    found.append(_action(version, title, [edit], finding, sure))
    if _wanted(types.CodeActionKind.SourceFixAll, only) and (every := fixes(version)):
        action = types.CodeAction(
            f"Apply {len(every)} safe fixes" if len(every) > 1 else "Apply the safe fix",
            types.CodeActionKind.SourceFixAll,
            edit=_edit(version, every),
        )
        found.append(action)
    return found


def fixes(version: Version) -> list[Edit]:
    """The edits of all safe fixes."""
    edits = []
    for finding in version.findings:
        place = version.place(finding.fix.span) if finding.fix else None
        if finding.fix is not None and place is not None:
            edits.append(whole_line(version.text, (*place, finding.fix.text)))
    return sorted(edits)


def _wanted(kind: str, only: list[str] | None) -> bool:
    return only is None or any(kind == o or kind.startswith(f"{o}.") for o in only)


def _remedies(version: Version, finding: Diagnostic, place: tuple[int, int] | None) -> list[tuple[str, Edit, bool]]:
    """Title, edit, and whether it is the one to take."""
    found: list[tuple[str, Edit, bool]] = []
    if finding.fix is not None and (at := version.place(finding.fix.span)) is not None:
        found.append(
            (_sentence(finding.help) or "Apply the fix", whole_line(version.text, (*at, finding.fix.text)), True)
        )
    if place is not None:
        said = _NAME.match(version.text, place[0], place[1])
        for new in suggested(finding.help) if said else ():
            assert said is not None
            sign = said.group()[0] if said.group()[0] in "+-@" and new[0] not in "+-@" else ""
            found.append(
                (f"Replace by `{sign}{new}`", (said.start(), said.end(), sign + new), new == suggested(finding.help)[0])
            )
    found += _written_down(version, finding)
    return found


def _written_down(version: Version, finding: Diagnostic) -> list[tuple[str, Edit, bool]]:
    """What a note says is assumed, as text."""
    inspection = version.inspection
    if inspection is None:
        return []
    net = _net(version)
    at = version.text.rfind("\n", 0, net[0]) + 1 if net else 0
    at = max(at, int(version.text.startswith("\ufeff")))
    indent = version.text[at : net[0]] if net else ""  # less, and the network would go on with what is written
    end = "\r\n" if "\r\n" in version.text else "\n"
    match finding.code:
        case "A508":
            return [("State the input", (at, at, f"{indent}input {dims(inspection.input)}{end}"), False)]
        case "A510":
            return [("State the number of classes", (at, at, f"{indent}classes {inspection.classes}{end}"), False)]
        case "A509" if net is not None:
            return [("Write the head", (net[1], net[1], " gap linear(classes)"), False)]
    return []


def _net(version: Version) -> tuple[int, int] | None:
    """Begin and end of the network's statement."""
    reading = version.reading
    found: tuple[int, int] | None = None
    for unit, kind in zip(reading.units, reading.kinds, strict=True) if reading else ():
        for item in unit.items if kind == "net" else ():
            if isinstance(item, ast.Statement):
                base = unit.part.offset
                start = found[0] if found else base + item.span.start
                found = start, base + item.span.end
    return found


def _action(version: Version, title: str, edits: list[Edit], finding: Diagnostic, sure: bool) -> types.CodeAction:
    return types.CodeAction(
        title, types.CodeActionKind.QuickFix, [diagnostic(version, finding)], sure or None, edit=_edit(version, edits)
    )


def _edit(version: Version, edits: list[Edit]) -> types.WorkspaceEdit:
    changes = [types.TextEdit(version.places.range(a, b), new) for a, b, new in edits]
    return types.WorkspaceEdit(changes={version.document.uri: changes})


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
