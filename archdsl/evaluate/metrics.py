"""Scores of predictions, summed up on the device and read once at the end.

ece: expected calibration error with equal-width bins of the top probability (Guo et al. 2017).
brier: the squared distance of the probabilities from the one-hot label, summed over classes (Brier 1950), in [0, 2].
nll: minus the logarithm of the label's probability, in nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archdsl.device import wide
from archdsl.errors import ArchError
from archdsl.evaluate.mc import Prediction

BINS = 15  # of Guo et al. 2017
TOP = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """The images whose top probability is in (low, high]; the means are None where there is none."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one class fares. ``precision`` is None where it was never predicted, ``recall`` where it never came."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Report:
    """Means over ``images`` images, or so many pixels or tokens.

    ``top5`` is None where there are five classes or fewer, ``information`` where there was one pass.
    ``confusion[i][j]`` counts images of class i that were taken for j. ``not_finite`` counts images with a
    NaN among their probabilities: then the means that it touches are NaN. ``evaluations`` are those of the networks of ODEs in
    a forward pass, the mean over the batches; None without an ODE.
    """

    images: int
    accuracy: float
    top5: float | None
    nll: float
    ece: float
    brier: float
    entropy: float
    information: float | None
    bins: tuple[Bin, ...]
    confusion: tuple[tuple[int, ...], ...]
    not_finite: int = 0
    evaluations: float | None = None

    @property
    def miou(self) -> float | None:
        """The mean over the classes of intersection over union, from the confusion matrix; classes that are neither in the
        images nor predicted do not count (Everingham et al. 2010)."""
        predicted = [sum(column) for column in zip(*self.confusion, strict=True)]
        each = [
            row[i] / (sum(row) + predicted[i] - row[i])
            for i, row in enumerate(self.confusion)
            if sum(row) + predicted[i]
        ]
        return sum(each) / len(each) if each else None

    @property
    def classes(self) -> tuple[ClassScore, ...]:
        """Scores of each class, from the confusion matrix."""
        predicted = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(
            ClassScore(
                _share(row[i], predicted[i]),
                _share(row[i], sum(row)),
                _share(2 * row[i], predicted[i] + sum(row)),
                sum(row),
            )
            for i, row in enumerate(self.confusion)
        )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


class Tally:
    """Adds up predictions of batches; nothing leaves the device before ``read``."""

    def __init__(self, classes: int, device: torch.device, bins: int = BINS) -> None:
        self._classes, self._bins = classes, bins
        self._edges = torch.linspace(0, 1, bins + 1, dtype=wide(device), device=device)[1:-1]
        # Metal adds none but 32 bits by index, which two thousand million pixels exceed. Images, hits a bin; top 5; not finite.
        whole = torch.int32 if device.type == "mps" else torch.int64
        self._confusion = torch.zeros(classes * classes, dtype=whole, device=device)
        self._counts = torch.zeros(2 * bins + 2, dtype=whole, device=device)
        # Confidence a bin; nll, brier, entropy, information.
        self._sums = torch.zeros(bins + 4, dtype=wide(device), device=device)
        self._several = False

    def add(self, prediction: Prediction, labels: Tensor) -> None:
        """Count N images with their labels (N,) int64."""
        log_probs, bins = prediction.log_probs, self._bins
        probs = prediction.probs
        confidence, chosen = probs.max(1)
        hit = (chosen == labels).to(self._counts.dtype)
        one = torch.ones_like(hit)
        # Added in place: counting by bincount or by a mask would wait for the device at each batch.
        self._confusion.index_add_(0, labels * self._classes + chosen, one)
        place = (confidence[:, None] > self._edges).sum(1)  # a NaN falls into the first bin
        top = log_probs.topk(min(TOP, self._classes), 1).indices
        self._counts.index_add_(0, place, one)
        self._counts.index_add_(0, place + bins, hit)
        self._counts[-2] += (top == labels[:, None]).sum()
        self._counts[-1] += (~probs.isfinite().all(1)).sum()
        self._sums.index_add_(0, place, confidence)
        mine = log_probs.gather(1, labels[:, None])[:, 0]
        information = prediction.information
        self._several |= information is not None
        self._sums[bins:] += torch.stack(
            (
                -mine.sum(),
                (probs.square().sum(1) - 2 * mine.exp() + 1).sum(),
                prediction.entropy.sum(),
                information.sum() if information is not None else mine.new_zeros(()),
            )
        )

    def read(self) -> Report:
        """The scores; waits for the device.

        Raises:
            ArchError: nothing was counted.
        """
        bins, classes = self._bins, self._classes
        whole = torch.cat((self._confusion, self._counts)).tolist()
        sums = self._sums.tolist()
        confusion = tuple(tuple(whole[i * classes : (i + 1) * classes]) for i in range(classes))
        counts = whole[classes * classes :]
        held, hits, confidence = counts[:bins], counts[bins : 2 * bins], sums[:bins]
        images = sum(held)
        if not images:
            raise ArchError(
                "no pixel or token of this part counts: all of them are ignored",
                help="give pixels the number of a class, or take another part with --part",
            )
        nll, brier, entropy, information = (s / images for s in sums[bins:])
        return Report(
            images,
            sum(hits) / images,
            counts[-2] / images if classes > TOP else None,
            nll,
            sum(abs(h - c) for h, c in zip(hits, confidence, strict=True)) / images,
            brier,
            entropy,
            information if self._several else None,
            tuple(
                Bin(i / bins, (i + 1) / bins, n, _share(confidence[i], n), _share(hits[i], n))
                for i, n in enumerate(held)
            ),
            confusion,
            counts[-1],
        )
