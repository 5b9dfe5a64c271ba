"""What a person means by a spec: a file, a shipped spec's name, `-` for standard input, or the text itself."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, SpecError
from archdsl.files import spec_path, specs
from archdsl.syntax.read import read_stdin, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archdsl.errors import Diagnostic

RUN_SPEC = "spec.arch"  # in the folder of a run
_NAME = re.compile(r"[A-Za-z][\w.-]*")


def locate(spec: str) -> Source:
    """The text that a spec means, named for messages.

    An existing file is read; of the folder of a run, the text that it recorded. What ends with ``.arch``, or has a path
    separator and neither space nor bracket, is the path of a file or of a shipped spec. A single name may be a shipped
    spec's. Everything else is the text itself.

    Raises:
        ArchError: no such file, or one that cannot be read.
        SpecError: A104 or A401.
    """
    if spec == "-":
        return Source("<stdin>", read_stdin())
    if is_path(spec):
        return _file(spec)
    if _NAME.fullmatch(spec):
        shipped = spec_path(spec)
        if shipped is not None and not _stands_alone(spec):
            return Source(_shown(shipped), read_text(shipped))
    return Source("<spec>", spec)


def _stands_alone(name: str) -> bool:
    """Whether a name is a network by itself: `relu` is, but the families `vit` and `mobilenet` need their stages, so that
    the bare name can mean the shipped spec."""
    from archdsl.registry import defaults, find

    entry = find("net", name)
    return entry is not None and entry.kind not in ("family", "join") and defaults(entry) is not None


def is_path(spec: str) -> bool:
    """Whether a spec is meant as a file."""
    if not spec.strip() or "\0" in spec or "\n" in spec or len(spec) > 4096:
        return False
    return os.path.lexists(spec) or (
        (spec.endswith(".arch") or "/" in spec or os.sep in spec) and not re.search(r"[\s()\[\]{}|]", spec)
    )


def folder_specs(folder: Path) -> list[Path]:
    """All specs below a folder, sorted; hidden folders are left out."""
    found = (p for p in folder.rglob("*.arch") if p.is_file())
    return sorted(p for p in found if not any(x.startswith(".") for x in p.relative_to(folder).parts))


def _file(spec: str) -> Source:
    path = Path(spec)
    if (path / RUN_SPEC).is_file():  # the folder of a run: its text
        return Source(str(path / RUN_SPEC), read_text(path / RUN_SPEC))
    if path.is_dir():
        raise ArchError(f"{spec} is a folder", help="name a file, or let `archdsl check` take the folder")
    if os.path.lexists(spec):
        return Source(spec, read_text(path))
    shipped = spec_path(spec)
    if shipped is not None:
        return Source(_shown(shipped), read_text(shipped))
    raise ArchError(f"there is no file {spec}", help=_near(path))


def _near(path: Path) -> str:
    try:
        beside = [str(path.parent / n) for n in os.listdir(path.parent) if n.endswith(".arch")]
    except OSError:
        beside = []
    known = beside + [_listed(p) for p in specs()]
    near = get_close_matches(str(path), known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "name a file, write the text itself in quotes, or give `-` for standard input"


def _listed(path: Path) -> str:
    """A shipped spec as a page says it, wherever the package lies."""
    parts = path.parts
    room = max(i for i, part in enumerate(parts) if part in ("specs", "_specs"))
    return "/".join(("specs", *parts[room + 1 :]))


def _shown(path: Path) -> str:
    """A shipped spec by the path that it has in the repository, if it is read from there, else its whole path: includes
    are found beside it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def sources(specs: Iterable[str], found: list[tuple[str, Diagnostic]] | None = None) -> Iterator[Source]:
    """The texts of many specs; a folder stands for all specs in it.

    What cannot be read as text is put into ``found``, or raised where none is given.

    Raises:
        ArchError: no such file, or nothing in a folder.
    """
    for spec in specs:
        names = [spec]
        if is_path(spec) and Path(spec).is_dir():
            names = [str(p) for p in folder_specs(Path(spec))]
            if not names:
                raise ArchError(f"the folder {spec} has no *.arch in it")
        for name in names:
            try:
                yield locate(name)
            except SpecError as error:
                if found is None:
                    raise
                found += [(name, d) for d in error.diagnostics]
