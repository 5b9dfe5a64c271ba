"""The statistics of batch norm over given images, for the words `precise_bn` of training and of evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def estimate(torch: Any, model: Any, norms: Sequence[Any], batches: Iterable[Any]) -> None:
    """Give batch norm the mean and variance of each batch, averaged with the numbers of images as weights (Wu & Johnson 2021,
    arXiv:2105.07576, section 3).

    Args:
        model: in the mode in which it runs.
        norms: its layers of batch norm whose statistics are estimated; they are in training mode. What a batch does not reach
            is not counted.
        batches: tensors (N, ...) of which the model takes each; N may differ.
    """
    kept = [norm for norm in norms if norm.running_mean is not None]
    momenta = [norm.momentum for norm in kept]
    means, variances = ([torch.zeros_like(value) for value in values] for values in _held(kept))
    seen = [torch.zeros_like(norm.running_mean[:1]) for norm in kept]
    passes = [torch.zeros_like(norm.num_batches_tracked) for norm in kept]
    for norm in kept:
        norm.momentum = None  # the plain mean over all its uses in a batch
    with torch.no_grad():
        for batch in batches if kept else ():
            for norm in kept:
                norm.reset_running_stats()
            model(batch)
            for norm, mean, variance, images, count in zip(kept, means, variances, seen, passes, strict=True):
                more = len(batch) * norm.num_batches_tracked.clamp(max=1)
                images += more
                share = more / images.clamp(min=1)
                mean.lerp_(norm.running_mean, share)
                variance.lerp_(norm.running_var, share)
                count += norm.num_batches_tracked
        for norm, momentum, mean, variance, count in zip(kept, momenta, means, variances, passes, strict=True):
            norm.momentum = momentum
            norm.reset_running_stats()
            norm.running_mean.lerp_(mean, count.clamp(max=1).to(mean.dtype))
            norm.running_var.lerp_(variance, count.clamp(max=1).to(mean.dtype))
            norm.num_batches_tracked.copy_(count)


def _held(norms: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    return [norm.running_mean for norm in norms], [norm.running_var for norm in norms]
