"""What one process makes at a time, and others then find made."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archdsl.trust import make_private

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system says that has no locks


class Waited(OSError):
    """What was waited for did not end in time."""


@contextmanager
def alone(lock: Path, seconds: float) -> Iterator[None]:
    """One process at a time, as far as the file system has locks. The system takes the lock from a process that ends.

    Args:
        lock: the file that is locked; it stays. Its folder is made, for this user alone.
        seconds: for which another process is waited for.

    Raises:
        Waited: another one has the lock for longer.
        OSError: the file cannot be made.
    """
    from filelock import FileLock, Timeout

    make_private(lock.parent)
    held = FileLock(lock, seconds, 0o600, poll_interval=0.02, fallback_to_soft=False)
    try:
        held.acquire()
    except Timeout:
        raise Waited(f"another process has held {lock} for {seconds:g} s and more") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        held.release()
