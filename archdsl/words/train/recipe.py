"""Tricks of the trade: on the loss, the gradient and the weights."""

from __future__ import annotations

from archdsl.registry import train_word
from archdsl.registry.types import Natural, Positive, Rate


@train_word("sgd(0.1) smooth(0.1)", slot="smooth", paper="Szegedy et al. 2016, section 7")
def smooth(share: Rate = 0.1) -> float:
    """Label smoothing: the target is 1 - share for the class, and share spread evenly over all classes."""
    return share


@train_word("sgd(0.1) clip(1)", slot="clip", paper="Pascanu et al. 2013")
def clip(norm: Positive = 1.0) -> float:
    """Scales the gradient down where its norm over all parameters exceeds `norm`."""
    return norm


@train_word("sgd(0.1) ema(0.999)", slot="ema", paper="Polyak & Juditsky 1992; Tarvainen & Valpola 2017")
def ema(decay: Rate = 0.999) -> float:
    """Averages the weights over the steps: average = decay·average + (1 - decay)·weights.

    The averaged weights are the ones that are validated, tested and saved; batch norm's statistics are averaged with them.
    """
    return decay


@train_word("sgd(0.1) precise_bn", "sgd(0.1) precise_bn(2000)", slot="precise_bn",
            paper="Wu & Johnson 2021, arXiv:2105.07576")  # fmt: skip
def precise_bn(images: Natural = 0) -> int:
    """Batch norm's statistics are computed anew after training, from so many training images (0: all of them).

    Without it they are the moving average that training left behind.
    """
    return images


@train_word("sgd(0.1) syncbn", slot="syncbn", paper="Peng et al. 2018, arXiv:1711.07240")
def syncbn() -> bool:
    """Batch norm looks at the images of all processes that train together, not at those of its own alone."""
    return True
