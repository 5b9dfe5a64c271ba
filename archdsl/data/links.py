"""Links in trees of pictures: none may count a picture twice. Only links cost; plain files are not asked about."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from archdsl.errors import EnvError
from archdsl.words.data.spelling import skipped


def check_link(path: str, root: str, followed: tuple[str, ...] = ()) -> str:
    """The folder that a link leads to.

    Raises:
        EnvError: its pictures would count twice, or without end.
    """
    place, real = os.path.realpath(path), os.path.realpath(root)
    for other in (real, *followed):
        if _within(place, other) or _within(other, place):
            raise _twice(path, place)
    return place


def _within(inner: str, outer: str) -> bool:
    return (inner + os.sep).startswith(outer.rstrip(os.sep) + os.sep)


def _twice(path: str, place: str) -> EnvError:
    return EnvError(f"the link {path} leads to {place}, whose pictures are in the set already", help="remove the link")


@dataclass
class Links:
    """The links of a set. ``files`` are those to files, as found; ``folders`` the real places of the folders that count, each
    with the path by which it was found: class folders, and those that links lead to. ``again`` are links to one of these.
    """

    files: list[str] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)
    again: list[tuple[str, str]] = field(default_factory=list)

    def add_folder(self, path: str, place: str) -> None:
        """Count a folder and all below it."""
        before = self.folders.setdefault(place, path)
        if before != path:
            self.again.append((path if os.path.islink(path) else before, place))

    def check(self) -> None:
        """Refuse links by which a file is in the set twice.

        Raises:
            EnvError: it names the first one, and where it leads.
        """
        if self.again:
            raise _twice(*self.again[0])
        above = dict[str, str]()
        for place, path in self.folders.items():
            outer = "" if skipped(os.path.basename(place)) else self._counted(os.path.dirname(place), above)
            if outer:
                link = path if os.path.islink(path) else self.folders[outer]
                raise _twice(link, place if link == path else outer)
        seen, real, twice = set[str](), dict[str, str](), list[tuple[str, str]]()
        for path in sorted(self.files):
            place = real_file(path, real)
            folder, name = os.path.split(place)
            if place in seen or (not skipped(name) and self._counted(folder, above)):
                twice.append((path, place))
            seen.add(place)
        if twice:
            first, place = min(twice)
            many = f" ({len(twice):,} such links)" if len(twice) > 1 else ""
            raise EnvError(
                f"the link {first} leads to {place}, which is in the set already{many}",
                help="remove the links, so that each picture counts once" if many else "remove the link",
            )

    def _counted(self, folder: str, known: dict[str, str]) -> str:
        """The folder of ``folders`` in which another one counts; "" where it does not."""
        if folder not in known:
            if folder in self.folders:
                known[folder] = folder
            else:
                outer = os.path.dirname(folder)
                known[folder] = (
                    "" if outer == folder or skipped(os.path.basename(folder)) else self._counted(outer, known)
                )
        return known[folder]


def real_file(path: str, real: dict[str, str]) -> str:
    """The path of a file without links; ``real`` are folders that are resolved already, as a set may have a million files."""
    if os.path.islink(path):
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    folder, name = os.path.split(path)
    if folder not in real:
        real[folder] = os.path.realpath(folder)
    place = os.path.join(real[folder], name)
    return os.path.realpath(place) if os.path.islink(place) else place
