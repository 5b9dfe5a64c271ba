"""Optimisers."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.registry import train_word
from archdsl.registry.types import NonNegative, Positive, Rate
from archdsl.words.train.values import Adam, Lamb, Lion, Muon, NAdam, RmsProp, Sgd


@train_word("sgd(0.1)", "sgd(0.1, momentum=0.9, nesterov)", slot="optimizer", paper="Sutskever et al. 2013")
def sgd(lr: Positive, momentum: Rate = 0.9, nesterov: bool = False) -> Sgd:
    """Stochastic gradient descent with momentum 0.9 unless said; `momentum=0` is the plain method.

    As torch counts it: v = momentum·v + g, then w = w - lr·v; `nesterov` steps by g + momentum·v instead.
    """
    if nesterov and momentum == 0:
        raise ArchError("nesterov needs momentum, which is 0 here", help="give momentum=0.9, or leave nesterov out")
    return Sgd(lr, momentum, nesterov)


@train_word("adam(1e-3)", "adam(1e-3, beta2=0.98)", slot="optimizer", paper="Kingma & Ba 2015")
def adam(lr: Positive = 1e-3, beta1: Rate = 0.9, beta2: Rate = 0.999, eps: Positive = 1e-8) -> Adam:
    """Adam, with the constants of its paper."""
    return Adam(lr, beta1, beta2, eps)


@train_word("adamw(1e-3)", "adamw(1e-3, wd=0.05)", slot="optimizer", paper="Loshchilov & Hutter 2019")
def adamw(
    lr: Positive = 1e-3, wd: NonNegative = 0.01, beta1: Rate = 0.9, beta2: Rate = 0.999, eps: Positive = 1e-8
) -> Adam:
    """Adam with decoupled weight decay: each step first shrinks every parameter by the factor 1 - lr·wd.

    To leave biases and norms out, write `adam(1e-3) wd(0.01, weights)`.
    """
    return Adam(lr, beta1, beta2, eps, wd)


@train_word("nadam(2e-3)", slot="optimizer", paper="Dozat 2016, Incorporating Nesterov momentum into Adam")
def nadam(
    lr: Positive = 2e-3, beta1: Rate = 0.9, beta2: Rate = 0.999, eps: Positive = 1e-8, rise: Positive = 4e-3
) -> NAdam:
    """Adam with Nesterov's momentum; the momentum of step t is beta1·(1 - 0.96^(t·rise)/2), as torch counts it."""
    return NAdam(lr, beta1, beta2, eps, rise)


@train_word("lamb(5e-3) batch(2048)", "lamb(5e-3, wd=0.02) bce", slot="optimizer",
            paper="You et al. 2020, arXiv:1904.00962")  # fmt: skip
def lamb(
    lr: Positive = 5e-3, wd: NonNegative = 0.02, beta1: Rate = 0.9, beta2: Rate = 0.999, eps: Positive = 1e-6
) -> Lamb:
    """Adam for large batches: the step of a weight is as long as lr times the weight itself.

    r = Adam's step + wd·w, then w = w - lr·‖w‖/‖r‖·r. Biases and norms take Adam's step alone. The gradient is not
    clipped; other programs clip it at norm 1, which is `clip(1)`.
    """
    return Lamb(lr, wd, beta1, beta2, eps)


@train_word("rmsprop(1e-3)", "rmsprop(0.01, momentum=0.9)", slot="optimizer", paper="Tieleman & Hinton 2012")
def rmsprop(lr: Positive = 1e-2, decay: Rate = 0.99, momentum: Rate = 0.0, eps: Positive = 1e-8) -> RmsProp:
    """Each step is divided by the root of a running mean of the squared gradients, as torch counts it."""
    return RmsProp(lr, decay, momentum, eps)


@train_word("lion(1e-4) wd(0.1)", slot="optimizer", paper="Chen et al. 2023, arXiv:2302.06675")
def lion(lr: Positive = 1e-4, beta1: Rate = 0.9, beta2: Rate = 0.99) -> Lion:
    """Steps of one size: the sign of beta1·m + (1 - beta1)·g; then m moves towards g by 1 - beta2."""
    return Lion(lr, beta1, beta2)


@train_word("muon(0.02)", "muon(0.02, rest=3e-4) wd(0.01)", slot="optimizer", paper="Jordan et al. 2024")
def muon(lr: Positive = 0.02, momentum: Rate = 0.95, rest: Positive = 1e-3) -> Muon:
    """Momentum that is made orthogonal, for hidden weights; AdamW at the rate `rest` for all others.

    Five Newton-Schulz steps bring all singular values of a Nesterov momentum near 1; a convolution's filters are the rows
    of one matrix. The first and the last layer with weights, biases and norms go to AdamW.
    """
    return Muon(lr, momentum, rest)
