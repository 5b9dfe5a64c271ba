"""``include "other.arch"``: the lets of another file, found beside the including one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from archdsl.errors import Source, SpecError, fail
from archdsl.limits import Limits
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.read import read_text

_project: ContextVar[Path | None] = ContextVar("project", default=None)


@contextmanager
def allowed(folder: Path) -> Iterator[None]:
    """Take a folder for the project's, where a version of it lies outside of the working directory."""
    token = _project.set(folder)
    try:
        yield
    finally:
        _project.reset(token)


def _read(path: Path, name: str) -> ast.File:
    return parse(Source(name, read_text(path)))


def library(
    item: ast.Include, active: tuple[Path, ...] = (), read: Callable[[Path, str], ast.File] = _read
) -> list[ast.Let]:
    """The lets of an included file and of what it includes. ``read`` gives the tree of a file, by its path and its name for
    messages.

    Raises:
        SpecError: A107 not found, A108 outside the folder, A109 a circle, and whatever is wrong inside.
    """
    origin = Path(item.span.source.name)
    folder = origin.parent if origin.suffix or origin.is_file() else Path()
    path = _resolved(folder, item)
    top = active[0].parent if active else folder.resolve()
    if not any(path.is_relative_to(root) for root in (top, _project.get() or Path.cwd())):
        raise fail(
            "A108",
            f"`{item.path}` is outside the project's folder",
            item.span,
            "includes stay below the including file or the working directory",
        )
    if path in active or path == origin.resolve():
        raise fail("A109", f"`{item.path}` includes itself", item.span)
    if len(active) >= Limits.MACROS:
        raise fail("A405", f"includes are nested deeper than {Limits.MACROS}", item.span)
    if not path.is_file():
        what = f"`{item.path}` is not a regular file" if path.exists() else f"there is no file `{item.path}`"
        raise fail("A107", what, item.span, "the path is taken from the including file")
    lets: list[ast.Let] = []
    try:
        for inner in read(path, str(folder / item.path)).items:
            if isinstance(inner, ast.Let):
                lets.append(inner)
            elif isinstance(inner, ast.Include):
                lets += library(inner, (*(active or (origin.resolve(),)), path), read)
            else:
                raise fail("A105", "an included file may hold `let` and `include` only", inner.span)
    except SpecError as error:
        raise error.within(f"include of `{item.path}`", item.span) from None
    return lets


def _resolved(folder: Path, item: ast.Include) -> Path:
    """The file that an include means, through symbolic links.

    Raises:
        SpecError: A107, no path leads there.
    """
    try:
        return (folder / item.path).resolve(strict=False)
    except (OSError, RuntimeError) as error:  # links that lead in a circle, a name that is too long
        raise fail(
            "A107",
            f"`{item.path}` cannot be reached: {getattr(error, 'strerror', None) or error}",
            item.span,
            "the path is taken from the including file",
        ) from None
