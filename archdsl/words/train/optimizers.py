"""Optimisers and weight decay."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.registry import train_word
from archdsl.registry.types import NonNegative, Positive, Rate
from archdsl.words.train.values import Adam, Decay, Sgd


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
    """Adam with decoupled weight decay: each step first shrinks the weights by the factor 1 - lr·wd."""
    return Adam(lr, beta1, beta2, eps, wd)


@train_word("sgd(0.1) wd(5e-4)", slot="wd", paper="Loshchilov & Hutter 2019")
def wd(rate: Positive) -> Decay:
    """Decoupled weight decay: each step first shrinks every parameter by the factor 1 - lr·rate.

    For any optimiser, biases and norms included. See `l2` for the decay that goes through the gradient.
    """
    return Decay("wd", rate)


@train_word("sgd(0.1) l2(1e-4)", slot="l2", paper="Krogh & Hertz 1991")
def l2(rate: Positive) -> Decay:
    """Adds rate/2 · Σw² over every parameter to the loss.

    Its gradient rate·w goes through the optimiser: it is what torch calls `weight_decay` of SGD, and what
    papers before 2019 mean by weight decay. The loss that is reported is without it.
    """
    return Decay("l2", rate)
