"""Named random streams: every kind of chance in a run has a seed of its own.

A stream's seed is the SHA-256 of the run's seed and the stream's name. So drawing one more number for
augmentation changes no weight, and two runs that differ in one word share all chance that the word does not
touch.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Name = Literal["init", "order", "augment", "dropout", "split", "corrupt", "lesion", "continuation"]


def stream(seed: int, name: Name, *index: object) -> int:
    """The seed of a stream, in [0, 2^63); ``index`` tells its parts apart (an epoch, a shape)."""
    text = "\x1f".join(map(str, (seed, name, *index)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_dropout(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Begin the draws of the layers again, for one step: they come from torch's global generators. Processes
    that train together draw for their own images.
    """
    import torch

    number = stream(seed, "dropout", step, *((rank,) if rank else ()))
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)
