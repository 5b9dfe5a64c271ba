"""Tricks on the targets, the gradient and the weights: what a recipe has besides its optimiser."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from archdsl.errors import ArchError
from archdsl.registry import Range, setting, train_word
from archdsl.registry.types import Count, Natural, NonNegative, Positive, Rate, Share
from archdsl.words.train.kinds import Clipping, Net, Others, Remark, TrainWord


@train_word("sgd(0.1) smooth(0.1)", slot="smooth", paper="Szegedy et al. 2016, section 7")
def smooth(share: Rate = 0.1) -> float:
    """Label smoothing: the target is 1 - share for the class, and share spread evenly over all classes."""
    return share


@train_word("sgd(0.1) clip(1)", slot="clip", paper="Pascanu et al. 2013")
@setting
class Clip(Clipping):
    """Scales the gradient down where its norm over all parameters exceeds `norm`."""

    norm: Positive = 1.0
    alike: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def shorten(self, gradients: Any) -> None:
        gradients.limit_norm(self.norm)

    def record(self) -> object:
        return self.norm

    def __repr__(self) -> str:
        return repr(self.norm)  # a number, as before there were other ways to clip


@train_word("sgd(0.1) clipvalue(0.5)", slot="clip", paper="Mikolov 2012, Statistical language models, section 3.2")
@setting
class ClipValue(Clipping):
    """Cuts each number of the gradient at `limit` and at -`limit`; `clip` keeps its direction."""

    limit: Positive = 0.5
    alike: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def shorten(self, gradients: Any) -> None:
        gradients.limit_values(self.limit)


@train_word("sgd(0.1, nesterov) agc(0.01)", slot="clip", paper="Brock et al. 2021, arXiv:2102.06171")
@setting
class Agc(Clipping):
    """Adaptive clipping: the gradient of a filter is at most `ratio` times as long as the filter.

    A filter (or bias, or scale) shorter than `eps` counts as that long. The last layer with weights is left alone. It is
    what lets nets without normalisation (`+nf`) train with large batches.
    """

    ratio: Positive = 0.01
    eps: Positive = 1e-3
    capturable: ClassVar[bool] = True

    def shorten(self, gradients: Any) -> None:
        for p in gradients.before_last:
            longest = gradients.lengths(p.detach(), p).clamp_(min=self.eps).mul_(self.ratio)
            p.grad.mul_((longest / gradients.lengths(p.grad, p).clamp_(min=1e-6)).clamp_(max=1))

    def idle_in(self, net: Net) -> Remark | None:
        if net.before_last:
            return None
        return Remark("`agc` has no effect: it leaves the last layer with weights alone, and nothing else is trained")


@train_word("sgd(0.1) ema(0.999)", slot="ema", paper="Polyak & Juditsky 1992; Tarvainen & Valpola 2017")
def ema(decay: Rate = 0.999) -> float:
    """Averages the weights over the steps: average = decay·average + (1 - decay)·weights.

    The averaged weights are the ones that are validated, tested and saved; batch norm's statistics are averaged with them.
    """
    return decay


@train_word(
    "sgd(0.1) lookahead",
    "sgd(0.1) lookahead(5, 0.226, power=3)",
    slot="lookahead",
    paper="Zhang et al. 2019, arXiv:1907.08610; Jordan 2024, arXiv:2404.00498",
)
@setting
class Lookahead(TrainWord):
    """Slow weights that follow: after every few steps they move towards the weights by alpha, which then restart there.

    With `power` the fraction falls from 1 to alpha over the run, as 1 - (1 - alpha)·t^power; airbench94 has 0.226 and 3. The
    slow weights, batch norm's statistics among them, are the ones that are validated, tested and saved.
    """

    every: Count = 5
    alpha: Share = 0.5
    power: NonNegative = 0.0
    capturable: ClassVar[bool] = True

    def share(self, step: int, steps: int) -> float:
        """By what fraction the slow weights move after ``step`` of ``steps`` steps."""
        part: float = (step / steps) ** self.power
        return 1 - (1 - self.alpha) * part

    def against(self, others: Others) -> Remark | None:
        if others.ema is not None:
            return Remark("`ema` and `lookahead` both say which averaged weights are kept", "keep one of them")
        if self.alpha or self.power:
            return None
        return Remark(
            "`lookahead` with alpha 0 never moves the slow weights: the initial weights would be tested",
            "alpha above 0, such as lookahead(5, 0.5)",
        )

    def idle(self, others: Others) -> Remark | None:
        if self.alpha != 1:
            return None
        return Remark("`lookahead` has no effect: with alpha 1 the slow weights are the weights themselves")


@train_word(
    "sgd(0.1) biaslr(64, norms)",
    "sgd(0.1) biaslr(2)",
    slot="biaslr",
    paper="Page 2018, How to train your ResNet; Jordan 2024, arXiv:2404.00498",
)
@setting
class BiasLr(TrainWord):
    """The learning rate of biases times `scale`; with `norms` of those of normalisations alone. Their decay stays as it is."""

    scale: Positive = 64.0
    norms: bool = False
    called: ClassVar[str] = "BiasRate"
    capturable: ClassVar[bool] = True

    def idle(self, others: Others) -> Remark | None:
        return (
            Remark("`biaslr(1)` has no effect: biases have the rate of all others anyway") if self.scale == 1 else None
        )

    def idle_in(self, net: Net) -> Remark | None:
        if net.biases(self.norms):
            return None
        return Remark(f"`biaslr` has no effect: no bias{' of a normalisation' if self.norms else ''} is trained")


@train_word(
    "sgd(0.1) tta",
    "sgd(0.1) tta(shift=1)",
    slot="tta",
    paper="Krizhevsky et al. 2012, section 4.1; Jordan 2024, arXiv:2404.00498",
)
@setting
class Tta(TrainWord):
    """Test-time augmentation: an image is classified by the mean of its logits and those of its mirror image.

    With `shift=n` also by the image moved n pixels up and left, and n down and right, mirrored at the edges: these two weigh
    as much together as the image where it is. Holds wherever the net is evaluated: validation, test, `eval`, `predict`.
    """

    flip: bool = True
    shift: Annotated[int, Range(0, 64)] = 0
    called: ClassVar[str] = "Views"
    capturable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.flip and not self.shift:
            raise ArchError("`tta(flip=false)` leaves one view of each image", help="give shift=1, or leave tta out")


@train_word(
    "sgd(0.1) precise_bn", "sgd(0.1) precise_bn(2000)", slot="precise_bn", paper="Wu & Johnson 2021, arXiv:2105.07576"
)
def precise_bn(images: Natural = 0) -> int:
    """Batch norm's statistics are computed again after training, from so many training images, two at least (0: all of them).

    Without it they are the moving average that training left behind.
    """
    return images


@train_word("sgd(0.1) syncbn", slot="syncbn", paper="Peng et al. 2018, arXiv:1711.07240")
def syncbn() -> bool:
    """Batch norm looks at the images of all processes that train together, not at those of its own alone."""
    return True
