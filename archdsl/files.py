"""Finds the grammars and specs: top-level folders of the repository, `_folders` of an installed package. And reads the
files that a user names, which may be anything."""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

__all__ = [
    "below",
    "classes_in",
    "grammar_text",
    "inside",
    "listed",
    "read_regular",
    "remarks",
    "short",
    "spaces",
    "spec_path",
    "spec_paths",
    "specs",
    "studies",
    "study_path",
    "worksheet_path",
]

remarks: list[Callable[[str], None]] = []  # who hears which of several files a name was taken for: the command line

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """The wheel's copy comes first: beside an installed package a folder `specs` may belong to anybody."""
    carried = _PACKAGE / f"_{name}"
    return carried if carried.is_dir() else _PACKAGE.parent / name


@cache
def classes_in(folder: Path) -> dict[str, str]:
    """The name of each public class in the Python files of a folder → the name of its module; nothing is imported.

    Raises:
        RuntimeError: two files have a class of one name.
    """
    homes: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        for name in re.findall(r"^class ([A-Za-z]\w*)", path.read_text("utf-8"), re.MULTILINE):
            if name in homes:
                raise RuntimeError(f"{path.name} and {homes[name]}.py of {folder} both have a class {name}")
            homes[name] = path.stem
    return homes


def grammar_text(name: str) -> str:
    """The text of a grammar, by file name (`archdsl.lark`)."""
    return (_folder("grammars") / name).read_text(encoding="utf-8")


def specs() -> list[Path]:
    """Every shipped spec, sorted by its path."""
    return sorted(p for p in _folder("specs").rglob("*.arch") if p.parent.name != "spaces")


def spaces() -> list[Path]:
    """Every shipped space of a search, sorted by its path."""
    return sorted((_folder("specs") / "spaces").glob("*.arch"))


def studies() -> list[Path]:
    """Every shipped study, sorted by its path."""
    return sorted((_folder("specs") / "studies").glob("*.yaml"))


def worksheet_path() -> Path:
    """The shipped exercises (docs/worksheet.md)."""
    return _folder("specs") / "worksheet.yaml"


def spec_path(name: str) -> Path | None:
    """The shipped spec that `name` means: `lenet5`, `imagenet/resnet50.arch`, `specs/lenet5.arch`; `resnet50` where only a
    folder inside has one of that name.

    The third form is the path inside the repository, so what a page says works outside of it too. A name
    that leaves the folder (`../x`, an absolute path) means no shipped spec.
    """
    return next(iter(spec_paths(name)), None)


def spec_paths(name: str) -> list[Path]:
    """All shipped specs that `name` may mean; the first is taken."""
    inner = name.removeprefix("specs/")
    file = inner if inner.endswith(".arch") else f"{inner}.arch"
    deeper = [p for p in _folders() if "/" not in inner and "\\" not in inner]
    return _shipped(name, [_folder("specs") / file, *(folder / file for folder in deeper)])


def study_path(name: str) -> Path | None:
    """The shipped study that `name` means: `ingredients`, `ingredients.yaml`, `specs/studies/ingredients.yaml`. Those of the
    lecture have a number, and are found by it and without it: `01-depth-grid`, `01`, `depth-grid`.
    """
    inner = name.removeprefix("specs/").removeprefix("studies/")
    file = inner if inner.endswith(".yaml") else f"{inner}.yaml"
    numbered = [
        p for p in studies() if p.stem[:2].isdecimal() and file.removesuffix(".yaml") in (p.stem[:2], p.stem[3:])
    ]
    return next(iter(_shipped(name, [_folder("specs") / "studies" / file, *numbered])), None)


def listed(path: Path) -> str:
    """A shipped file as a page says it, wherever the package is: `specs/imagenet/resnet50.arch`."""
    return "/".join(("specs", *path.resolve().relative_to(_folder("specs").resolve()).parts))


def short(path: Path) -> str:
    """The shortest name by which a shipped file is found."""
    found = study_path if path.suffix == ".yaml" else spec_path
    inner = listed(path).removeprefix("specs/").removesuffix(path.suffix)
    return path.stem if found(path.stem) == path.resolve() else inner


def _folders() -> list[Path]:
    return sorted(p for p in _folder("specs").iterdir() if p.is_dir())


def _shipped(name: str, paths: list[Path]) -> list[Path]:
    if not name or "\0" in name:
        return []
    folder = _folder("specs").resolve()
    try:
        found = [path.resolve() for path in paths]
        return [path for path in found if path.is_relative_to(folder) and path.is_file()]
    except OSError:  # an inline spec can be longer than a file name may be
        return []


def below(folder: Path, *endings: str) -> Iterator[Path]:
    """The files below a folder whose names end so, in no order; hidden folders and files are left out.

    What goes away during the walk is passed over: a run that trains there makes and removes folders (``Path.rglob`` of
    Python 3.11 raises `FileNotFoundError` then).
    """
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(endings) and not name.startswith(".") and os.path.isfile(path := os.path.join(at, name)):
                yield Path(path)


_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")  # what `<(command)` of a shell stands for
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_regular(path: Path, most: int = -1) -> bytes:
    """The first ``most`` bytes of a file, or all of them. A pipe or a device, which may never end or never begin, is
    refused, unless the shell put it there (``<(command)``, ``/dev/stdin``).

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    if str(path).startswith(_STREAMS):
        with path.open("rb") as stream:
            return stream.read(most)
    # Without O_NONBLOCK, opening a pipe waits for somebody to write.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'not a file')}, not a regular file", str(path))
        return file.read(most)


def inside(name: str) -> str:
    """The name of a spec as tables and records have it: of a shipped one the path inside the repository, wherever the
    package is installed; others stay as they are.
    """
    path = Path(name)
    return listed(path) if path.is_absolute() and path.is_relative_to(_folder("specs")) else name
