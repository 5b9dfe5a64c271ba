"""What the metrics of a study demand of its arms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.study.names import quoted
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.file import StudyFile
from archdsl.words.metrics.heads import OfHead, never_has
from archdsl.words.tasks import task_of

if TYPE_CHECKING:
    from archdsl.study.plan.cells import Cell
    from archdsl.words.metrics.base import Metric

NAMED = 3  # arms that a message names


def check_metrics(study: StudyFile, arms: Arms, every: Sequence[Cell]) -> None:
    """Refuse metrics that some arm will never have.

    Raises:
        ArchError: it names the arms.
    """
    for name in study.metrics:
        word = metric_of(name)
        _check_heads(name, word, arms, every)
        if word.needs_validation:
            lacking = {c.arm for c in every if c.experiment.data.valid is None}
            _refuse_lacking(
                f"the metric {name} needs validation images",
                lacking,
                arms,
                ("sets any aside", "set any aside"),
                "add valid(10%) to the data statement (--set data.valid=10%), or take test_accuracy",
            )
        if word.needs_evaluation:
            lacking = {c.arm for c in every if c.experiment.train.evaluate_every is None}
            _refuse_lacking(
                f"the metric {name} needs evaluate_every",
                lacking,
                arms,
                ("has it", "have it"),
                "add evaluate_every(1) to the train statement (--set train.evaluate_every=1)",
            )


def _check_heads(name: str, word: Metric, arms: Arms, every: Sequence[Cell]) -> None:
    """Refuse a metric of a head that an arm does not have, and of one output where an arm has several."""
    tasks = {c.arm: task_of(c.experiment.data.dataset) for c in every}
    found = {arm: why for arm, task in tasks.items() if (why := never_has(word, task)) is not None}
    if found:
        what, remedy = next(iter(found.values()))
        does = ("has it", "have it") if isinstance(word, OfHead) else ("has one alone", "have one alone")
        _refuse_lacking(f"the metric {name} {what}", found, arms, does, remedy)


def _refuse_lacking(what: str, lacking: Collection[int], arms: Arms, does: tuple[str, str], remedy: str) -> None:
    names = [arms.arms[n].name for n in sorted(lacking)]
    if not names:
        return
    if len(names) == len(arms.arms):
        raise ArchError(f"{what}, and no arm {does[0]}", help=remedy)
    several = len(names) > 1
    raise ArchError(
        f"{what}, and the arm{'s' if several else ''} {quoted(names, NAMED)} {'do' if several else 'does'} not "
        f"{does[1]}",
        help=remedy,
    )
