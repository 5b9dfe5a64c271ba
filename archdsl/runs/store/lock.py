"""One writer a run: a lock on a file in its folder, held while the run is written.

The system frees the lock of a process that ends, however it ends. The file says who has it. A lock that a process of
another host has taken counts until its file is deleted: not every network file system carries locks between hosts.
Where a file system has no locks, the file itself is the lock, and its owner is looked up by pid and start time.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.atomic import write_all, writing
from archdsl.errors import EnvError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = "claim.json"
WAIT = 0.25  # seconds for another process to finish looking; it takes a millisecond
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system says that has no locks


class LockLost(EnvError):
    """Another process has the run by now; what this one would write is dropped."""


class RunLocked(EnvError):
    """Another process writes the run."""


@dataclass(frozen=True, slots=True)
class RunLock:
    """The right to write a run."""

    path: Path
    token: str  # "" where the file is the lock, and its content is filelock's
    _lock: BaseFileLock

    def check(self) -> None:
        """Raises LockLost if the lock was removed, or another process has taken it since."""
        if not self._ours(owner := _read(self.path)):
            now = f"{_named(owner)} has it" if owner else "its lock is gone"
            raise LockLost(
                f"this process has lost the run {self.path.parent}: {now}",
                help="nothing more was written; the same command resumes from the last checkpoint "
                "once no other process writes it",
            )

    def release(self) -> None:
        """Let others have the run. Does nothing to a lock that another process has taken since."""
        if self._lock.is_locked:
            with suppress(OSError):
                if self.token and self._ours(_read(self.path)):
                    self.path.unlink()
                self._lock.release()

    def _ours(self, owner: dict[str, Any] | None) -> bool:
        if self.token:
            return owner is not None and owner.get("token") == self.token
        return bool(getattr(self._lock, "is_lock_held_by_us", False))


def lock_run(folder: Path) -> RunLock:
    """Lock the run in ``folder``, also after a process of this host that was killed.

    Raises:
        RunLocked: another process has it.
        EnvError: the lock cannot be written.
    """
    path, token = folder / LOCK, secrets.token_hex(16)
    with writing(path):
        folder.stat()  # filelock would make it
        if path.is_symlink():
            path.unlink()
        _refuse_other_host(path)
        lock = _acquired(path)
        if not _is_file_lock(lock):
            return RunLock(path, "", lock)
        try:
            _refuse_other_host(path)
            _sign(path, token)
        except BaseException as error:
            if isinstance(error, OSError):  # half of it may be written
                path.unlink(missing_ok=True)
            lock.release()
            raise
    ours = RunLock(path, token, lock)
    ours.check()
    return ours


def held(folder: Path) -> bool:
    """Whether a process writes the run in ``folder``, as far as this host can tell."""
    path = folder / LOCK
    owner = _read(path)
    if owner is None or _other_host(owner):
        return owner is not None
    from filelock import SoftFileLock, Timeout, lock_descriptor  # 40 ms; most runs of a list have ended

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # released since
    try:
        return not lock_descriptor(handle, blocking=False)
    except OSError:
        with suppress(OSError, Timeout), SoftFileLock(path, timeout=WAIT):
            return False
        return True
    finally:
        os.close(handle)


def release_of(out: Path, host: str, pid: int) -> None:
    """Take back the locks of a process on another host that is known to be gone. Were it alive after all, it would
    see that its lock is lost, and drop what it writes.
    """
    for path in out.glob(f"*/{LOCK}"):
        owner = _read(path)
        if owner is not None and (owner.get("host"), owner.get("pid")) == (host, pid):
            with suppress(OSError):
                path.unlink()


def _acquired(path: Path) -> BaseFileLock:
    from filelock import FileLock, SoftFileLock, Timeout

    try:
        try:
            lock: BaseFileLock = FileLock(path, WAIT, thread_local=False, poll_interval=0.005, fallback_to_soft=False)
            lock.acquire()
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            if not path.stat().st_size:  # what the attempt left would count as the lock of somebody
                path.unlink()
            lock = SoftFileLock(path, WAIT, thread_local=False, poll_interval=0.005)
            lock.acquire()
    except Timeout:
        raise _locked(path, _read(path) or {}) from None
    return lock


def _is_file_lock(lock: BaseFileLock) -> bool:
    from filelock import SoftFileLock

    return not isinstance(lock, SoftFileLock)


def _sign(path: Path, token: str) -> None:
    about = {"host": socket.gethostname(), "pid": os.getpid(), "token": token, "since": time.time()}
    # Not synced, as two of the nine syncs of a run would be for it. If this host loses its power, the lock is free again; if
    # a file server does, the owner sees that its file is gone before it writes anything else.
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    try:
        write_all(handle, (json.dumps(about) + "\n").encode())
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, Any] | None:
    """Who has the lock; None if there is none, and an empty dict if the file does not say."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvError(f"cannot read {path}: {error.strerror}", help="let its owner make it readable") from error
    with suppress(ValueError):
        return owner if isinstance(owner := json.loads(text), dict) else {}
    with suppress(ValueError):  # as SoftFileLock writes it: pid, host and start time, a line each
        pid, host, *_ = text.split("\n")
        return {"pid": int(pid), "host": host.partition("?")[0]}
    return {}


def _other_host(owner: dict[str, Any]) -> bool:
    return bool(owner) and owner.get("host") != socket.gethostname()


def _refuse_other_host(path: Path) -> None:
    owner = _read(path)
    if owner is not None and _other_host(owner):
        raise _locked(path, owner)


def _named(owner: dict[str, Any]) -> str:
    return f"process {owner.get('pid', '?')} on {owner.get('host', '?')}"


def _locked(path: Path, owner: dict[str, Any]) -> RunLocked:
    if not _other_host(owner):
        help = "wait until it ends, or end it"
        return RunLocked(f"the run {path.parent} is being written by {_named(owner)}", help=help)
    since = owner.get("since")
    age = _ago(time.time() - since) if isinstance(since, int | float) else ""
    return RunLocked(
        f"the run {path.parent} is locked by {_named(owner)}{age}",
        help=f"if nothing runs there any more, delete {path}",
    )


def _ago(seconds: float) -> str:
    if seconds < 0:
        return ", in the future by this host's clock"
    unit, size = next(
        (u, s)
        for u, s in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
        if seconds >= 2 * s or s == 1
    )
    return f" since {seconds / size:.0f} {unit}"
