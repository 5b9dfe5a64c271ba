"""Images as they come elsewhere: named corruptions of a given strength, after Hendrycks & Dietterich 2019.

A corruption works on whole batches of images in [0, 1] and is rounded back to bytes, as if the picture had been
saved. Random numbers are drawn on the host in blocks of fixed size, so that they depend on the seed alone, and
neither on the device nor on the size of a batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.errors import ArchError, suggest
from archdsl.seeds import stream

BLOCK = 500  # images for which random numbers are drawn at once, whatever the batch is
Change = Callable[[Tensor, float, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True)
class Kind:
    """A corruption, the bounds of its strength, and what the strength means."""

    apply: Change
    low: float
    high: float
    help: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """A corruption with its strength."""

    word: str
    strength: float

    def __str__(self) -> str:
        return f"{self.word}({self.strength:g})"


def rotate(x: Tensor, degrees: float, _: torch.Generator) -> Tensor:
    """Counter-clockwise about the middle, bilinear; what comes in from outside is black."""
    height, width = x.shape[2:]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]], device=x.device)
    grid = functional.affine_grid(turn.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Normal noise added to each value."""
    return x + sigma * torch.randn(x.shape, generator=generator).to(x.device)


def impulse(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """This share of all values becomes 0 or 1, each as often."""
    drawn = torch.rand(x.shape, generator=generator).to(x.device)
    return torch.where(drawn < share / 2, 0.0, torch.where(drawn < share, 1.0, x))


def blur(x: Tensor, sigma: float, _: torch.Generator) -> Tensor:
    """Convolved with a normal curve, cut at three standard deviations; the border continues outside."""
    if not sigma:
        return x
    radius = math.ceil(3 * sigma)
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    curve = torch.exp(-(places**2) / (2 * sigma**2))
    curve = (curve / curve.sum()).expand(x.shape[1], 1, -1)
    x = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
    x = functional.conv2d(x, curve[:, :, None], groups=x.shape[1])
    return functional.conv2d(x, curve[:, :, :, None], groups=x.shape[1])


def pixelate(x: Tensor, size: float, _: torch.Generator) -> Tensor:
    """Squares of this many pixels take their mean."""
    side = int(size)
    coarse = functional.avg_pool2d(x, side, ceil_mode=True)
    return coarse.repeat_interleave(side, 2).repeat_interleave(side, 3)[:, :, : x.shape[2], : x.shape[3]]


def brightness(x: Tensor, amount: float, _: torch.Generator) -> Tensor:
    """Added to each value."""
    return x + amount


def contrast(x: Tensor, factor: float, _: torch.Generator) -> Tensor:
    """The distance of each value from its image's and channel's mean is multiplied."""
    mean = x.mean((2, 3), keepdim=True)
    return mean + factor * (x - mean)


def occlude(x: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """A black square of this many pixels at a random place inside each image."""
    side, (height, width) = int(size), x.shape[2:]
    if not side:
        return x
    high, wide = min(side, height), min(side, width)
    drawn = torch.rand(2, len(x), 1, generator=generator).to(x.device)
    top, left = (drawn[0] * (height - high + 1)).floor(), (drawn[1] * (width - wide + 1)).floor()
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    hidden = ((rows >= top) & (rows < top + high))[:, :, None] & ((columns >= left) & (columns < left + wide))[:, None]
    return x.masked_fill(hidden[:, None], 0.0)


# The strengths. Values are in [0, 1], black to white.
KINDS: dict[str, Kind] = {
    "rotate": Kind(rotate, -360, 360, "degrees counter-clockwise; outside is black; 0 changes nothing"),
    "noise": Kind(noise, 0, 10, "standard deviation of normal noise, where 1 is black to white"),
    "impulse": Kind(impulse, 0, 1, "fraction of the values that become black or white"),
    "blur": Kind(blur, 0, 50, "standard deviation of the Gaussian blur in pixels"),
    "pixelate": Kind(pixelate, 1, 512, "side in pixels of the squares that take their mean; 1 changes nothing", True),
    "brightness": Kind(brightness, -1, 1, "added to each value, where 1 is black to white"),
    "contrast": Kind(contrast, 0, 20, "factor on the distance from the image's mean; 1 changes nothing"),
    "occlude": Kind(occlude, 0, 512, "side in pixels of a black square at a random place", True),
}
_CALL = re.compile(r"\s*([a-z]+)\s*\(([^()]*)\)\s*")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?")


def parse_shifts(text: str) -> tuple[Shift, ...]:
    """``rotate(30)``, or ``rotate(0, 30, 60)`` for several strengths.

    Raises:
        ArchError: no such corruption, or a strength out of its bounds.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ArchError(f"--shift {text[:60]} is not a corruption with a strength",
                        help="write rotate(30), or rotate(0, 30, 60) for several strengths")  # fmt: skip
    word, numbers = match[1], match[2].split(",")
    kind = KINDS.get(word)
    if kind is None:
        raise ArchError(f"there is no corruption `{word}`", help=suggest(word, KINDS) or f"one of {', '.join(KINDS)}")
    return tuple(Shift(word, _strength(word, kind, n.strip())) for n in numbers)


def _strength(word: str, kind: Kind, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not kind.low <= value <= kind.high or (kind.whole and value != int(value)):
        number = "a whole number" if kind.whole else "a number"
        raise ArchError(f"the strength of {word} is {number} from {kind.low:g} to {kind.high:g}, not `{text[:30]}`",
                        help=f"{word}: {kind.help}")  # fmt: skip
    return value


@torch.no_grad()
def shifted(images: Tensor, shift: Shift, seed: int = 0, block: int = 0) -> Tensor:
    """A block of pictures (N, C, H, W) uint8 under a corruption; shape, type and device stay.

    The random numbers belong to ``seed`` and the number of the block.
    """
    # The strength is not in the seed: a stronger noise is the same noise, stronger.
    generator = torch.Generator().manual_seed(stream(seed, "augment", "shift", shift.word, block))
    changed = KINDS[shift.word].apply(images.float() / 255, shift.strength, generator)
    return (changed * 255).round().clamp(0, 255).to(torch.uint8)
