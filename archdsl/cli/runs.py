"""``archdsl runs``: list, show, compare and delete runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from archdsl.train.runs import Run

ACTIONS = ("show", "compare", "delete")


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[show|compare|delete RUN…]", help="Without words, the runs in the folder are listed."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the runs.")] = Path("runs"),
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="TEST", help="Only runs such as 'accuracy > 0.9 and status = finished'."),
    ] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="COLUMN", help="By a column; -accuracy falls.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    format: Annotated[
        Literal["table", "csv", "tsv", "json", "md"], typer.Option("--format", help="How to print.")
    ] = "table",
) -> None:
    """List runs; `show RUN`, `compare RUN RUN…` or `delete RUN…`. A RUN is a folder, or its name in --out."""
    from archdsl.errors import ArchError

    action, *names = words or [""]
    if action and action not in ACTIONS:
        raise ArchError(
            f"`archdsl runs {action}`: one of show, compare and delete", help="`archdsl runs` lists all runs"
        )
    if action and not names:
        raise ArchError(f"`archdsl runs {action}` needs the name of a run", help="`archdsl runs` lists them")
    if action == "delete":
        _delete(_folders(names, out), yes)
    elif action == "compare":
        _compare(_opened(names, out), format)
    elif action == "show":
        _show(_opened(names, out), format)
    else:
        _list(out, where, sort, format)


def _list(out: Path, where: str | None, sort: str | None, format: str) -> None:
    from archdsl.cli.output import put_table
    from archdsl.errors import EnvError
    from archdsl.report.table import Column, Table
    from archdsl.train.listing import KEYS, chosen, rows

    if not out.is_dir():
        raise EnvError(f"there is no folder {out}", help="`archdsl train SPEC` makes it; --out names another")
    kinds: dict[str, dict[str, Any]] = {
        "accuracy": {"kind": "percent", "digits": 2}, "valid": {"kind": "percent", "digits": 2},
        "loss": {"kind": "float", "digits": 4}, "epochs": {"kind": "int"}, "params": {"kind": "int"},
        "seconds": {"kind": "float", "digits": 1},
    }  # fmt: skip
    found = chosen(rows(out), where, sort)
    columns = tuple(Column(k, **kinds.get(k, {})) for k in KEYS)
    put_table(Table(columns, tuple(tuple(r[k] for k in KEYS) for r in found)), format)


def _show(runs: list[Run], format: str) -> None:
    from archdsl.cli.output import put_json, put_table
    from archdsl.report.table import Column, Table
    from archdsl.train.listing import flat

    if format == "json":
        put_json([{"run": str(r.folder), "spec": r.spec, "settings": r.settings, "versions": r.versions, "result": r.result}
                  for r in runs])  # fmt: skip
        return
    for run in runs:
        parts = {"settings": dict(run.settings), "versions": dict(run.versions), "result": dict(run.result or {})}
        lines = [(name, _text(value)) for name, value in flat(parts).items()]
        put_table(Table((Column("what"), Column("value")), tuple(lines), run.folder.name), format)


def _compare(runs: list[Run], format: str) -> None:
    from archdsl.cli.output import put_table
    from archdsl.errors import ArchError
    from archdsl.report.table import Column, Table
    from archdsl.train.listing import KEYS, differences, row

    if len(runs) < 2:
        raise ArchError("a comparison needs two runs or more")
    lines = [(name, *map(_text, values)) for name, values in differences(runs)]
    figures = [row(r) for r in runs]
    lines += [(k, *(_text(f[k]) for f in figures)) for k in KEYS[2:]]
    columns = (Column("what"), *(Column(f"{n} {r.folder.name}") for n, r in enumerate(runs, 1)))
    put_table(Table(columns, tuple(lines)), format)


def _text(value: object) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value).strip()


def _folders(names: list[str], out: Path) -> list[Path]:
    """Folders of runs: real ones, no links.

    Raises:
        EnvError: one is none.
    """
    from archdsl.errors import EnvError
    from archdsl.train.runs import SPEC

    found = []
    for name in names:
        path = Path(name) if (Path(name) / SPEC).is_file() else out / name
        if path.is_symlink() or not (path / SPEC).is_file():
            raise EnvError(f"{name} is no run", help=f"`archdsl runs --out {out}` lists those that there are")
        found.append(path)
    return found


def _opened(names: list[str], out: Path) -> list[Run]:
    from archdsl.train.runs import load_run

    return [load_run(path) for path in _folders(names, out)]


def _delete(paths: list[Path], yes: bool) -> None:
    from archdsl.errors import ArchError
    from archdsl.train.store.claim import claim

    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise ArchError("nobody can be asked here whether to delete", help="give --yes")
        names = ", ".join(p.name for p in paths)
        if not typer.confirm(f"Delete {names}?", err=True):
            raise SystemExit(2)
    for path in paths:
        claim(path)  # refuses a run that is being trained
        shutil.rmtree(path)
