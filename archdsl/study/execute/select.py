"""Which study a command means: a study file, the folder of one that was begun, or a spec with options."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from archdsl.errors import ArchError, EnvError, suggest
from archdsl.expand import expand
from archdsl.expand.holes import choose
from archdsl.expand.text import canonical_text
from archdsl.files import listed, remarks, short, spec_path, specs, studies, study_path
from archdsl.registry import entries
from archdsl.registry.synonyms import synonym
from archdsl.study.amounts import FAILURES, amount, budget, fraction
from archdsl.study.execute.looks import STUDIES
from archdsl.study.execute.margin import in_unit
from archdsl.study.execute.stated import Seeds, known, seeds_of
from archdsl.study.plan.arms import bases, labels_of
from archdsl.study.plan.factors import check_alone, own, present
from archdsl.study.plan.file import StudyFile, read_study, written
from archdsl.study.plan.reader import MATCHES, METRIC, called, metrics
from archdsl.study.plan.replaced import into
from archdsl.study.results.decide import DecisionOptions
from archdsl.syntax.read import read_stdin
from archdsl.words.tasks import CLASSIFICATION

STUDY = "study.yaml"
_NAME = re.compile(r"[0-9]{2}|(?:[0-9]{2}-)?[A-Za-z][\w.-]*")  # studies of the lecture begin with a number
_BESIDE = ("study", "time_limit", "engine", "labels")  # keys of a study that are not about what it asks
_OWN = re.compile(r"(.+)-[0-9a-f]{8}")  # the folder of a study


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Options of a command; each goes before what the study file says."""

    without: Sequence[str] = ()
    into: Sequence[str] = ()
    design: str | None = None
    seeds: Seeds | None = None
    data: str | None = None
    set: Sequence[str] = ()
    where: Sequence[str] = ()
    match: str | None = None
    baseline: Sequence[str] = ()
    metric: Sequence[str] = ()
    precision: str | None = None
    time_limit: float | None = None
    until: str | None = None
    max_seeds: int | None = None
    alpha: str | None = None
    same: str | None = None
    budget: str | None = None
    failures: str | None = None
    preset: str | None = None


def select(given: str, options: SelectionOptions) -> StudyFile:
    """The study of a command line.

    Raises:
        ArchError: no such study or spec, or options that contradict it.
    """
    given = read_stdin() if given == "-" else given  # once: each look at the arms reads the bases
    given = given.strip("\n")  # a text is its own name, which a file keeps without them
    path = Path(given) if "\n" not in given and len(given) < 1024 else Path()
    if given and os.path.isfile(Path(given, STUDY)):  # False of a text that is too long for a name
        study = read_study(path / STUDY, options.preset)
        if own := _OWN.fullmatch(path.resolve().name):  # so that it is the same folder again
            study = replace(study, name=own[1])
    elif (file := _study_file(given, path)) is not None:
        study = read_study(file, options.preset)
    elif options.preset is not None:
        raise ArchError(
            f"--preset {options.preset} is of study files, and `{given[:60]}` is a spec",
            help="give a study file that has `presets:`",
        )
    else:
        study = StudyFile(
            name=path.stem if path.suffix == ".arch" else "study", title=given, base=((called(given), given),)
        )
    if not study.stated and not options.metric:
        study = replace(study, metric=_usual_metric(replace(study, data=options.data or study.data)))
    before = study
    study = replace(
        study,
        **seeds_of(study, options.seeds, options.until, options.max_seeds),
        alpha=fraction(options.alpha) if options.alpha else study.alpha,
        same=options.same or study.same,
        budget=options.budget or study.budget,
        failures=known("--failures", options.failures, FAILURES) or study.failures,  # type: ignore[arg-type]
        data=options.data or study.data,
        set=(*study.set, *options.set),
        where=(*study.where, *options.where),
        design=options.design or study.design,
        match=known("--match", options.match, MATCHES) or study.match,
        **(_metrics(study, options.metric) if options.metric else {}),
        baseline={**study.baseline, **_pairs(options.baseline)},
        precision=options.precision or study.precision,
        time_limit=options.time_limit or study.time_limit,
    )
    decision_options(study)  # refuses what is not an amount
    study = in_unit(before, study, options.same or "")
    if study.budget and not study.sequential:
        raise ArchError(
            "a budget is of sequential designs, and the study states its number of seeds",
            help="add --until decided, or leave the budget out",
        )
    return _with_factors(study, options)


def decision_options(study: StudyFile) -> DecisionOptions:
    """How the verdicts of a study are reached."""
    runs = budget(study.budget).runs if study.budget else None
    same = amount(study.same) if study.same else None
    return DecisionOptions(study.sequential, study.alpha, same, study.failures, runs)


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
    if here is None and shipped is None and spec_path(given) is None and not _like_a_word(given):
        names = (short(p) for p in (*studies(), *specs()))
        raise ArchError(
            f"unknown study, spec or word `{given}`",
            help=suggest(given, names) or "`archdsl specs` lists the shipped specs and studies",
        )
    return here or shipped


def _like_a_word(name: str) -> bool:
    """Whether a name is a word of the language, or probably a slip of one: its own message says more."""
    words = {e.name for e in entries() if e.kind != "metric"}
    return name in words or bool(synonym(name.replace("-", ""), words)) or bool(suggest(name, words))


def _with_factors(study: StudyFile, options: SelectionOptions) -> StudyFile:
    if not options.without and not options.into:
        return study
    if len(study.base) > 1:
        raise ArchError("--without and --with need one base, and the study has several")
    if options.design not in (None, "one-out") and options.without and options.into:
        raise ArchError(
            f"--design {options.design} with both --without and --with", help="give the factors in a study file"
        )
    _, _, file = next(bases(study))
    factors = [present(file, name) for name in options.without] + [into(file, text) for text in options.into]
    for name in options.without:
        check_alone(name, (*study.factors, *own(file)))
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


def _usual_metric(study: StudyFile) -> str:
    """The metric of a study that states none: that of the task of its base. What is wrong with the base is said later."""
    try:
        _, _, file = next(bases(study))
        return (expand(choose(file, {})[1]).task or CLASSIFICATION).metric
    except (ArchError, StopIteration):
        return METRIC


def _metrics(study: StudyFile, texts: Sequence[str]) -> dict[str, Any]:
    """The metrics of ``--metric``. Claims that name no metric are still about that of the study."""
    try:
        found = metrics(texts)
    except ArchError as error:
        error.message = f"`--metric`: {error.message}"
        raise
    if found["metric"] == study.metric:
        return found
    return {**found, "claims": tuple(replace(claim, metric=claim.metric or study.metric) for claim in study.claims)}


def standalone(study: StudyFile) -> str:
    """The study as a file that needs no other one."""
    if study.labels.inherited:
        study = replace(study, labels=labels_of(study))
    return written(study, tuple(canonical_text(file) for _, _, file in bases(study)))


def question_changes(folder: Path, study: StudyFile) -> list[str] | None:
    """In which settings a study differs from the one that was last carried out in its folder; None where none was. How its runs
    are carried out, and how figures name them, asks nothing else.
    """
    try:
        kept = read_study(folder / STUDY)
    except (ArchError, EnvError):
        return None
    one, other = (yaml.safe_load(standalone(each)) for each in (kept, study))
    return [key for key in {**one, **other} if key not in _BESIDE and one.get(key) != other.get(key)]


def folder_of(study: StudyFile, runs: Path) -> Path:
    """Where the view of a study is: its name, and a hash of what is compared; more seeds are the same study."""
    # Another metric is another look at the same runs, and another precision other runs of the same arms.
    # Neither the seeds nor how verdicts are reached make it another study, nor how its runs are carried out and shown.
    plain = StudyFile("", "", study.base)
    text = standalone(
        replace(
            study,
            seeds=(0,),
            title="",
            metric=METRIC,
            more=(),
            precision="auto",
            sequential=False,
            alpha=plain.alpha,
            same="",
            claims=(),
            fits=(),
            holdout=False,
            budget="",
            failures=plain.failures,
            time_limit=plain.time_limit,
            engine=plain.engine,
            labels=plain.labels,
        )
    )
    name = re.sub(r"[^A-Za-z0-9._]+", "-", study.name).strip("-.")[:60] or "study"
    return runs / STUDIES / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
