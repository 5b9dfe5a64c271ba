"""The predictive distribution of a net: of one pass, or of many with dropout alive (Gal & Ghahramani 2016).

The mean of the passes' probabilities is the prediction. Its entropy is the whole uncertainty; what remains
after the mean entropy of single passes is taken off is the mutual information between the prediction and the
weights (BALD, Houlsby et al. 2011): what more training data could settle. Both are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from archdsl.emit.layers.drop import GaussianNoise
from archdsl.errors import ArchError
from archdsl.train.device import wide


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a net says of N images.

    ``log_probs`` (N, classes) are logarithms of the mean probabilities over the passes, ``expected`` (N,) is the
    mean entropy of single passes; None where there was one pass.
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
        """(N,) nats, in [0, entropy]; None where there was one pass. Rounding below 0 is cut off."""
        return None if self.expected is None else (self.entropy - self.expected).clamp(min=0)


def predict(model: nn.Module, images: Tensor, passes: int = 1) -> Prediction:
    """What ``model`` says of normalised images (N, C, H, W), the mean of ``passes`` passes.

    The passes differ only where layers draw at random: call it inside ``alive``.
    """
    if passes == 1:
        return Prediction(_log_probs(model, images))
    total = _log_probs(model, images.clone())  # a first layer that works in place would change the next pass
    expected = _entropy(total)
    for _ in range(passes - 1):
        log_probs = _log_probs(model, images.clone())
        # In logarithms: a mean of probabilities too small for a float still has its logarithm.
        total = torch.logaddexp(total, log_probs)
        expected += _entropy(log_probs)
    count = torch.tensor(passes, dtype=total.dtype, device=total.device)
    return Prediction(total - count.log(), expected / passes)


def _log_probs(model: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = model(images)
    return logits.to(wide(logits.device)).log_softmax(1)


def _entropy(log_probs: Tensor) -> Tensor:
    probs = log_probs.exp()
    return -torch.xlogy(probs, probs).sum(1)


def drawing(model: nn.Module) -> list[nn.Module]:
    """The layers of a net that draw at random while training: dropout and its kin, with a rate above 0."""
    return [m for m in model.modules() if _rate(m) > 0]


def _rate(module: nn.Module) -> float:
    """The nominal rate, whatever the phase of training; 0 for layers that do not draw."""
    if isinstance(module, GaussianNoise):
        return module.sigma
    if isinstance(module, _DropoutNd) or hasattr(module, "set_progress"):
        return float(getattr(module, "p", 0.0))
    return 0.0


@contextmanager
def alive(model: nn.Module) -> Iterator[int]:
    """The net in eval mode, but with its dropout alive at full rate; gives the number of such layers.

    A layer with a phase (``early``, ``late``) takes its nominal rate. Modes and rates are put back at the end.

    Raises:
        ArchError: the net has no such layer.
    """
    layers: list[Any] = drawing(model)
    if not layers:
        raise ArchError("no layer of this net draws at random, so all passes would be equal",
                        help="leave --mc out, or train a net with drop, spatial or droppath in it")  # fmt: skip
    modes = {m: m.training for m in model.modules()}
    rates = {m: m.rate for m in layers if hasattr(m, "rate")}
    try:
        model.eval()
        for layer in layers:
            layer.training = True  # not train(): the network inside a dropconnect stays in eval mode
            if layer in rates:
                _set_rate(layer, layer.p)
        yield len(layers)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for layer, rate in rates.items():
            _set_rate(layer, rate)


def _set_rate(layer: Any, rate: float) -> None:
    layer.rate = rate
    if isinstance(getattr(layer, "level", None), Tensor):  # the same number where compiled code reads it
        layer.level.fill_(rate)
