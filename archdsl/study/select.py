"""Which study a command means: a study file, the folder of one that was begun, or a spec with options."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError, suggest
from archdsl.expand.text import canonical_text
from archdsl.files import listed, remarks, studies, study_path
from archdsl.study.arms import bases
from archdsl.study.factors import added, present
from archdsl.study.file import MATCHES, METRIC, StudyFile, called, metrics, read_study, written

STUDY = "study.yaml"
_NAME = re.compile(r"[A-Za-z][\w.-]*")
FOLDER = "studies"  # in the folder of runs


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Options of a command; each goes before what the study file says."""

    without: Sequence[str] = ()
    into: Sequence[str] = ()
    design: str | None = None
    seeds: int | None = None
    data: str | None = None
    set: Sequence[str] = ()
    where: Sequence[str] = ()
    match: str | None = None
    baseline: Sequence[str] = ()
    metric: Sequence[str] = ()
    precision: str | None = None
    time_limit: float | None = None


def select(given: str, options: SelectionOptions) -> StudyFile:
    """The study of a command line.

    Raises:
        ArchError: no such study or spec, or options that contradict it.
    """
    path = Path(given) if "\n" not in given and len(given) < 1024 else Path()
    if given and os.path.isfile(Path(given, STUDY)):  # False of a text that is too long for a name
        study = read_study(path / STUDY)
    elif (file := _study_file(given, path)) is not None:
        study = read_study(file)
    else:
        study = StudyFile(
            name=path.stem if path.suffix == ".arch" else "study", title=given, base=((called(given), given),)
        )
    study = replace(
        study,
        seeds=tuple(range(options.seeds)) if options.seeds is not None else study.seeds,
        data=options.data or study.data,
        set=(*study.set, *options.set),
        where=(*study.where, *options.where),
        design=options.design or study.design,
        match=_known("--match", options.match, MATCHES) or study.match,
        **(_metrics(options.metric) if options.metric else {}),
        baseline={**study.baseline, **_pairs(options.baseline)},
        precision=options.precision or study.precision,
        time_limit=options.time_limit or study.time_limit,
    )
    return _with_factors(study, options)


def _study_file(given: str, path: Path) -> Path | None:
    """The study file that a path or a bare name means: of this folder, else a shipped one.

    Raises:
        ArchError: there is none of that path, but a shipped one of nearly that name.
    """
    if path.suffix in (".yaml", ".yml"):
        if os.path.lexists(path):
            return path
        shipped = study_path(given)
        if shipped is None and (near := suggest(path.stem, (p.stem for p in studies()))):
            raise ArchError(f"there is no study {given}", help=f"{near} `archdsl specs` lists those that are shipped")
        return shipped or path
    if not _NAME.fullmatch(given) or os.path.lexists(path):
        return None
    shipped = study_path(given)
    here = next((p for p in (Path(f"{given}.yaml"), Path(f"{given}.yml")) if os.path.isfile(p)), None)
    if here is not None and shipped is not None and here.resolve() != shipped:
        for hear in remarks:
            hear(f"`{given}` is the file {here} of this folder, and not the shipped {listed(shipped)}")
    if here is None and os.path.isfile(f"{given}.arch"):
        return None
    return here or shipped


def _with_factors(study: StudyFile, options: SelectionOptions) -> StudyFile:
    if not options.without and not options.into:
        return study
    if len(study.base) > 1:
        raise ArchError("--without and --with need one base, and the study has several")
    if options.design not in (None, "one-out") and options.without and options.into:
        raise ArchError(f"--design {options.design} with both --without and --with",
                        help="give the factors in a study file")  # fmt: skip
    _, _, file = next(bases(study))
    factors = [present(file, name) for name in options.without] + [added(text) for text in options.into]
    if len({f.name for f in (*study.factors, *factors)}) < len(study.factors) + len(factors):
        raise ArchError("one factor is given twice", help="name each ingredient once")
    # The levels of `--with` are turned round (level 0 is absence): each change from the base is then one from level 0.
    return replace(study, factors=(*study.factors, *factors), design=options.design or study.design or "one-out")


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, level = text.partition("=")
        if not equals:
            raise ArchError(f"`--baseline {text}` names no level", help="write --baseline norm=+ln")
        found[name.strip()] = level.strip()
    return found


def _metrics(texts: Sequence[str]) -> dict[str, Any]:
    try:
        return metrics(texts)
    except ArchError as error:
        error.message = f"`--metric`: {error.message}"
        raise


def _known(option: str, value: str | None, known: tuple[str, ...]) -> str | None:
    if value is not None and value not in known:
        raise ArchError(f"`{option} {value}`: one of {', '.join(known)}", help=suggest(value, known))
    return value


def standalone(study: StudyFile) -> str:
    """The study as a file that needs no other one."""
    return written(study, tuple(canonical_text(file) for _, _, file in bases(study)))


def folder_of(study: StudyFile, runs: Path) -> Path:
    """Where the view of a study is: its name, and a hash of what is compared; more seeds are the same study."""
    # Another metric is another look at the same runs, and another precision other runs of the same arms.
    text = standalone(replace(study, seeds=(0,), title="", metric=METRIC, more=(), precision="auto"))
    name = re.sub(r"[^A-Za-z0-9._]+", "-", study.name).strip("-.")[:60] or "study"
    return runs / FOLDER / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
