"""Optimisers."""

from __future__ import annotations

from typing import Any, ClassVar

from archdsl.errors import ArchError
from archdsl.registry import setting, train_word
from archdsl.registry.types import NonNegative, Positive, Rate
from archdsl.words.train.kinds import Net, Optimizer, Others, Remark

Groups = list[dict[str, Any]]  # of parameters, each with its rate `lr`, as torch's optimisers take them


@train_word("sgd(0.1)", "sgd(0.1, momentum=0.9, nesterov)", slot="optimizer", paper="Sutskever et al. 2013")
@setting
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum 0.9 by default; `momentum=0` is the plain method.

    As torch counts it: v = momentum·v + g, then w = w - lr·v; `nesterov` steps by g + momentum·v instead.
    """

    lr: Positive
    momentum: Rate = 0.9
    nesterov: bool = False
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ArchError("nesterov needs momentum, which is 0 here", help="give momentum=0.9, or leave nesterov out")

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.SGD(groups, momentum=self.momentum, nesterov=self.nesterov)


@train_word("adam(1e-3)", "adam(1e-3, beta2=0.98)", slot="optimizer", paper="Kingma & Ba 2015")
@setting
class Adam(Optimizer):
    """Adam, with the constants of its paper."""

    lr: Positive = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: Positive = 1e-8
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.Adam(groups, betas=(self.beta1, self.beta2), eps=self.eps)

    def __repr__(self) -> str:
        return _adam(self, None)


@train_word("adamw(1e-3)", "adamw(1e-3, wd=0.05)", slot="optimizer", paper="Loshchilov & Hutter 2019")
@setting
class AdamW(Optimizer):
    """Adam with decoupled weight decay: each step first shrinks every parameter by the factor 1 - lr·wd.

    To leave biases and norms out, write `adam(1e-3) wd(0.01, weights)`.
    """

    lr: Positive = 1e-3
    wd: NonNegative = 0.01
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: Positive = 1e-8
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    @property
    def decoupled(self) -> float:
        return self.wd

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.Adam(groups, betas=(self.beta1, self.beta2), eps=self.eps)

    def record(self) -> object:
        return {"kind": "adam", "lr": self.lr, "beta1": self.beta1, "beta2": self.beta2, "eps": self.eps, "wd": self.wd}

    def __repr__(self) -> str:
        return _adam(self, self.wd)

    def against(self, others: Others) -> Remark | None:
        return _two_decays(self, others, "adam and wd(RATE)")


@train_word("nadam(2e-3)", slot="optimizer", paper="Dozat 2016, Incorporating Nesterov momentum into Adam")
@setting
class NAdam(Optimizer):
    """Adam with Nesterov's momentum; the momentum of step t is beta1·(1 - 0.96^(t·rise)/2), as torch counts it."""

    lr: Positive = 2e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: Positive = 1e-8
    rise: Positive = 4e-3
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.NAdam(groups, betas=(self.beta1, self.beta2), eps=self.eps, momentum_decay=self.rise)


@train_word(
    "lamb(5e-3) batch(2048)", "lamb(5e-3, wd=0.02) bce", slot="optimizer", paper="You et al. 2020, arXiv:1904.00962"
)
@setting
class Lamb(Optimizer):
    """Adam for large batches: the step of a weight is as long as lr times the weight itself.

    r = Adam's step + wd·w, then w = w - lr·‖w‖/‖r‖·r. Biases and norms take Adam's step alone. The gradient is not
    clipped; other programs clip it at norm 1, which is `clip(1)`.
    """

    lr: Positive = 5e-3
    wd: NonNegative = 0.02
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: Positive = 1e-6
    alike: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.Lamb(groups, wd=self.wd, betas=(self.beta1, self.beta2), eps=self.eps)

    def against(self, others: Others) -> Remark | None:
        return _two_decays(self, others, "leave wd out")


@train_word("rmsprop(1e-3)", "rmsprop(0.01, momentum=0.9)", slot="optimizer", paper="Tieleman & Hinton 2012")
@setting
class RmsProp(Optimizer):
    """Each step is divided by the root of a running mean of the squared gradients, as torch counts it."""

    lr: Positive = 1e-2
    decay: Rate = 0.99
    momentum: Rate = 0.0
    eps: Positive = 1e-8
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.RMSprop(groups, alpha=self.decay, momentum=self.momentum, eps=self.eps)


@train_word("lion(1e-4) wd(0.1)", slot="optimizer", paper="Chen et al. 2023, arXiv:2302.06675")
@setting
class Lion(Optimizer):
    """Steps of one size: the sign of beta1·m + (1 - beta1)·g; then m moves towards g by 1 - beta2."""

    lr: Positive = 1e-4
    beta1: Rate = 0.9
    beta2: Rate = 0.99
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        return optim.Lion(groups, betas=(self.beta1, self.beta2))


@train_word("muon(0.02)", "muon(0.02, rest=3e-4) wd(0.01)", slot="optimizer", paper="Jordan et al. 2024")
@setting
class Muon(Optimizer):
    """Momentum that is made orthogonal, for hidden weights; AdamW at the rate `rest` for all others.

    Five Newton-Schulz steps bring all singular values of a Nesterov momentum near 1; a convolution's filters are the rows
    of one matrix. The first and the last layer with weights, biases and norms go to AdamW.
    """

    lr: Positive = 0.02
    momentum: Rate = 0.95
    rest: Positive = 1e-3
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: Groups) -> Any:
        hidden, others = optim.hidden(groups)
        made = [optim.Muon(hidden, momentum=self.momentum)] if hidden else []
        rest = [{**group, "lr": self.rest} for group in others]
        return [*made, optim.Adam(rest, betas=(0.9, 0.999), eps=1e-8)] if rest else made

    def idle_in(self, net: Net) -> Remark | None:
        if net.hidden:
            return None
        return Remark(
            "`muon` has no weight to work on: it takes those between the first and the last layer, and the others "
            f"are trained by Adam at the rate {self.rest:g}",
            f"write adam({self.rest:g}), which does the same here, or take a deeper net",
        )


def _adam(word: Adam | AdamW, wd: float | None) -> str:
    """Both as one optimiser with a decay or without: as such, hashes of stored runs have them."""
    return f"Adam(lr={word.lr!r}, beta1={word.beta1!r}, beta2={word.beta2!r}, eps={word.eps!r}, wd={wd!r})"


def _two_decays(word: Optimizer, others: Others, remedy: str) -> Remark | None:
    """That an optimiser with a decay of its own stands beside `wd`."""
    if not others.wd:
        return None
    return Remark(
        f"`{word.word}` and `wd` both set the decoupled weight decay",
        f"write {word.word}(…, wd=RATE), or {remedy}",
        "wd",
    )
