"""What a person means by a spec: a file, a shipped spec's name, `-` for standard input, or the text itself."""

from __future__ import annotations

import os
import re
import shlex
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, SpecError
from archdsl.files import below, listed, remarks, short, spec_path, spec_paths, specs, studies, study_path
from archdsl.syntax.read import read_stdin, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archdsl.errors import Diagnostic

RUN_SPEC = "spec.arch"  # in the folder of a run
STUDY = "study.yaml"  # in the folder of a study
YAML = (".yaml", ".yml")
_BASE = re.compile(r"^base\s*:", re.MULTILINE)  # what every study has
_NAME = re.compile(r"[A-Za-z][\w.-]*")


def locate(spec: str) -> Source:
    """The text that a spec means, named for messages.

    An existing file is read; of the folder of a run, the text that it recorded. What ends with ``.arch`` or as YAML does, or
    has a path separator and neither space nor bracket, is the path of a file or of a shipped spec. A single name may be that
    of a file ``NAME.arch`` here, else a shipped spec's. Everything else is the text itself.

    Raises:
        ArchError: no such file, or one that cannot be read; a name that is nearly a shipped spec's.
        SpecError: A104 or A401.
    """
    if spec == "-":
        return Source("<stdin>", read_stdin())
    if is_path(spec):
        return _file(spec)
    if _NAME.fullmatch(spec) and not stands_alone(spec):
        found = _named(spec)
        if found is not None:
            return Source(_shown(found), read_text(found))
        _refuse_slip(spec)
    return Source("<spec>", spec)


def _named(name: str) -> Path | None:
    """The file that a bare name means; which one is said where there are several."""
    shipped = spec_paths(name)
    here = Path(f"{name}.arch")
    if os.path.isfile(here):  # False of a text that is too long for a name
        others = [p for p in shipped if p != here.resolve()]
        _said(name, f"the file {here} of this folder", others)
        return here
    if shipped:
        _said(name, listed(shipped[0]), shipped[1:])
        return shipped[0]
    return None


def _said(name: str, taken: str, others: list[Path]) -> None:
    if others:
        more = " and ".join(listed(p) for p in others)
        for hear in remarks:
            hear(
                f"`{name}` is {taken}; `{short(others[0])}` is {more}"
                if short(others[0]) != name
                else f"`{name}` is {taken}, and not the shipped {more}"
            )


def _refuse_slip(name: str) -> None:
    """Say that a name is nearly that of a shipped spec or study, if it is nearer to one than to a word."""
    from archdsl.registry import entries
    from archdsl.registry.synonyms import synonym

    if study_path(name) is not None:
        raise _study(name)
    words = {e.name for e in entries() if e.kind not in ("metric", "proxy")}
    if name in words or synonym(name.replace("-", ""), words):
        return
    files = {short(p) for p in (*specs(), *studies())}
    near = get_close_matches(name, files, n=3, cutoff=0.75)
    if near and _likeness(name, near[0]) > max((_likeness(name, w) for w in words), default=0.0):
        raise ArchError(
            f"there is neither a spec nor a word `{name}`",
            help="did you mean " + " or ".join(f"`{n}`" for n in near) + "? `archdsl specs` lists them",
        )


def _study(name: str) -> ArchError:
    """The refusal of a study where a spec is asked for."""
    return ArchError(
        f"`{name}` is a study, not a spec",
        help=f"`archdsl ablate {shlex.quote(name)}` runs it; --dry-run says what it does",
    )


def _refuse_yaml(spec: str, path: Path) -> None:
    """Say that a YAML file, or the folder of a study, is no spec."""
    if os.path.isfile(path / STUDY):
        named = shlex.quote(spec)
        raise ArchError(
            f"`{spec}` is the folder of a study, not a spec",
            help=f"`archdsl report {named}` shows the study, `archdsl ablate {named}` continues it",
        )
    if path.suffix not in YAML:
        return
    if study_path(spec) is not None or (os.path.isfile(path) and _BASE.search(read_text(path))):
        raise _study(spec)
    if os.path.isfile(path):
        raise ArchError(
            f"`{spec}` is a YAML file, not a spec",
            help="a spec is a text of the language, in a file NAME.arch; a study begins with `base:`",
        )


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def stands_alone(name: str) -> bool:
    """Whether a name is a network by itself: `relu` is, but the families `vit` and `mobilenet` need their stages, so that
    the bare name can mean the shipped spec. Words of other packages are looked for, which takes time, only where no shipped spec
    has the name: that comes first.
    """
    from archdsl.registry import defaults, find, find_own

    entry = find_own("net", name)
    if entry is None and not spec_paths(name):
        entry = find("net", name)
    return entry is not None and entry.kind not in ("family", "join") and defaults(entry) is not None


def is_path(spec: str) -> bool:
    """Whether a spec is meant as a file."""
    if not spec.strip() or "\0" in spec or "\n" in spec or len(spec) > 4096:
        return False
    return os.path.lexists(spec) or (
        (spec.endswith((".arch", *YAML)) or "/" in spec or os.sep in spec) and not re.search(r"[\s()\[\]{}|]", spec)
    )


def folder_specs(folder: Path) -> list[Path]:
    """All specs below a folder, sorted; hidden folders are left out."""
    return sorted(below(folder, ".arch"))


def _file(spec: str) -> Source:
    path = Path(spec)
    if os.path.isfile(path / RUN_SPEC):  # the folder of a run: its text
        return Source(str(path / RUN_SPEC), read_text(path / RUN_SPEC))
    _refuse_yaml(spec, path)
    if os.path.isdir(path):
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
    known = beside + [listed(p) for p in specs()]
    near = get_close_matches(str(path), known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "name a file, write the text itself in quotes, or give `-` for standard input"


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
        if is_path(spec) and os.path.isdir(spec):
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
