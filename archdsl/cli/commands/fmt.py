"""``archdsl fmt``: specs in canonical layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archdsl.cli.options import Specs
from archdsl.files import read_regular

if TYPE_CHECKING:
    from archdsl.errors import ArchError


def command(
    specs: Specs,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 2 if something would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change.")] = False,
) -> None:
    """Bring specs into canonical layout: files in place, `-` and texts to standard output. Comments stay."""
    from archdsl.cli.output import put
    from archdsl.errors import SpecError
    from archdsl.syntax.format import format
    from archdsl.syntax.locate import sources

    changed: list[str] = []
    failed: list[ArchError] = []
    for source in sources(specs):
        try:
            new = format(source.text, source.name)
        except SpecError as error:
            failed.append(error)
            continue
        path = None if source.name.startswith("<") else Path(source.name)
        old = _raw(path) if path else source.text
        same = new == old
        if not same:
            changed.append(source.name)
        if diff:
            put(_diff(source.text if old is None else old, new, source.name), exact=True)
        elif path is None and not check:
            put(new, exact=True)
        elif path is not None and not same and not check:
            write(path, new)
    _report(changed, failed, told=check or diff)


def _report(changed: list[str], failed: list[ArchError], told: bool) -> None:
    from archdsl.cli.output import say

    for name in changed if told else ():
        say(f"{name} would change")
    for error in failed[:-1]:
        say(str(error), lines=True)
    if failed:
        raise failed[-1]
    if changed and told:
        raise SystemExit(2)


def _raw(path: Path) -> str | None:
    """The file as it is, line ends and byte order mark included."""
    try:
        return read_regular(path).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def write(path: Path, text: str) -> None:
    """Replace a file in one step; a link keeps pointing at it, and its mode stays."""
    import os
    import tempfile

    from archdsl.errors import EnvError

    real = path.resolve()
    temporary = ""
    try:
        mode = real.stat().st_mode & 0o7777
        handle, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, real)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise EnvError(f"{path} cannot be written: {error.strerror}") from None


def _diff(old: str, new: str, name: str) -> str:
    """A patch, as `patch` and git read it."""
    from difflib import unified_diff

    found = unified_diff(_lines(old), _lines(new), name, f"{name} (formatted)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def _lines(text: str) -> list[str]:
    """The lines with their ends; other signs at which Python ends lines are within them."""
    *whole, last = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([last] if last else [])]
