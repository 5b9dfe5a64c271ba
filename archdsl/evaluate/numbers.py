"""The evaluation of a net that predicts numbers: errors of each target, in its own unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from archdsl.device import wide
from archdsl.evaluate.load import Part, Trained, enough_memory
from archdsl.evaluate.shifts import BLOCK


@dataclass(frozen=True, slots=True)
class TargetScore:
    """Errors of one target over all rows, in its unit. ``bias`` is the mean of prediction less target. ``r2`` is the coefficient
    of determination, None where the target is constant. ``mean`` and ``std`` are of the target itself.
    """

    name: str
    rmse: float
    mae: float
    r2: float | None
    bias: float
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class NumberReport:
    """The scores of ``rows`` rows. ``loss`` is the mean squared error of the standardised targets; ``not_finite`` counts rows
    with a prediction that is not a number."""

    rows: int
    loss: float
    targets: tuple[TargetScore, ...]
    not_finite: int = 0


@torch.no_grad()
def numbers(net: Trained, part: Part, batch: int = BLOCK) -> Iterator[tuple[Tensor, Tensor]]:
    """The outputs and the targets of each batch, standardised, (n, T) each.

    Raises:
        EnvError: the device has not enough memory; the message names ``batch``.
    """
    with enough_memory(batch):
        model = net.answering()
        for rows, targets in part.blocks(batch):
            output: Tensor = model(net.normalise(rows.to(net.device)))
            yield output.to(wide(net.device)), targets.to(net.device, wide(net.device))


def evaluate_numbers(
    net: Trained, part: Part, batch: int = BLOCK, listen: Callable[[int], object] = lambda rows: None
) -> NumberReport:
    """Score the net on a part of a data set.

    Args:
        listen: hears how many rows are done.

    Raises:
        EnvError: the device has not enough memory.
    """
    outputs, targets = [], []
    done = 0
    for given, wanted in numbers(net, part, batch):
        outputs.append(given)
        targets.append(wanted)
        listen(done := done + len(wanted))
    return report_of(net, torch.cat(outputs), torch.cat(targets))


def report_of(net: Trained, given: Tensor, wanted: Tensor) -> NumberReport:
    """The scores of outputs (N, T) and targets (N, T), both standardised."""
    loss = float((given - wanted).square().mean())
    bad = int((~given.isfinite().all(1)).sum())
    values, true = net.values(given), net.values(wanted)
    scores = (_score(n, values[:, t], true[:, t]) for t, n in enumerate(net.class_names))
    return NumberReport(len(true), loss, tuple(scores), bad)


def _score(name: str, values: Tensor, true: Tensor) -> TargetScore:
    """The errors of predictions (N,) of one target (N,)."""
    error = values - true
    # The mean of equal numbers is rounded, so that their deviations need not be 0.
    constant = bool(true.max() == true.min())
    spread = 0.0 if constant else float((true - true.mean()).square().mean())
    mse = float(error.square().mean())
    return TargetScore(
        name,
        math.sqrt(mse),
        float(error.abs().mean()),
        1 - mse / spread if spread > 0 else None,
        float(error.mean()),
        float(true.mean()),
        math.sqrt(spread),
    )
