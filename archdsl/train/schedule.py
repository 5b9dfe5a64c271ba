"""The learning rate as a factor of the optimiser's own rate, a plain function of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from archdsl.words.train.values import Cosine, Exponential, Linear, OneCycle, Step, Triangle

if TYPE_CHECKING:
    from archdsl.words.train.values import Schedule


def factor(schedule: Schedule | None, warmup: int, step: int, steps: int, per_epoch: int) -> float:
    """The factor at a step.

    Args:
        schedule: what follows the warm-up; None keeps the rate.
        warmup: epochs of linear rise; its last step has the factor 1 (Goyal et al. 2017, section 2.2).
        step: counted from 0 over the whole run.
        steps: of the whole run.
        per_epoch: steps of an epoch.
    """
    rise = warmup * per_epoch
    if step < rise:
        return (step + 1) / rise
    match schedule:
        case None:
            return 1.0
        case Cosine(end):
            # Loshchilov & Hutter 2017, equation 5, without restarts.
            return end + (1 - end) * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2
        case Step(every, gamma):
            return gamma ** (step // per_epoch // every)
        case Linear(end):
            return 1 + (end - 1) * (step - rise) / max(steps - rise, 1)
        case Exponential(gamma):
            return gamma ** (step // per_epoch)
        case Triangle(up, start, end):
            top = up * steps
            if step < top:
                return start + (1 - start) * step / top
            return 1 + (end - 1) * (step - top) / max(steps - top, 1)
        case OneCycle():
            return _onecycle(schedule, step, steps)


def _onecycle(cycle: OneCycle, step: int, steps: int) -> float:
    """As torch.optim.lr_scheduler.OneCycleLR with its cosine pieces: the top is at step ``up``·steps - 1."""
    start, end = 1 / cycle.div, 1 / (cycle.div * cycle.final)
    top, last = cycle.up * steps - 1, steps - 1
    if step <= top:
        return _cosine(start, 1.0, step / top) if top > 0 else 1.0
    return _cosine(1.0, end, (step - top) / (last - top))


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * share))
