"""The largest difference that does not matter, in the unit of the metric that it is a difference of."""

from __future__ import annotations

from dataclasses import replace

from archdsl.expand.metrics import metric_of
from archdsl.files import remarks
from archdsl.study.plan.claims import Claim
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.unit import check_unit


def in_unit(before: StudyFile, study: StudyFile, same: str) -> StudyFile:
    """The study with a margin in the unit of its metric. Where ``--metric`` has another unit than the metric of the file, the
    margin of the file is left out, and claims of `same` that have no margin then.

    Args:
        before: as the file has it.
        same: the margin of the command, "" where it states none.

    Raises:
        ArchError: the margin is in another unit than the metric.
    """
    unit = metric_of(study.metric).unit
    if unit != metric_of(before.metric).unit:

        def has_margin(claim: Claim) -> bool:
            return claim.verdict != "same" or (same != "" and metric_of(claim.metric or study.metric).unit == unit)

        kept = tuple(claim for claim in study.claims if has_margin(claim))
        if (same, kept) != (study.same, study.claims):
            for hear in remarks:
                hear(
                    f"`same: {before.same}` is a difference of {before.metric}: with {study.metric} no "
                    f"{'claim' if same else 'arm'} ends as `same` by it (--same states a difference of {study.metric})"
                )
        study = replace(study, same=same, claims=kept)
    if study.same:
        check_unit("--same" if same else "same:", study.same, study.metric)
    return study
