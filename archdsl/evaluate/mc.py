"""The predictive distribution of a net: of one pass, or of many with dropout alive (Gal & Ghahramani 2016).

The mean of the passes' probabilities is the prediction. Its entropy is the whole uncertainty; what remains
after the mean entropy of single passes is taken off is the mutual information between the prediction and the
weights (BALD, Houlsby et al. 2011): what more training data could settle. Both are in nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archdsl.device import wide
from archdsl.export.alive import alive, drawing
from archdsl.words.tasks import CLASSIFICATION, Task

__all__ = ["Prediction", "alive", "drawing", "predict"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a net says of N images, or of N places of them.

    ``log_probs`` (N, classes) are logarithms of the mean probabilities over the passes, ``expected`` (N,) is the
    mean entropy of single passes; None where no passes were asked for.
    """

    log_probs: Tensor
    expected: Tensor | None = None

    @property
    def probs(self) -> Tensor:
        """(N, classes), each row sums to 1."""
        return self.log_probs.exp()

    @property
    def entropy(self) -> Tensor:
        """(N,) nats, in [0, ln classes]."""
        return _entropy(self.log_probs)

    @property
    def information(self) -> Tensor | None:
        """(N,) nats, in [0, entropy]; None where no passes were asked for. Rounding below 0 is cut off."""
        return None if self.expected is None else (self.entropy - self.expected).clamp(min=0)

    def only(self, which: Tensor) -> Prediction:
        """Of these items alone, ``which`` (N,) bool."""
        return Prediction(self.log_probs[which], None if self.expected is None else self.expected[which])


def predict(model: nn.Module, images: Tensor, passes: int | None = None, task: Task = CLASSIFICATION) -> Prediction:
    """What ``model`` says of normalised images (N, C, H, W), an item of the task a row: of one pass, or the mean of ``passes``
    passes.

    The passes differ only where layers draw at random: call it inside ``alive``.
    """
    if passes is None:
        return Prediction(_log_probs(model, images, task))
    total = _log_probs(model, images.clone(), task)  # a first layer that works in place would change the next pass
    expected = _entropy(total)
    for _ in range(passes - 1):
        log_probs = _log_probs(model, images.clone(), task)
        # In logarithms: a mean of probabilities too small for a float still has its logarithm.
        total = torch.logaddexp(total, log_probs)
        expected += _entropy(log_probs)
    count = torch.tensor(passes, dtype=total.dtype, device=total.device)
    return Prediction(total - count.log(), expected / passes)


def _log_probs(model: nn.Module, images: Tensor, task: Task) -> Tensor:
    logits: Tensor = task.rows(model(images))
    return logits.to(wide(logits.device)).log_softmax(1)


def _entropy(log_probs: Tensor) -> Tensor:
    probs = log_probs.exp()
    return -torch.xlogy(probs, probs).sum(1)
