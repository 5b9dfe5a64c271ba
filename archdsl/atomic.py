"""Files that are whole or not there, and the JSON in them."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from archdsl.errors import EnvError
from archdsl.files import read_regular

NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, and needs a privilege to make links
# Something that is not a file is there, or nothing: damage. Every other error is the system's: rights, quota, a bad disk.
DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ELOOP})
TEMPORARY = ".tmp-"  # begins the name of every file that is not whole yet


@contextmanager
def writing(place: Path, help: str = "free disk space, or name another folder of runs with --runs") -> Iterator[None]:
    """Errors of the system while something is written, as an EnvError that names the place."""
    try:
        yield
    except OSError as error:
        raise EnvError(f"cannot write {error.filename or place}: {error.strerror or error}", help=help) from error


def write_whole(target: Path, data: bytes, guard: Callable[[], object] = lambda: None) -> None:
    """Put a file in its place once it is on the disk; what was there before stays until then.

    Args:
        guard: asked at the last moment; what it raises leaves the file as it was.

    Raises:
        EnvError: it cannot be written.
    """
    write_together([(target, data)], guard)


def write_together(files: Sequence[tuple[Path, bytes]], guard: Callable[[], object] = lambda: None) -> None:
    """Put files of one folder in their places, one after the other, once all of them are on the disk.

    A file is made before the first one is synced: on ext4 a new name waits for the sync before it, so that five files
    of their own take 3 ms where these take 1. File systems with a journal keep the order of the renames, so a later
    name is never there without the ones before it.

    Raises:
        EnvError: one cannot be written; the names that are in place by then are whole.
    """
    folder = files[0][0].parent
    # Two containers may write one file from processes of one number, and a process from two threads.
    own = f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
    parts = [(target.with_name(f"{own}-{target.name}"), target, data) for target, data in files]
    with writing(files[0][0]):
        handles: list[int] = []
        try:
            for temporary, _, data in parts:
                handles.append(_opened(temporary, os.O_CREAT | os.O_EXCL))
                write_all(handles[-1], data)
            for handle in handles:
                os.fsync(handle)
            while handles:
                os.close(handles.pop())
            for temporary, target, _ in parts:
                guard()
                os.replace(temporary, target)
        finally:  # KeyboardInterrupt too
            for handle in handles:
                with suppress(OSError):
                    os.close(handle)
            for temporary, _, _ in parts:
                with suppress(OSError):
                    temporary.unlink()
        sync_folder(folder)


def _opened(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | NO_LINK | getattr(os, "O_BINARY", 0) | flags, 0o666)


def open_own(path: Path, flags: int) -> int:
    """A file of a run folder, opened to be changed in its place. A folder that was received from somebody else may hold a
    link of that name, through which a file elsewhere would be changed.

    Raises:
        EnvError: it is a link, has other names (hard links), or is not a file.
        OSError: it cannot be opened.
    """
    try:
        handle = _opened(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a reader would be waited for
    except OSError as error:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise _strange(path, "a link" if path.is_symlink() else "no file") from error
        raise
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_nlink <= 1:
        return handle
    os.close(handle)
    names = f"a file of {about.st_nlink} names (hard links)"
    raise _strange(path, names if stat.S_ISREG(about.st_mode) else "no file")


def _strange(path: Path, what: str) -> EnvError:
    return EnvError(
        f"{path} is {what}, and what is written to it could change a file elsewhere",
        help="put a copy of its own in its place, or delete it",
    )


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet, without waiting for the disk.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be written; what there is of it stays.
    """
    handle = _opened(path, os.O_CREAT | os.O_EXCL)
    try:
        write_all(handle, data)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """``os.write`` until nothing is left: it may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk; a new name is lost with the power before that."""
    if os.name == "nt":  # it cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_stored(path: Path) -> bytes:
    """The bytes of a file of a run folder.

    Raises:
        EnvError: the system does not let it be read, so that nothing is known about what it holds.
        OSError: there is no regular file.
    """
    try:
        return read_regular(path)
    except OSError as error:
        if error.errno in DAMAGE:
            raise
        raise EnvError(
            f"cannot read {path}: {error.strerror or error}", help="make it readable, and run the same command again"
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        EnvError: the system does not let it be read.
        OSError: there is no regular file.
        ValueError: it holds none.
    """
    try:
        data = read_stored(path)
        if not data.strip():
            raise ValueError(f"{path.name} is empty")
        content = json.loads(data)
    except RecursionError:
        raise ValueError(f"{path.name} nests too deep") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content


def as_json(value: object, indent: int | None = None) -> bytes:
    """Strict JSON with a line end; null stands for NaN and infinity."""
    text = json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogateescape")


def plain(value: Any) -> Any:
    """The value with null for every number that JSON has no word for (NaN, infinity)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
