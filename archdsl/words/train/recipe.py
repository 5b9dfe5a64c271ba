"""Tricks on the loss, the gradient and the weights: what a recipe has besides its optimiser."""

from __future__ import annotations

from typing import Annotated

from archdsl.errors import ArchError
from archdsl.registry import Range, train_word
from archdsl.registry.types import Count, Natural, NonNegative, Positive, Rate, Share
from archdsl.words.train.values import Agc, Bce, BiasRate, ClipValue, Lookahead, Views


@train_word("sgd(0.1) smooth(0.1)", slot="smooth", paper="Szegedy et al. 2016, section 7")
def smooth(share: Rate = 0.1) -> float:
    """Label smoothing: the target is 1 - share for the class, and share spread evenly over all classes."""
    return share


@train_word("sgd(0.1) clip(1)", slot="clip", paper="Pascanu et al. 2013")
def clip(norm: Positive = 1.0) -> float:
    """Scales the gradient down where its norm over all parameters exceeds `norm`."""
    return norm


@train_word("sgd(0.1) clipvalue(0.5)", slot="clip", paper="Mikolov 2012, Statistical language models, section 3.2")
def clipvalue(limit: Positive = 0.5) -> ClipValue:
    """Cuts each number of the gradient at `limit` and at -`limit`; `clip` keeps its direction."""
    return ClipValue(limit)


@train_word("sgd(0.1, nesterov) agc(0.01)", slot="clip", paper="Brock et al. 2021, arXiv:2102.06171")
def agc(ratio: Positive = 0.01, eps: Positive = 1e-3) -> Agc:
    """Adaptive clipping: the gradient of a filter is at most `ratio` times as long as the filter.

    A filter (or bias, or scale) shorter than `eps` counts as that long. The last layer with weights is left alone. It is
    what lets nets without normalisation (`+nf`) train with large batches.
    """
    return Agc(ratio, eps)


@train_word("adamw bce", "lamb(5e-3) bce(20%)", slot="bce", paper="Wightman et al. 2021, arXiv:2110.00476")
def bce(threshold: Share | None = None) -> Bce:
    """Binary cross-entropy: each class is a yes or no of its own, and the loss is the mean over all classes.

    With a `threshold` every class that has a larger share of a mixed image has the target 1. `smooth` works as in the
    cross-entropy; validation and test report the cross-entropy, whatever the net is trained by.
    """
    return Bce(threshold)


@train_word("sgd(0.1) ema(0.999)", slot="ema", paper="Polyak & Juditsky 1992; Tarvainen & Valpola 2017")
def ema(decay: Rate = 0.999) -> float:
    """Averages the weights over the steps: average = decay·average + (1 - decay)·weights.

    The averaged weights are the ones that are validated, tested and saved; batch norm's statistics are averaged with them.
    """
    return decay


@train_word("sgd(0.1) lookahead", "sgd(0.1) lookahead(5, 0.226, power=3)", slot="lookahead",
            paper="Zhang et al. 2019, arXiv:1907.08610; Jordan 2024, arXiv:2404.00498")  # fmt: skip
def lookahead(every: Count = 5, alpha: Share = 0.5, power: NonNegative = 0.0) -> Lookahead:
    """Slow weights that follow: after every few steps they move towards the weights by alpha, which then begin there anew.

    With `power` the share falls from 1 to alpha over the run, as 1 - (1 - alpha)·t^power; airbench94 has 0.226 and 3. The
    slow weights, batch norm's statistics among them, are the ones that are validated, tested and saved.
    """
    return Lookahead(every, alpha, power)


@train_word("sgd(0.1) biaslr(64, norms)", "sgd(0.1) biaslr(2)", slot="biaslr",
            paper="Page 2018, How to train your ResNet; Jordan 2024, arXiv:2404.00498")  # fmt: skip
def biaslr(scale: Positive = 64.0, norms: bool = False) -> BiasRate:
    """The learning rate of biases times `scale`; with `norms` of those of normalisations alone. Their decay stays as it is."""
    return BiasRate(scale, norms)


@train_word("sgd(0.1) tta", "sgd(0.1) tta(shift=1)", slot="tta",
            paper="Krizhevsky et al. 2012, section 4.1; Jordan 2024, arXiv:2404.00498")  # fmt: skip
def tta(flip: bool = True, shift: Annotated[int, Range(0, 64)] = 0) -> Views:
    """Test-time augmentation: an image is judged by the mean of its logits and those of its mirror image.

    With `shift=n` also by the image moved n pixels up and left, and n down and right, mirrored at the edges: these two weigh
    as much together as the image where it is. Holds wherever the net is judged: validation, test, `eval`, `predict`.
    """
    if not flip and not shift:
        raise ArchError("`tta(flip=false)` leaves one view of each image", help="give shift=1, or leave tta out")
    return Views(flip, shift)


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
