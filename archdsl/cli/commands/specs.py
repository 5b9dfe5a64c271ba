"""``archdsl specs``: the specs and studies that are shipped."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from archdsl.cli.options import Format

_PARAMETERS = re.compile(r"([\d,]+) parameters")
ABOUT = 60
_PARITY = re.compile(r"parity: (\S+)")


def command(
    filter: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="Only those with this text in their name or description.")
    ] = None,
    format: Format = "table",
) -> None:
    """List the shipped specs and studies; every command takes their names, in any folder."""
    from archdsl.cli.output import put_json, put_table
    from archdsl.errors import ArchError, suggest
    from archdsl.report import FORMATS, Column, Table

    every = shipped()
    wanted = (filter or "").casefold()
    found = [s for s in every if wanted in s.name.casefold() or wanted in s.about.casefold()]
    if not found:
        raise ArchError(f"no shipped spec or study has `{filter}` in its name or description",
                        help=suggest(filter or "", (s.name for s in every)) or "`archdsl specs` lists all")  # fmt: skip
    if format == "json":
        put_json([asdict(s) for s in found])
        return
    columns = (
        Column("name"),
        Column("kind"),
        Column("params", "int"),
        Column("parity", omit=2),
        Column("path", omit=1),
        Column("about", omit=3),
    )
    rows = tuple(
        (s.name, s.kind, s.params, s.parity, s.path, _short(s.about) if FORMATS[format].people else s.about)
        for s in found
    )
    put_table(Table(columns, rows), format)


def _short(about: str) -> str:
    """As much of a description as a line of a table takes; formats for programs have all of it."""
    return about if len(about) <= ABOUT else about[: ABOUT - 2].rstrip(" ,:.") + " …"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped file as its head describes it: ``name`` is the shortest one by which it is found, ``params`` its
    parameters where the head says them, ``parity`` the network of another library that it is held equal to."""

    name: str
    kind: str
    params: int | None
    parity: str | None
    path: str
    about: str


def shipped() -> list[Shipped]:
    """Every shipped spec, then every study."""
    from archdsl import files

    return [_read(p, "spec") for p in files.specs()] + [_read(p, "study") for p in files.studies()]


def _read(path: Path, kind: str) -> Shipped:
    from archdsl import files

    head = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").strip())
    text = "\n".join(head)
    params, parity = _PARAMETERS.search(text), _PARITY.search(text)
    return Shipped(
        files.short(path), kind, int(params[1].replace(",", "")) if params else None, parity[1] if parity else None,
        files.listed(path), head[0] if head else "",
    )  # fmt: skip
