"""Dropout and its kin: noise while training, nothing otherwise.

Each takes a phase, as in Liu et al. 2023, "Dropout reduces underfitting" (arXiv:2303.01500): ``early`` with a rate that
falls in a straight line to 0, ``late`` with the full rate from there on. (They switch after 50 of 300 epochs.)
"""

from __future__ import annotations

from typing import Any

from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.trace import Body
from archdsl.registry import op
from archdsl.registry.types import Count, Early, Late, Net, NonNegative, Rate, Shape, Share
from archdsl.words.ops.shapes import image


def _phase(word: str, early: float | None, late: float | None) -> dict[str, float]:
    """The phase as settings of a module; none without one."""
    if early is not None and late is not None:
        raise Misfit(f"`{word}` is both early and late", help="choose one of the two")
    given = {"early": early, "late": late}
    return {name: share for name, share in given.items() if share is not None}


@op(
    "gap drop(0.3) linear(10)",
    "conv(8) relu drop(0.3, late)",
    "conv(8) drop(0.1, early=20%)",
    paper="Srivastava et al. 2014; phases: Liu et al. 2023, arXiv:2303.01500",
    traits="drop",
)
def drop(x: Shape, p: Rate = 0.5, early: Early | None = None, late: Late | None = None) -> Layer:
    """Inverted dropout: each number is 0 with probability `p`, the others are scaled by 1/(1 − p).

    With `early=20%` the rate falls in a straight line to 0 over the first fifth of training; with `late=60%` there is
    none before 60% of training is over. The bare words mean 50%.
    """
    phase = _phase("drop", early, late)
    if not p:
        return Layer(out=x)
    return Layer(out=x, module=lambda nn: nn.PhasedDropout(p, **phase) if phase else nn.Dropout(p))


@op(
    "conv(8) relu spatial(0.2)",
    "conv(8) relu spatial(0.2, late=60%)",
    paper="Tompson et al. 2014, arXiv:1411.4280",
    traits="drop",
)
def spatial(x: Shape, p: Rate = 0.5, early: Early | None = None, late: Late | None = None) -> Layer:
    """Spatial dropout: whole channels of an image are 0 with probability `p`. Phases as for `drop`."""
    image(x, "spatial")
    phase = _phase("spatial", early, late)
    if not p:
        return Layer(out=x)
    return Layer(out=x, module=lambda nn: nn.PhasedDropout(p, **phase, channels=True) if phase else nn.Dropout2d(p))


@op(
    "cutout(8) conv(8)",
    "cutout(16, p=50%, late) conv(8)",
    paper="DeVries & Taylor 2017, arXiv:1708.04552",
    traits="drop",
)
def cutout(x: Shape, size: Count, p: Share = 1.0, early: Early | None = None, late: Late | None = None) -> Layer:
    """A square of `size` is set to 0 in each example, with probability `p`; its centre may be anywhere, so that a part
    of it may be outside. Phases as for `drop`.

    As an augmentation before the network, write `cutout` in the `data` statement.
    """
    image(x, "cutout")
    phase = _phase("cutout", early, late)
    if not p:
        return Layer(out=x)
    settings: dict[str, Any] = ({"p": p} if p != 1 else {}) | phase
    return Layer(out=x, module=lambda nn: nn.Cutout(size, **settings))


@op(
    "conv(8) add(id | conv(8) droppath(0.2))",
    "conv(8) add(id | conv(8) droppath(0.2, early))",
    paper="Huang et al. 2016, Deep networks with stochastic depth, arXiv:1603.09382",
    traits="drop",
)
def droppath(x: Shape, p: Rate = 0.1, early: Early | None = None, late: Late | None = None) -> Layer:
    """Stochastic depth: the whole value of an example is 0 with probability `p`, else scaled by 1/(1 − p).

    At the end of a residual branch it drops the block. Phases as for `drop`.
    """
    phase = _phase("droppath", early, late)
    return Layer(out=x, module=lambda nn: nn.DropPath(p, **phase)) if p else Layer(out=x)


@op(
    "conv(8) relu dropblock(0.1, 5)",
    "conv(8) relu dropblock(0.1, late)",
    paper="Ghiasi et al. 2018, arXiv:1810.12890",
    traits="drop",
)
def dropblock(x: Shape, p: Rate = 0.1, size: Count = 7, early: Early | None = None, late: Late | None = None) -> Layer:
    """Squares of `size` are set to 0, in each channel others, so that about the fraction `p` goes; the rest is scaled up.

    A square is at most as large as the image. Phases as for `drop`.
    """
    image(x, "dropblock")
    phase = _phase("dropblock", early, late)
    return Layer(out=x, module=lambda nn: nn.DropBlock2d(p, size, **phase)) if p else Layer(out=x)


@op(
    "dropconnect(conv(8), 0.3) relu",
    "gap dropconnect(linear(10), late)",
    paper="Wan et al. 2013, Regularization of neural networks using DropConnect",
    traits="drop wrap",
)
def dropconnect(x: Shape, f: Net, p: Rate = 0.5, early: Early | None = None, late: Late | None = None) -> Layer:
    """The network `f` with each of its weights 0 with probability `p`, the others scaled by 1/(1 − p).

    Biases and the scales of normalisations stay. One draw serves a batch. Phases as for `drop`.
    """
    assert isinstance(f, Body)
    phase = _phase("dropconnect", early, late)
    return Layer(out=f.out, macs=f.macs, module=lambda nn, f: nn.DropConnect(f, p, **phase))


@op(
    "noise(0.1) conv(8)",
    paper="Bishop 1995, Training with noise is equivalent to Tikhonov regularization",
    traits="noise",
)
def noise(x: Shape, sigma: NonNegative = 0.1) -> Layer:
    """Normal noise with standard deviation `sigma`, added while training."""
    return Layer(out=x, module=lambda nn: nn.GaussianNoise(sigma)) if sigma else Layer(out=x)
