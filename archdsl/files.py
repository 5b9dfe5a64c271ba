"""Finds the grammars and specs: top-level folders of the repository, `_folders` of an installed package."""

from pathlib import Path

__all__ = ["grammar_text", "listed", "spec_path", "specs"]

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """The wheel's copy comes first: beside an installed package a folder `specs` may belong to anybody."""
    carried = _PACKAGE / f"_{name}"
    return carried if carried.is_dir() else _PACKAGE.parent / name


def grammar_text(name: str) -> str:
    """The text of a grammar, by file name (`archdsl.lark`)."""
    return (_folder("grammars") / name).read_text(encoding="utf-8")


def specs() -> list[Path]:
    """Every shipped spec, sorted by its path."""
    return sorted(_folder("specs").rglob("*.arch"))


def spec_path(name: str) -> Path | None:
    """The shipped spec that `name` means: `lenet5`, `imagenet/resnet50.arch`, `specs/lenet5.arch`.

    The last form is the path inside the repository, so what a page says works outside of it too. A name
    that leaves the folder (`../x`, an absolute path) means no shipped spec.
    """
    if not name or "\0" in name:
        return None
    folder = _folder("specs")
    inner = name.removeprefix("specs/")
    try:
        path = (folder / (inner if inner.endswith(".arch") else f"{inner}.arch")).resolve()
        found = path.is_relative_to(folder.resolve()) and path.is_file()
    except OSError:  # an inline spec can be longer than a file name may be
        return None
    return path if found else None


def listed(name: str) -> str:
    """The name of a spec as tables and records have it: of a shipped one the path inside the repository, wherever the
    package is installed; others stay as they are.
    """
    path, folder = Path(name), _folder("specs")
    if not path.is_absolute() or not path.is_relative_to(folder):
        return name
    return f"specs/{path.relative_to(folder).as_posix()}"
