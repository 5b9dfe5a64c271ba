"""What the metrics of a study demand of its arms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.study.names import quoted
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.file import StudyFile
from archdsl.words.metrics.base import OfPart
from archdsl.words.metrics.heads import OfHead
from archdsl.words.metrics.scores import Loss
from archdsl.words.tasks import Several, task_of

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
    heads = {arm: list(task.sizes) if isinstance(task, Several) else [] for arm, task in tasks.items()}
    known = list(dict.fromkeys(head for names in heads.values() for head in names))
    if isinstance(word, OfHead):
        lacking = {arm for arm, names in heads.items() if word.head not in names}
        remedy = f"the heads are {', '.join(known)}" if known else "take a metric of the one output: test_accuracy"
        _refuse_lacking(f"the metric {name} is of the head {word.head}", lacking, arms, ("has it", "have it"), remedy)
    elif isinstance(word, OfPart) and not isinstance(word, Loss):
        several = {arm for arm, names in heads.items() if names}
        remedy = f"name the head, as in {word.part}_{known[0]}_{word.word}, or take {word.part}_loss" if known else ""
        _refuse_lacking(
            f"the metric {name} is of one output", several, arms, ("has one alone", "have one alone"), remedy
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
