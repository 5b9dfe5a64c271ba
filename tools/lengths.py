"""Refuses files that are too long to be read at once.

python tools/lengths.py

Prints the files of archdsl/ and tests/ with more lines than allowed, and exits with 1 if there are any.
"""

from __future__ import annotations

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
MOST = 300  # lines of a file, by rule; 120 by habit


def lengths() -> dict[str, int]:
    """The lines of each Python file, by its path in the repository."""
    paths = sorted(path for folder in ("archdsl", "tests") for path in (REPO / folder).rglob("*.py"))
    return {path.relative_to(REPO).as_posix(): len(path.read_text("utf-8").splitlines()) for path in paths}


def too_long() -> list[str]:
    """A line for each file that is."""
    return [
        f"{path}: {count} lines, at most {MOST}; split it by subject"
        for path, count in lengths().items()
        if count > MOST
    ]


def main() -> int:
    """The exit status."""
    found = too_long()
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
