"""``archdsl check``: everything that is wrong or doubtful, of all specs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, Set, Specs

if TYPE_CHECKING:
    from archdsl.errors import Diagnostic, Source

MOST_ARMS = 1000  # of a space, so many arms are checked


def command(
    specs: Specs,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    format: Annotated[Literal["text", "json", "sarif"], typer.Option("--format", help="How to print.")] = "text",
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe remedies to files.")] = False,
) -> None:
    """Say everything that is wrong or doubtful in specs; folders are searched for *.arch. Exits with 2 on errors."""
    from archdsl.cli.findings import fixed, printed
    from archdsl.cli.output import put
    from archdsl.errors import SpecError
    from archdsl.syntax.locate import sources

    found: list[tuple[str, Diagnostic]] = []
    checked = 0
    for source in sources(specs, found):
        checked += 1
        try:
            notes = _checked(source, input, classes, data, set or [])
            if fix and any(n.fix for n in notes):
                notes = [n for n in notes if n not in fixed(source, notes)]
        except SpecError as error:
            notes = list(error.diagnostics)
        found += [(source.name, n) for n in notes]
    put(printed(found, checked, format))
    if any(d.severity == "error" for _, d in found):
        raise SystemExit(2)


def _checked(
    source: Source, input: str | None, classes: int | None, data: str | None, sets: list[str]
) -> list[Diagnostic]:
    """The notes of a spec; of a space, those of its arms, each once.

    Raises:
        SpecError: all errors.
    """
    from itertools import islice

    from archdsl.api import read, whole
    from archdsl.errors import SpecError
    from archdsl.expand.holes import arms

    source, file = read(source, input=input, classes=classes, data=data, set=sets)
    notes: dict[tuple[str, str, object], Diagnostic] = {}
    errors: dict[tuple[str, str, object], Diagnostic] = {}
    for _, arm in islice(arms(file), MOST_ARMS):
        try:
            found, into = whole(source, arm).notes, notes
        except SpecError as error:
            found, into = error.diagnostics, errors
        for d in found:
            into.setdefault((d.code, d.message, d.span), d)
    if errors:
        raise SpecError(tuple(errors.values()))
    return list(notes.values())
