"""What tells that a file is unchanged."""

from __future__ import annotations

import os
from pathlib import Path

INODE = (1 << 63) - 1  # the bits of an inode that are kept: some file systems use all 64, which no signed number holds

About = tuple[int, int, int, int]  # bytes, nanoseconds of the last change of content and of the inode, inode


def about(stat: os.stat_result) -> About:
    """What tells that a file is unchanged. The time of the inode's change cannot be set by programs, so that a file which
    gets its old time of change back (``touch -r``, ``rsync -t``) is noticed."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino & INODE


def seen(path: Path) -> About:
    """``about`` of the file at a path.

    Raises:
        OSError: the file is not there.
    """
    return about(path.stat())
