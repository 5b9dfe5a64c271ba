"""Images as they come elsewhere: the corruptions among the words of ``evaluate``, with the bytes and draws of a block of images.

The result is rounded to bytes, as if the picture had been saved. Random numbers are drawn on the host in blocks of fixed
size, so that they depend on the seed alone, and neither on the device nor on the size of a batch.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from archdsl.errors import ArchError, suggest
from archdsl.expand.evaluation import evaluation
from archdsl.registry import entries
from archdsl.seeds import stream
from archdsl.words.evaluation.base import Shift

BLOCK = 500  # images for which random numbers are drawn at once, whatever the batch is
_CALL = re.compile(r"\s*([a-z][a-z0-9_]*)\s*\(([^()]*)\)\s*")


def kinds() -> list[str]:
    """The names of the corruptions."""
    return [e.name for e in entries("evaluate") if issubclass(e.make, Shift)]  # type: ignore[arg-type]


def parse_shifts(text: str) -> tuple[Shift, ...]:
    """``rotate(30)``, or ``rotate(0, 30, 60)`` for several strengths.

    Raises:
        ArchError: no such corruption, or a strength out of its bounds.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ArchError(
            f"--shift {text[:60]} is not a corruption with a strength",
            help="write rotate(30), or rotate(0, 30, 60) for several strengths",
        )
    word, numbers = match[1], match[2].split(",")
    if word not in kinds():
        raise ArchError(f"unknown corruption `{word}`", help=suggest(word, kinds()) or f"one of {', '.join(kinds())}")
    strengths = (re.sub(r"^([+-]?)\.", r"\g<1>0.", n.strip()[:30]) for n in numbers)  # `.1` is a number in a shell
    return tuple(evaluation(f"{word}({n})", "--shift")[0].value for n in strengths)


@torch.no_grad()
def shifted(images: Tensor, shift: Shift, seed: int = 0, block: int = 0, before: int = 0) -> Tensor:
    """A block of pictures (N, C, H, W) uint8 under a corruption; shape, type and device stay.

    The random numbers belong to ``seed`` and the number of the block, and to ``before``: how often the same word has acted on
    the block already.
    """
    # The strength is not in the seed: a stronger noise is the same noise, stronger.
    generator = torch.Generator().manual_seed(
        stream(seed, "augment", "shift", shift.stream, block, *([before] if before else []))
    )
    changed = shift.apply(torch, images.float() / 255, generator)
    return (changed * 255).round().clamp(0, 255).to(torch.uint8)
