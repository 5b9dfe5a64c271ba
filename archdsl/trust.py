"""Whether a cache may be believed. What is in it is executed or decides results, so nobody else may be able to put it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = stat.S_IWOTH | stat.S_IWGRP


def distrust(path: Path) -> str:
    """Why a folder, or a file in one, is not to be believed; "" where it may be.

    It must belong to this user or to root and be writable by nobody else, and so must every folder above it: whoever may
    rename a folder may replace what is in it. A folder above with the sticky bit, as /tmp, lets nobody rename what
    is not his own. A part of the path that does not exist yet is not looked at. Windows has other means, and is trusted.
    """
    if os.name == "nt":
        return ""
    path = Path(os.path.abspath(path))
    # The path as given and the path that it resolves to: a link may be replaced where it is.
    for route in dict.fromkeys((path, Path(os.path.realpath(path)))):
        for part in (route, *route.parents):
            if why := _distrust(part, above=part != route):
                return why
    return ""


def _distrust(part: Path, above: bool) -> str:
    try:
        about = part.lstat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{part} cannot be looked at ({error.strerror})"
    if about.st_uid not in (0, os.geteuid()):
        return f"{part} belongs to another user"
    if stat.S_ISLNK(about.st_mode):  # its mode means nothing; where it leads is looked at by itself
        return ""
    if above and about.st_mode & stat.S_ISVTX:
        return ""
    if about.st_mode & stat.S_IWOTH or (about.st_mode & stat.S_IWGRP and not _private(about.st_gid)):
        return f"others can write {part}"
    return ""


def _private(group: int) -> bool:
    """Whether a group is this user's own, as many systems give each user one of the same name; with a umask of 002 the
    folders of a home can be written by it.
    """
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return found.gr_name == user.pw_name and found.gr_gid == user.pw_gid and set(found.gr_mem) <= {user.pw_name}


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone.

    Raises:
        OSError: it cannot be made.
    """
    for part in reversed([folder, *folder.parents]):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
