"""A file that gets its name only when it is whole: written beside its place, brought to the disk, then moved there."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.extras import broken


def check_target(path: Path) -> None:
    """Fail before any work is done if no file can be written there.

    Raises:
        EnvError: the folder is missing or cannot be written, or the path is a folder or a device.
    """
    with replacing(path, keep=False):
        pass


@contextmanager
def replacing(path: Path, keep: bool = True) -> Iterator[Path]:
    """A new file beside ``path``; it takes the name when the block ends well, and is gone when anything is raised.

    Raises:
        EnvError: it cannot be written.
    """
    with _explained(path):
        path = real(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)  # of a process of this number that was killed
            temporary.open("xb").close()
            yield temporary
            if keep:
                _sync(temporary, os.O_RDWR)
                os.replace(temporary, path)
        finally:  # KeyboardInterrupt too
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if keep:
            with suppress(OSError):  # some systems cannot open a folder
                _sync(path.parent, os.O_RDONLY)


@contextmanager
def replacing_several(path: Path) -> Iterator[Path]:
    """A new file in a folder of its own beside ``path``, into which others may be written too. When the block ends well,
    all files in that folder move beside ``path``, that of the name itself last; when anything is raised, none does.
    Where ``path`` is a link, that is the file that it leads to: the new file has its name.

    Raises:
        EnvError: they cannot be written.
    """
    with _explained(path):
        path = real(path)
        room = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            shutil.rmtree(room, ignore_errors=True)  # of a process of that number that was killed
            room.mkdir()
            yield room / path.name
            files = sorted(room.iterdir(), key=lambda file: (file.name == path.name, file.name))
            for file in files:
                _sync(file, os.O_RDWR)
            for file in files:
                os.replace(file, path.with_name(file.name))
        finally:
            shutil.rmtree(room, ignore_errors=True)
        with suppress(OSError):
            _sync(path.parent, os.O_RDONLY)


def real(path: Path) -> Path:
    """Where the file itself is: a link stays a link, and what is not a file is not replaced by one.

    Raises:
        EnvError: it is a folder, a device or a pipe.
    """
    if path.is_dir():
        raise EnvError(f"{path} is a folder", help="name a file in it")
    if path.exists() and not path.is_file():
        raise EnvError(f"{path} is a device or a pipe, not a file", help="name a file")
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if (unusable := broken(error)) is not None:  # a package that the content needs, imported while it is made
            raise unusable from error
        if not path.parent.exists():
            raise EnvError(
                f"there is no folder {path.parent}", help=f"create it: mkdir -p {shlex.quote(str(path.parent))}"
            ) from error
        raise EnvError(
            f"cannot write {path}: {error.strerror or error}",
            help="free disk space, or name a place that can be written",
        ) from error


def _sync(path: Path, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
