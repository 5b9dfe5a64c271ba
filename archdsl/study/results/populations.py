"""The two claims of a study's test accuracies: on this test set, and on new images. Reads the bits in the run folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.report import Column
from archdsl.report.numbers import many
from archdsl.runs.correct import correct, unpacked
from archdsl.runs.evaluations import bits_of
from archdsl.runs.run import load_run
from archdsl.study.names import quoted
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import NONE, Unit
from archdsl.study.stats.images import ImageDifference, anytime_bounds, image_difference
from archdsl.study.stats.verdicts import Bounds

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools

NO_BITS = "no record of which images were correct, as in runs of earlier versions"
OTHER_IMAGES = "other test images than those of `{reference}`"
COLUMN_NOTE = (
    "`on new images` is a simultaneous interval for other test sets of the kind: seeds and images are crossed random effects; the"
    " other intervals are about this test set"
)
LACKING = "not every seed has a record of its images, so that the interval would be of other runs than Δ"
OF_CHANCE = (
    "runs that count as chance have no record of their images, so that the interval would be of other runs than Δ"
)
FEW = "fewer than two seeds with a record of their images in both arms"


@dataclass(frozen=True, slots=True)
class Tested:
    """A run on a test set: ``of`` is the fingerprint of the data and the number of images, ``correct`` has shape (images,)."""

    of: tuple[str, int]
    correct: Bools


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """An arm that is compared with the reference; ``difference`` is None where it cannot be had, and ``why`` says so. Its delta,
    and its interval of seeds alone, are those of the verdict.

    ``without`` counts the seeds that both arms share whose runs have no bits, or damaged ones.
    """

    arm: str
    difference: ImageDifference | None = None
    without: int = 0
    why: str = ""


def two_populations(results: Results) -> tuple[PopulationRow, ...]:
    """The difference in test accuracy of each compared arm to the reference, on this test set and on new images.

    The intervals are simultaneous over the m comparisons, each of level 1 - alpha / m. In a sequential design they are valid
    at any look, in a fixed one for a single look.

    Args:
        results: its metric is test accuracy.
    """
    reference = _tested(results.reference)
    return tuple(_row(arm, reference, results) for arm in results.compared)


def new_images(rows: Iterable[PopulationRow], unit: Unit) -> tuple[Column, dict[str, str]]:
    """The column of intervals on new images: its head, and by the name of an arm the text of its cell."""
    cells = {r.arm: _text(r.difference, unit) for r in rows}
    return Column("on new images", align="right", key="new_images"), cells


def bare(rows: Sequence[PopulationRow]) -> bool:
    """Whether no arm has two seeds with a record of their images, so that there is nothing to say."""
    return all(r.difference is None and r.why in (NO_BITS, FEW) for r in rows)


def notes(rows: Sequence[PopulationRow]) -> tuple[str, ...]:
    """What a reader of the column has to know; nothing where no arm has such runs."""
    if bare(rows):
        return ()
    reasons: dict[str, list[str]] = {}
    for row in rows:
        missing = f"{many(row.without, 'seed has', 'seeds have')} {NO_BITS}" if row.without and not row.why else row.why
        if missing:
            reasons.setdefault(missing, []).append(row.arm)
    return (COLUMN_NOTE, *(f"{quoted(arms)}: {why}" for why, arms in reasons.items()))


def _text(difference: ImageDifference | None, unit: Unit) -> str:
    return NONE if difference is None else unit.between(difference.new_low, difference.new_high)


def _row(arm: ArmResult, others: Mapping[int, Tested], results: Results) -> PopulationRow:
    import numpy as np

    own, reference, verdict = _tested(arm), results.reference, arm.verdict
    seeds = sorted(own.keys() & others.keys())
    without = len(arm.figures.keys() & reference.figures.keys()) - len(seeds)
    if without and not seeds:
        return PopulationRow(arm.name, without=without, why=NO_BITS)
    if len(seeds) < 2 or verdict is None:
        return PopulationRow(arm.name, without=without, why=FEW)
    if len({runs[s].of for runs in (own, others) for s in seeds}) > 1:
        return PopulationRow(arm.name, without=without, why=OTHER_IMAGES.format(reference=reference.name))
    ours, theirs = (np.stack([runs[s].correct for s in seeds]) for runs in (own, others))
    if not results.options.sequential and set(seeds) != arm.values.keys() & reference.values.keys():
        why = OF_CHANCE if _substituted(arm, reference) else LACKING
        return PopulationRow(arm.name, without=without, why=why)
    level, e = results.options.alpha / len(results.compared), verdict.evidence
    difference = image_difference(ours, theirs, level)
    new = difference.new_low, difference.new_high
    if results.options.sequential:
        new = anytime_bounds(e.n, e.delta, e.sd, difference.sd_images, level)
        new = _around(new, (verdict.low, verdict.high))
    shown = replace(difference, delta=e.delta, low=verdict.low, high=verdict.high, new_low=new[0], new_high=new[1])
    return PopulationRow(arm.name, shown, without)


def _around(bounds: Bounds, inner: Bounds) -> Bounds:
    """The bounds, widened to hold the verdict's interval, which reaches to 0 where evidence is held back."""
    (low, high), (inner_low, inner_high) = bounds, inner
    if low is None or high is None or inner_low is None or inner_high is None:
        return bounds
    return min(low, inner_low), max(high, inner_high)


def _substituted(arm: ArmResult, reference: ArmResult) -> bool:
    """Whether a pair of the verdict has a run that counts as chance, having no result."""
    failed = arm.decision.substituted.keys() | reference.decision.substituted.keys()
    return not failed.isdisjoint(arm.values.keys() & reference.values.keys())


def _tested(arm: ArmResult) -> dict[int, Tested]:
    """By seed, what the finished runs of an arm have recorded of each test image."""
    found: dict[int, Tested] = {}
    for seed in arm.figures:
        folder = arm.folders.get(seed)
        with suppress(ArchError):  # a damaged record counts as none; a damaged run has no figures
            run = load_run(folder) if folder is not None else None
            hits = None
            if run is not None:
                key = arm.figures[seed].get("evaluation")
                hits = correct(run) if key is None else unpacked(bits_of(run.folder, key), arm.figures[seed])
            if run is not None and hits is not None:
                found[seed] = Tested((run.fingerprint, len(hits)), hits)
    return found
