"""Lists in JSON that are kept beside runs: what was asked, looked at and typed. None is replaced in silence: a file that is
damaged is set aside under another name, and what cannot be kept is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from archdsl.atomic import read_stored, write_whole
from archdsl.errors import ArchError
from archdsl.notices import notice
from archdsl.report.numbers import many


def read_list(path: Path, what: str, valid: Callable[[Any], bool]) -> list[Any] | None:
    """The entries of a list that are valid; none where there is no file.

    Args:
        what: what it holds, for messages: ``earlier questions``.

    Returns:
        None where the file is there and can neither be read nor set aside: nothing may be written in its place.
    """
    try:
        data = read_stored(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except ArchError as error:
        notice(f"{error.message}: {what} are not known, and nothing is recorded; {error.help}")
        return None
    except OSError as error:
        return _set_aside(path, what, error.strerror or str(error), [])
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        return _set_aside(path, what, f"it is not JSON: {error}", [])
    if not isinstance(content, list):
        return _set_aside(path, what, "it holds no list", [])
    good = [entry for entry in content if valid(entry)]
    if len(good) == len(content):
        return good
    return _set_aside(path, what, f"{many(len(content) - len(good), 'entry', 'entries')} of {len(content):,}", good)


def keep_list(path: Path, what: str, entries: Sequence[Any]) -> None:
    """Write a list; where that is not possible, it is said."""
    try:
        write_whole(path, json.dumps(list(entries), indent=1).encode())
    except (OSError, ArchError) as error:
        why = error.message if isinstance(error, ArchError) else f"cannot write {path}: {error.strerror or error}"
        notice(f"{what} are not recorded: {why}")


def _set_aside(path: Path, what: str, why: str, good: list[Any]) -> list[Any] | None:
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while aside.exists() or aside.is_symlink():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        notice(
            f"{path} is damaged ({why}), and cannot be set aside ({error.strerror or error}): {what} are not known, and "
            "nothing is recorded; repair or remove it"
        )
        return None
    if not good:
        notice(
            f"{path} is damaged ({why}) and is kept as {aside.name}: {what} are not known; repair it, and put it back"
        )
        return []
    notice(f"{path} is damaged ({why}) and is kept as {aside.name}: the other {what} are taken over")
    keep_list(path, what, good)
    return good
