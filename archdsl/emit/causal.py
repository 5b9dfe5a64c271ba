"""Whether a network for sequences looks at later places."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LOOKS_AHEAD = (
    "the net sees the tokens that follow, so that it need not predict them",
    "attention(…, causal), gru and lstm without `both`, conv1(…, causal)",
)


@torch.no_grad()
def looks_ahead(model: nn.Module, ids: Tensor, vocabulary: int) -> bool:
    """Whether the output at a place depends on later places, for windows ``ids`` (N, L) int64: the second half is exchanged."""
    half = ids.shape[1] // 2
    if not half:
        return False
    other = ids.clone()
    other[:, half:] = (other[:, half:] + 1) % vocabulary
    first, second = (model(x)[:, :half].double() for x in (ids, other))
    return bool((first - second).abs().max() > 1e-4 * first.abs().max())
