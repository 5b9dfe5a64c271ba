"""Weight decay and penalties: what keeps the weights small, or few."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from archdsl.registry import setting, train_word
from archdsl.registry.types import Positive
from archdsl.words.train.kinds import Net, Penalty, Remark, TrainWord, no_weights


@train_word("sgd(0.1) wd(5e-4)", "adam wd(0.05, weights)", slot="wd", paper="Loshchilov & Hutter 2019")
@setting
class Wd(TrainWord):
    """Decoupled weight decay: each step first shrinks every parameter by the factor 1 - lr·rate.

    For any optimiser. With `weights`, biases and norms are left out (parameters of one dimension). See `l2` for the
    decay that goes through the gradient.
    """

    rate: Positive
    weights: bool = False
    nothing_at_zero: ClassVar[bool] = True
    called: ClassVar[str] = "Decay"
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def idle_in(self, net: Net) -> Remark | None:
        return no_weights(self, net)


@train_word("sgd(0.1) l2(1e-4)", "sgd(0.1) l2(1e-4, weights)", slot="l2", paper="Krogh & Hertz 1991")
@setting
class L2(Penalty):
    """Adds rate/2 · Σw² over every parameter to the loss.

    Its gradient rate·w goes through the optimiser: it is what torch calls `weight_decay` of SGD, and what
    papers before 2019 mean by weight decay. The loss that is reported is without it.
    """

    rate: Positive
    weights: bool = False
    called: ClassVar[str] = "Decay"
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        return values


@train_word("sgd(0.1) l1(1e-5, weights)", slot="l1", paper="Tibshirani 1996")
@setting
class L1(Penalty):
    """Adds rate · Σ|w| over every parameter to the loss, by its subgradient rate·sign(w).

    Steps of a subgradient end near zero, not at it; `spred` reaches the same minima by plain gradients.
    """

    rate: Positive
    weights: bool = False
    called: ClassVar[str] = "Decay"
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        return [w.sign() for w in values]


@train_word("sgd(0.1) grouplasso(1e-4)", slot="grouplasso", paper="Yuan & Lin 2006; Wen et al. 2016, arXiv:1608.03665")
@setting
class GroupLasso(Penalty):
    """Group sparsity: adds rate · Σ √n·‖w‖ over the filters of every weight, n numbers each, to the loss.

    A filter is all that leads to one output channel; those that do not pay go to zero together.
    """

    rate: Positive
    weights: bool = field(default=True, init=False)
    called: ClassVar[str] = "Decay"
    capturable: ClassVar[bool] = True

    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        """The gradient of Σ √n·‖w‖ over the filters, 0 where a filter is 0."""
        directions = []
        for w in values:
            rows = w.flatten(1)
            norm = rows.norm(dim=1, keepdim=True)
            directions.append(torch.where(norm > 0, rows / norm, 0.0).mul_(rows.shape[1] ** 0.5).view_as(w))
        return directions


@train_word("sgd(0.1) spred(1e-4)", slot="spred", paper="Ziyin & Wang 2022, arXiv:2210.01212")
def spred(rate: Positive) -> float:
    """Sparsity by plain gradients: every weight is a product a·b, with rate/2 · (Σa² + Σb²) in the loss.

    The minima are exactly those of `l1(rate)`. The saved net has plain weights again, and no more parameters.
    """
    return rate
