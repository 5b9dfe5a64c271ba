"""The work of ``archdsl check``: one text after the other, or on several processes where there are many."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from archdsl.errors import ArchError, Diagnostic, Source, SpecError
from archdsl.files import below, read_regular, study_path
from archdsl.syntax.locate import folder_specs, is_path, locate

MOST_ARMS = 1000  # of a space, so many arms are checked
DRAWN = 100  # of one with ranges that have no list of values, so many at random
MOST_FIXES = 10  # rounds of remedies, each of which may bring up new ones
PAYS = 16_000  # bytes of text for each further process; they take far longer than its start
STUDIES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says besides the specs."""

    input: str | None = None
    classes: int | None = None
    data: str | None = None
    sets: tuple[str, ...] = ()
    fix: bool = False


class Done(NamedTuple):
    """The findings of one text with the names of the texts that they are in, how many texts were checked, and what the
    environment lacked for it."""

    found: list[tuple[str, Diagnostic]]
    checked: int = 1
    refused: ArchError | None = None


def check_all(specs: Iterable[str], options: Options, jobs: int = 0) -> list[Done]:
    """Check specs, studies and folders of both; the order is theirs, however many processes there are.

    Raises:
        ArchError: no such file, or nothing in a folder.
    """
    work = [one for spec in specs for one in _work(spec)]
    one = partial(check_one, options=options)
    many = min(jobs or _worth(work), len(work))
    if many < 2:
        return [one(w) for w in work]
    return _spread(work, one, many)


def _work(spec: str) -> list[str | Source]:
    """What a spec stands for: the paths in a folder, or a text; standard input is read here and once."""
    if (study := study_of(spec)) is not None:
        return [study]
    if not is_path(spec):
        return [locate(spec)]
    if not os.path.isdir(spec):
        return [spec]
    paths = folder_specs(Path(spec)) + _studies(Path(spec))
    if not paths:
        raise ArchError(f"the folder {spec} has no *.arch in it")
    return [str(p) for p in sorted(paths)]


def study_of(spec: str) -> str | None:
    """The path of the study that a name means; None where it means a spec or a folder."""
    if not os.path.lexists(spec) and not os.path.isfile(f"{spec}.arch") and (study := study_path(spec)) is not None:
        return str(study)
    return spec if spec.endswith(STUDIES) and not any(c.isspace() for c in spec) else None


def _studies(folder: Path) -> list[Path]:
    """The study files below a folder; other YAML is somebody else's."""
    from archdsl.study.plan.findings import is_study

    return [p for p in below(folder, *STUDIES) if is_study(read_regular(p, 1 << 16).decode("utf-8", "replace"))]


def _worth(work: Sequence[str | Source]) -> int:
    """How many processes pay off."""
    total = 0
    for one in work:
        if isinstance(one, str) and os.path.isfile(one):
            total += os.path.getsize(one)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 1 + total // PAYS)


def _spread(work: list[str | Source], one: partial[Done], many: int) -> list[Done]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A fork has the vocabulary already; elsewhere than on Linux, forking is not safe.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        from archdsl.registry import entries

        entries()
    size = max(1, len(work) // (many * 8))
    with ProcessPoolExecutor(many, context) as pool:
        return list(pool.map(one, work, chunksize=size))


def check_one(what: str | Source, options: Options) -> Done:
    """The findings of one text; with ``fix``, those that are left behind its remedies."""
    name = what if isinstance(what, str) else what.name
    try:
        if isinstance(what, str) and what.endswith(STUDIES):
            return Done([(name, d) for d in _study(Path(what), options)])
        source = locate(what) if isinstance(what, str) else what
        notes = _checked(source, options)
        for _ in range(MOST_FIXES if options.fix else 0):
            if not _fixed(source, notes):
                break
            source = locate(name)
            notes = _checked(source, options)
    except SpecError as error:
        return Done([(name, d) for d in error.diagnostics])
    except ArchError as error:
        return Done([], 0, error)
    return Done([(source.name, d) for d in notes])


def _study(path: Path, options: Options) -> tuple[Diagnostic, ...]:
    """The findings of a study: of the file, or of the experiments that it describes."""
    from archdsl.study.plan.checks import study_findings
    from archdsl.syntax.read import read_text

    return study_findings(read_text(path), path, data=options.data, set=options.sets)


def _checked(source: Source, options: Options) -> list[Diagnostic]:
    """The notes of a spec; of a space, those of its arms, each once.

    Raises:
        SpecError: all errors.
    """
    from archdsl.api import read, setting_findings, whole
    from archdsl.expand.holes import holes
    from archdsl.expand.reach import together
    from archdsl.expand.space import some
    from archdsl.syntax.parse import parse

    source, file = read(source, input=options.input, classes=options.classes, data=options.data, set=options.sets)
    notes: list[tuple[Diagnostic, ...]] = []
    errors: dict[tuple[str, str, object], Diagnostic] = {}
    for arm in some(file, DRAWN if any(h.scale for h in holes(file)) else MOST_ARMS):
        try:
            spec = whole(source, arm)
            found = (*spec.notes, *setting_findings(spec))
        except SpecError as error:
            found = error.diagnostics
        notes.append(tuple(d for d in found if d.severity != "error"))
        for d in found:
            if d.severity == "error":
                errors.setdefault((d.code, d.message, d.span), d)
    if errors:
        raise SpecError(tuple(errors.values()))
    # Of the text as it is written: what --set chose is not all that it may use.
    return list(together(parse(source), notes).values())


def _fixed(source: Source, notes: list[Diagnostic]) -> bool:
    """Apply the remedies to the file, in one step; whether there were any."""
    from archdsl.cli.commands.fmt import write
    from archdsl.syntax.fix import mended, whole_line
    from archdsl.syntax.format import format

    own = [n.fix for n in notes if n.fix is not None and n.fix.span.source == source]
    if not own or source.name.startswith("<"):
        return False
    text = mended(source.text, (whole_line(source.text, (f.span.start, f.span.end, f.text)) for f in own))
    write(Path(source.name), format(text, source.name))
    return True
