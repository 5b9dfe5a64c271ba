"""``archdsl check``: everything that is wrong or doubtful, of all specs at once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, Set, Specs


def command(
    specs: Specs,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    format: Annotated[
        Literal["text", "json", "sarif", "github"],
        typer.Option("--format", help="How to print; `github` annotates a pull request."),
    ] = "text",
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe fixes to the files.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=0, help="Number of processes; 0 chooses it.")] = 0,
) -> None:
    """Say everything that is wrong or doubtful in specs and studies. Folders are searched for *.arch, and for *.yaml with
    a `base:`. Exits with 2 on errors."""
    from archdsl.cli.output import put, say
    from archdsl.cli.support.checker import Options, check_all, study_of
    from archdsl.cli.views.diagnostics import printed

    done = check_all(specs, Options(input, classes, data, tuple(set or ()), fix), jobs)
    found = [finding for one in done for finding in one.found]
    refused = [one.refused for one in done if one.refused is not None]
    idle = [n for n, given in (("--input", input), ("--classes", classes), ("--fix", fix)) if given]
    if idle and (studies := [spec for spec in specs if study_of(spec) is not None]):
        say(f"note: {' and '.join(idle)}: without effect on studies: {', '.join(studies)}")
    text = printed(found, sum(one.checked for one in done), format, len(refused))
    put(text, json=format in ("json", "sarif"))
    for error in refused[:-1]:
        say(f"error: {error}", lines=True)
    if refused:
        raise refused[-1]
    if any(d.severity == "error" for _, d in found):
        raise SystemExit(2)
