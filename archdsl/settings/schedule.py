"""The learning rate as a factor of the optimiser's own rate, a plain function of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from archdsl.errors import ArchError
from archdsl.words.foreign import behaviour, is_foreign
from archdsl.words.train.values import (
    Cooldown,
    Cosine,
    Exponential,
    Linear,
    Milestones,
    OneCycle,
    Plateau,
    Poly,
    Restarts,
    Step,
    Triangle,
)  # fmt: skip

if TYPE_CHECKING:
    from archdsl.words.train.values import Schedule, Smooth, Warmup


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
        raise ArchError(f"the warm-up of {rise:,} steps leaves nothing of a run of {steps:,}",
                        help="a shorter warm-up, or more epochs")  # fmt: skip


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
    if is_foreign(schedule):
        return float(behaviour(schedule, "factor")(step - rise, steps - rise, per_epoch))
    match schedule:
        case None | Plateau():
            return 1.0
        case Step(every, gamma):
            return gamma ** (step // per_epoch // every)
        case Exponential(gamma):
            return gamma ** (step // per_epoch)
        case Milestones(epochs, gamma):
            return gamma ** sum(step // per_epoch >= epoch for epoch in epochs)
        case OneCycle():
            return _onecycle(schedule, step, steps)
        case _:
            return _falling(schedule, step - rise, steps - rise, step, steps, per_epoch)


def _falling(schedule: Smooth, done: int, whole: int, step: int, steps: int, per_epoch: int) -> float:
    """Schedules that run smoothly over what the rise has left: ``done`` of ``whole`` steps."""
    match schedule:
        case Cosine(end):
            # Loshchilov & Hutter 2017, equation 5, without restarts.
            return end + (1 - end) * (1 + math.cos(math.pi * done / whole)) / 2
        case Linear(end):
            return 1 + (end - 1) * done / max(whole, 1)
        case Poly(power, end):
            return end + (1 - end) * float((1 - done / whole) ** power)
        case Restarts(first, mult, end):
            return _cosine(1.0, end, _restarted(done, first * per_epoch, mult))
        case Cooldown(share, shape, end):
            begin = (1 - share) * steps
            down = max(0.0, (step - begin) / (steps - begin)) if share else 0.0
            return 1 + (end - 1) * down if shape == "linear" else _cosine(1.0, end, down)
        case Triangle(up, start, end):
            top = up * steps
            if step < top:
                return start + (1 - start) * step / top
            return 1 + (end - 1) * (step - top) / max(steps - top, 1)
        case _:
            assert_never(schedule)


def _restarted(done: int, period: int, mult: int) -> float:
    """How much of its own cosine is done."""
    if mult == 1:
        return done % period / period
    while done >= period:
        done, period = done - period, period * mult
    return done / period


def _onecycle(cycle: OneCycle, step: int, steps: int) -> float:
    """As torch.optim.lr_scheduler.OneCycleLR with its cosine pieces: the top is at step ``up``·steps - 1."""
    start, end = 1 / cycle.div, 1 / (cycle.div * cycle.final)
    top, last = cycle.up * steps - 1, steps - 1
    if step <= top:
        return _cosine(start, 1.0, step / top) if top > 0 else 1.0
    return _cosine(1.0, end, (step - top) / (last - top))


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * share))
