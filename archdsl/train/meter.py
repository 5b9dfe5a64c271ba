"""Sums that stay on the device, the evaluation of a net, and the last weights known to be finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.train.device import Normalise, Resident

EVALUATION_BATCH = 500  # big enough to keep a device busy, small enough for the memory of a step of training
NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the images of a meter; ``bad_step`` is the first step whose loss was not finite."""

    loss: float
    accuracy: float
    bad_step: int | None


class Meter:
    """Adds up loss and hits on the device; reading it is the one transfer."""

    def __init__(self, device: torch.device) -> None:
        # Metal has no float64. float32 sums of some thousand losses are good to about six digits.
        self._loss = torch.zeros((), dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
        self._hits = torch.zeros((), dtype=torch.int64, device=device)
        self._bad = torch.full((), NEVER, dtype=torch.int64, device=device)
        self.seen = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, step: int) -> None:
        """Count a batch with its mean loss."""
        self._loss += loss.to(self._loss.dtype) * len(labels)
        self._hits += (logits.argmax(1) == labels).sum()
        self._bad = torch.where(torch.isfinite(loss), self._bad, self._bad.clamp(max=step))
        self.seen += len(labels)

    def read(self) -> Figures:
        """The means so far; waits for the device."""
        hits, bad = torch.stack((self._hits, self._bad)).tolist()
        seen = max(self.seen, 1)
        return Figures(float(self._loss) / seen, hits / seen, None if bad == NEVER else bad)


@torch.no_grad()
def evaluate(
    model: nn.Module, data: Resident, normalise: Normalise, stop: Callable[[], bool] = lambda: False
) -> tuple[float, float] | None:
    """Mean loss and accuracy in eval mode, without augmentation; None if asked to stop. Leaves the net's
    mode as is.
    """
    mode = model.training
    model.eval()
    meter = Meter(data.labels.device)
    try:
        for images, labels in zip(
            data.images.split(EVALUATION_BATCH), data.labels.split(EVALUATION_BATCH), strict=True
        ):
            if stop():
                return None
            logits = model(normalise(images))
            meter.add(functional.cross_entropy(logits, labels), logits, labels, 0)
    finally:
        model.train(mode)
    figures = meter.read()
    return figures.loss, figures.accuracy


class Snapshot:
    """A copy of the last weights that were all finite, on the device, beside the model."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._copy = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self._epoch = 0

    @torch.no_grad()
    def take(self, epoch: int) -> bool:
        """Copy the model's weights, if all of them are finite; says whether they were."""
        now = self._model.state_dict()
        floating = [v for v in now.values() if v.is_floating_point()]
        if floating and not bool(torch.stack([torch.isfinite(v).all() for v in floating]).all()):
            return False
        for name, value in now.items():
            self._copy[name].copy_(value)
        self._epoch = epoch
        return True

    @torch.no_grad()
    def restore(self) -> int:
        """Give the model the copy back, and say after which epoch it was taken."""
        self._model.load_state_dict(self._copy)
        return self._epoch
