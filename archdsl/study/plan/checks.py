"""What would be refused of a study before anything trains: for ``archdsl check``, and for an editor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Diagnostic, Source, SpecError
from archdsl.study.plan.arms import arms_of, bases, count_arms
from archdsl.study.plan.cells import cells
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.demands import check_metrics
from archdsl.study.plan.file import study_of
from archdsl.study.plan.findings import CODE, in_file, placed
from archdsl.study.plan.fitted import fit_lines
from archdsl.study.plan.plan import without_effect
from archdsl.study.plan.tuning import tuning_plan
from archdsl.study.plan.where import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archdsl.study.plan.file import StudyFile

MOST_ARMS = 64  # of a study, so that its experiments are looked at while its file is edited


def study_findings(
    text: str, path: Path, edited: bool = False, data: str | None = None, set: Sequence[str] = ()
) -> tuple[Diagnostic, ...]:
    """What is wrong with a study: the first thing of its file, or what would be refused of its experiments before a first
    step; else words without effect, as warnings.

    Args:
        edited: an editor waits for the answer. Experiments are looked at where they are few, and not where a base begins
            with the weights of another net, which would be read or even fetched.
        data, set: what a command line gives beside the file, as for ``archdsl ablate``.
    """
    source = Source(str(path), text)
    try:
        plain = study_of(text, source.name, path.stem, path.parent)
        forms = [plain, *(study_of(text, source.name, path.stem, path.parent, name) for name in plain.presets)]
    except ArchError as error:
        return (placed(source, error),)
    findings: dict[tuple[object, ...], Diagnostic] = {}
    for study in forms:
        whose = (f"in the preset `{study.preset}`",) if study.preset else ()
        given = replace(study, data=data or study.data, set=(*study.set, *set))
        for d in _of_form(source, given, edited):
            findings.setdefault((d.code, d.message, d.span), replace(d, notes=(*d.notes, *whose)))
    return tuple(findings.values())


def _of_form(source: Source, study: StudyFile, edited: bool) -> tuple[Diagnostic, ...]:
    if edited and _dear(study):
        return ()
    try:
        arms = arms_of(study)
        every = cells(arms, study.seeds[:1])
        check_metrics(study, arms, every)
        claimed_pairs(study, arms)
        fit_lines(study, arms, every)
        if study.tune is not None:
            cells(tuning_plan(study, study.tune, arms, every).arms, study.tune.seed_numbers[:1])
    except SpecError as error:
        return tuple(in_file(source, d) for d in error.diagnostics)
    except ArchError as error:
        return (placed(source, error),)
    return tuple(Diagnostic(CODE, note, severity="warning") for note in without_effect(arms))


def _dear(study: StudyFile) -> bool:
    return count_arms(study) > MOST_ARMS or any("init" in words_of(file) for _, _, file in bases(study))
