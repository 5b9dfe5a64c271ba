"""Augmentations of the colours of a training batch."""

from __future__ import annotations

from typing import Annotated

from archdsl.registry import Range, data_word
from archdsl.registry.types import Share
from archdsl.words.data.changes import Brightness, Contrast, Grayscale, Hue, Saturation, Where

PAPER = "Krizhevsky et al. 2012; Howard 2013, arXiv:1312.5402"


@data_word("cifar10 brightness(0.4)", slot="brightness", paper=PAPER)
def brightness(strength: Share = 0.4, where: Where = "pipeline") -> Brightness:
    """Multiplies each training image by a factor from 1 - strength to 1 + strength."""
    return Brightness(strength, where=where)


@data_word("cifar10 contrast(0.4)", slot="contrast", paper=PAPER)
def contrast(strength: Share = 0.4, where: Where = "pipeline") -> Contrast:
    """Moves each training image away from, or towards, its mean grey by a factor from 1 - strength to 1 + strength."""
    return Contrast(strength, where=where)


@data_word("cifar10 saturation(0.4)", slot="saturation", paper=PAPER)
def saturation(strength: Share = 0.4, where: Where = "pipeline") -> Saturation:
    """Makes the colours of each training image stronger or weaker, by a factor from 1 - strength to 1 + strength."""
    return Saturation(strength, where=where)


@data_word("cifar10 hue(0.1)", slot="hue", paper=PAPER)
def hue(strength: Annotated[Share, Range(0, 0.5)] = 0.1, where: Where = "pipeline") -> Hue:
    """Turns the colours of each training image by up to this share of the colour circle, either way."""
    return Hue(strength, where=where)


@data_word("cifar10 grayscale(20%)", slot="grayscale", paper="Chen et al. 2020, arXiv:2002.05709")
def grayscale(p: Share = 0.2, where: Where = "pipeline") -> Grayscale:
    """Makes each training image grey with probability p."""
    return Grayscale(p, where=where)
