"""What the metrics of a study demand of its arms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.study.names import quoted
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.file import StudyFile

if TYPE_CHECKING:
    from archdsl.study.plan.cells import Cell

NAMED = 3  # arms that a message names


def check_metrics(study: StudyFile, arms: Arms, every: Sequence[Cell]) -> None:
    """Refuse metrics that some arm will never have.

    Raises:
        ArchError: it names the arms.
    """
    for name in study.metrics:
        word = metric_of(name)
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
