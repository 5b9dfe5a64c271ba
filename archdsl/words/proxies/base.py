"""What a zero-cost proxy is: its traits, as class attributes, and its score, as a method.

A proxy sees a network with its initial weights and one batch of training images. Torch is given to the method, so that no
word imports it. ``archdsl.evaluate.proxies`` is the one place that computes scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from archdsl.registry import Setting, gives, is_figure
from archdsl.words import layer_weights as of_layers


class Proxy(Setting):
    """A score of an untrained network; networks with more of it are expected to train better.

    tasks: for which it is defined. ids: whether networks that take ids have it. batch_statistics: whether batch norm uses the
    statistics of the batch, as in training; else the initial running ones, with which it changes next to nothing.
    """

    __slots__ = ()
    tasks: ClassVar[tuple[str, ...]] = ()
    ids: ClassVar[bool] = False
    batch_statistics: ClassVar[bool] = False

    @gives("a number, or None where the network has none", is_figure)
    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """The score; None where the network has none. One that is not finite counts as None.

        Args:
            torch: the package.
            model: a copy of the network, which may be changed; dropout is off.
            images: (N, *input) float32, normalised and not augmented, or (N, length) int64 ids.
            labels: (N,) int64, or (N, *places) int64, or (N, targets) float32, see ``Task.items``.
            loss: of an output of the network and the labels, a mean (0-dim), as in training.
        """
        raise NotImplementedError


def layer_weights(model: Any) -> list[Any]:
    """The weights of layers, those that are not to be trained included."""
    found = [weight for _, weight in of_layers.layer_weights(model)]
    for weight in found:
        weight.requires_grad_(True)
    return found


def gradients(torch: Any, value: Any, weights: list[Any]) -> list[tuple[Any, Any]]:
    """The weights on which a value (0-dim) depends, each with its gradient."""
    found = torch.autograd.grad(value, weights, allow_unused=True) if weights else ()
    return [(w.detach(), g) for w, g in zip(weights, found, strict=True) if g is not None]
