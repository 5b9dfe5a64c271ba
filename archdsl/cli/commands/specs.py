"""``archdsl specs``: the specs, spaces and studies that are shipped."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from archdsl.cli.options import Format

_PARAMETERS = re.compile(r"([\d,]+) parameters")
WIDTH = 80  # of a table for people
_PARITY = re.compile(r"parity: (\S+)")


def command(
    filter: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="Only those with this text in their name or description.")
    ] = None,
    format: Format = "table",
) -> None:
    """List the shipped specs, with their parameters, spaces, and studies, with their arms; every command takes their names, in
    any folder. CSV, TSV and JSON have the path too, the whole description, and the network that a spec is held equal to."""
    from archdsl.cli.output import put_json, put_table
    from archdsl.errors import ArchError, suggest
    from archdsl.report import FORMATS, Column, Table

    every = shipped()
    wanted = (filter or "").casefold()
    found = [s for s in every if wanted in s.name.casefold() or wanted in s.about.casefold()]
    if not found:
        raise ArchError(
            f"no shipped spec or study has `{filter}` in its name or description",
            help=suggest(filter or "", (s.name for s in every)) or "`archdsl specs` lists all",
        )
    if format == "json":
        put_json([asdict(s) for s in found])
        return
    size = (Column("params", "int"), Column("arms", "int"))
    if FORMATS[format].people:
        params = max(map(len, ("params", *(f"{s.params:,}" for s in found if s.params))))
        left = WIDTH - max(len(s.name) for s in found) - params - len("arms") - 3 * len("  ")
        rows = tuple((s.name, s.params, s.arms, _short(s.about, left)) for s in found)
        put_table(Table((Column("name"), *size, Column("about")), rows), format)
        return
    columns = (Column("name"), Column("kind"), *size, Column("parity"), Column("path"), Column("about"))
    put_table(
        Table(columns, tuple((s.name, s.kind, s.params, s.arms, s.parity, s.path, s.about) for s in found)), format
    )


def _short(about: str, most: int) -> str:
    """As much of a description as fits."""
    return about if len(about) <= most else about[: most - 2].rstrip(" ,:.") + " …"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped file as its head describes it: ``name`` is the shortest one by which it is found, ``params`` its
    parameters where the head says them, ``arms`` those of a study, ``parity`` the network of another library that it is held
    equal to."""

    name: str
    kind: str
    params: int | None
    arms: int | None
    parity: str | None
    path: str
    about: str


def shipped() -> list[Shipped]:
    """Every shipped spec, then every space of a search, then every study."""
    from archdsl import files

    kinds = {"spec": files.specs(), "space": files.spaces(), "study": files.studies()}
    return [_read(path, kind) for kind, paths in kinds.items() for path in paths]


def _read(path: Path, kind: str) -> Shipped:
    from archdsl import files
    from archdsl.study.plan.arms import count_arms
    from archdsl.study.plan.file import read_study

    head = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").strip())
    text = "\n".join(head)
    params, parity = _PARAMETERS.search(text), _PARITY.search(text)
    return Shipped(
        files.short(path),
        kind,
        int(params[1].replace(",", "")) if params else None,
        count_arms(read_study(path)) if kind == "study" else None,
        parity[1] if parity else None,
        files.listed(path),
        head[0] if head else "",
    )
