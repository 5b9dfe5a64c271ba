"""Initial weights: drawn by the seed and the layer, whatever else is in the net, or taken from the training images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.data.batches import Feed
from archdsl.data.normalise import Normalise
from archdsl.seeds import stream

WHITENED = 5000  # images from which a whitening layer takes its filters (Jordan 2024)


def initialise(model: nn.Module, seed: int) -> tuple[str, ...]:
    """Draw every layer's initial weights by the layer's own ``reset_parameters``.

    Each layer draws from a generator keyed by the seed, the shape of its first parameter and its place among
    the layers of that shape. So a layer that is added elsewhere, or a bias that a normalisation makes needless,
    leaves the others' weights as they were, and two arms of an ablation begin alike where they are alike. The
    global generator is left as it was.

    Returns:
        The names of parameters that no ``reset_parameters`` touches; they keep what their module gave them.
    """
    seen: Counter[object] = Counter()
    untouched: list[str] = []
    # Drawn on the CPU whatever the device: only the CPU's generator is forked.
    with torch.random.fork_rng(devices=[]):
        for name, module in model.named_modules():
            own = dict(module.named_parameters(recurse=False))
            reset = getattr(module, "reset_parameters", None)
            if not callable(reset):
                untouched += [f"{name}.{p}" if name else p for p in own]
                continue
            shape = tuple(next(iter(own.values())).shape) if own else ()
            torch.manual_seed(stream(seed, "init", shape, seen[shape]))
            seen[shape] += 1
            reset()
    return tuple(untouched)


def whiten(model: nn.Module, normal: Normalise, train: Feed, device: torch.device, kept: Collection[str] = ()) -> None:
    """Let the layers that take their weights from the training images do so, from the first of them; not those whose
    weights, ``kept`` from another net, are there already. (A net that has a module of the name `whiten` is none.)
    """
    layers: list[Any] = [
        m for n, m in model.named_modules() if callable(getattr(type(m), "whiten", None)) and f"{n}.weight" not in kept
    ]
    if not layers:
        return
    images, _ = next(iter(train.batches([torch.arange(min(WHITENED, len(train)))], device)))

    def take(layer: Any, arrived: tuple[Tensor, ...]) -> None:
        layer.whiten(arrived[0])

    hooks = [m.register_forward_pre_hook(take) for m in layers]
    with torch.no_grad():
        model.eval()(normal(images))
        model.train()
    for hook in hooks:
        hook.remove()
