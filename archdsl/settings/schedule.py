"""The learning rate as a factor of the optimiser's own rate, a plain function of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.words.train.kinds import Point

if TYPE_CHECKING:
    from archdsl.words.train.kinds import Schedule
    from archdsl.words.train.schedules import Warmup


def risen(warmup: int | Warmup, steps: int, per_epoch: int) -> int:
    """The steps of the linear rise in a run of ``steps``; at least one where there is a rise."""
    if isinstance(warmup, int):
        return warmup * per_epoch
    return warmup.steps if warmup.steps is not None else max(1, round((warmup.share or 0) * steps))


def check(schedule: Schedule | None, warmup: int | Warmup, steps: int, per_epoch: int) -> None:
    """Refuse a rise that leaves nothing of a run, which is known once its steps are.

    Raises:
        ArchError: it says how many steps there are.
    """
    rise = risen(warmup, steps, per_epoch)
    if rise > steps or (rise == steps and schedule is not None):
        raise ArchError(
            f"the warm-up of {many(rise, 'step')} leaves nothing of a run of {steps:,}",
            help="a shorter warm-up, or more epochs",
        )


def factor(schedule: Schedule | None, warmup: int | Warmup, step: int, steps: int, per_epoch: int) -> float:
    """The factor at a step.

    Args:
        schedule: what follows the warm-up; None keeps the rate. (What a plateau takes off is not known here.)
        warmup: epochs of linear rise; its last step has the factor 1 (Goyal et al. 2017, section 2.2).
        step: counted from 0 over the whole run.
        steps: of the whole run.
        per_epoch: steps of an epoch.
    """
    rise = risen(warmup, steps, per_epoch)
    if step < rise:
        return (step + 1) / rise
    return 1.0 if schedule is None else float(schedule.scale(Point(step, steps, per_epoch, rise)))
