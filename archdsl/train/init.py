"""Initial weights that depend on the seed and on the layer, not on what else is in the net."""

from __future__ import annotations

from collections import Counter

import torch
from torch import nn

from archdsl.seeds import stream


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
