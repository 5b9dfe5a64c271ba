"""Hashes of data files that are kept from command to command, in the user's cache.

An entry for each data set: a digest of the listing (name, size, times of change, inode of every file) with the fingerprint
that belongs to it, and beside it the hash of each file, of which only those that changed are read again. The cache can be
deleted at any time; one that is missing, damaged or cannot be written costs time and nothing else.

A file that was written at nearly the time at which it was hashed may have been written once more without another time of
change (git calls such an entry "racy"): its hash is not kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from archdsl.atomic import write_together
from archdsl.data.roots import cache_root
from archdsl.errors import ArchError
from archdsl.unchanged import About

VERSION = 1  # of what is kept of single files
LISTINGS = 2  # of fingerprints; 1 lost the class of a picture below "."
FOLDER = "fingerprints"
# Nanoseconds: times of change are this coarse at worst (FAT: 2 s). A file that is younger when it is hashed is hashed again
# at the next look.
RACY = 2_100_000_000


class Listing:
    """A digest of files and what the system says of them, built folder by folder in a fixed order.

    Sets have so many files that a tuple or a line of text for each would take longer than to ask for them.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._began = time.time_ns()
        self.newest = 0  # the latest time of change in it, nanoseconds

    @property
    def settled(self) -> bool:
        """Whether each of its files was old enough, when this listing was begun, that one written later has another time."""
        return self.newest + RACY < self._began

    def add(self, prefix: str, names: Sequence[str], facts: array[int]) -> None:
        """Files of one folder, sorted by name; ``facts`` has the numbers of ``about`` of each, one behind the other."""
        self._hash.update("\0".join((prefix, str(len(names)), *names, "")).encode("utf-8", "surrogateescape"))
        self._hash.update(facts.tobytes())
        self.newest = max(self.newest, max(facts[1::4], default=0), max(facts[2::4], default=0))

    @property
    def digest(self) -> str:
        """The hash of all that was added."""
        return self._hash.hexdigest()


class Entry:
    """What is remembered of the data set at a place. Times are taken before a file is looked at.

    The hashes of single files are read from the disk only where one is asked for.
    """

    def __init__(self, place: str) -> None:
        self._name = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._began = time.time_ns()
        self._files: dict[str, list[Any]] | None = None
        self._learned = False

    def fingerprint(self, listing: Listing) -> str | None:
        """The fingerprint that was kept for this very listing."""
        kept = self._read("json")
        found = kept.get("fingerprint")
        same = kept.get("version") == LISTINGS and kept.get("listing") == listing.digest
        return found if same and isinstance(found, str) and len(found) == 64 else None

    def known(self, path: str, now: About) -> tuple[int, str] | None:
        """Size and hash of a file that is as it was when it was hashed."""
        if self._files is None:
            kept = self._read("files.json")
            files = kept.get("files")
            self._files = files if kept.get("version") == VERSION and isinstance(files, dict) else {}
        match self._files.get(path):
            case [[int(), int(), int(), int()] as before, int(size), str(digest)] if tuple(before) == now:
                return size, digest
            case _:
                return None

    def learn(self, path: str, now: About, size: int, digest: str) -> tuple[int, str]:
        """Remember the hash of a file, unless it is too young."""
        if max(now[1], now[2]) + RACY < self._began:
            self._files, self._learned = self._files if self._files is not None else {}, True
            self._files[path] = [list(now), size, digest]
        return size, digest

    def keep(self, listing: Listing, fingerprint: str) -> None:
        """Write what was learned."""
        files: list[tuple[Path, bytes]] = []
        with suppress(OSError, ArchError, RuntimeError):  # no home folder, no space, no permission
            folder = cache_root() / FOLDER
            if self._learned:
                content: dict[str, Any] = {"version": VERSION, "files": self._files}
                files.append((folder / f"{self._name}.files.json", json.dumps(content, ensure_ascii=True).encode()))
            if listing.settled:
                content = {"version": LISTINGS, "listing": listing.digest, "fingerprint": fingerprint}
                files.append((folder / f"{self._name}.json", json.dumps(content).encode()))
            if files:
                folder.mkdir(parents=True, exist_ok=True)
                write_together(files)

    def _read(self, ending: str) -> dict[str, Any]:
        try:
            found = json.loads((cache_root() / FOLDER / f"{self._name}.{ending}").read_bytes())
        except (OSError, ValueError, RecursionError, RuntimeError, ArchError):
            return {}
        return found if isinstance(found, dict) else {}
