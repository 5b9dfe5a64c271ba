"""What the train words return: frozen settings that know no torch.

``fusible`` says that several seeds may be trained as one net with such a setting: it acts on each number by itself, and on
the steps of all runs alike. A class that does not say so is taken to tie the copies together (a norm over all gradients, a
rate that follows the losses of one run), so its runs are trained one after the other.

A class of another package brings its behaviour along: an optimiser the method ``build(optim, groups)``, a schedule the
method ``factor(step, steps, per_epoch)``. See docs/house.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archdsl.words.train.parts import Freeze as Freeze
from archdsl.words.train.parts import Init as Init
from archdsl.words.train.parts import PartRate as PartRate
from archdsl.words.train.schedule_values import Cooldown as Cooldown
from archdsl.words.train.schedule_values import Cosine as Cosine
from archdsl.words.train.schedule_values import Exponential as Exponential
from archdsl.words.train.schedule_values import Linear as Linear
from archdsl.words.train.schedule_values import Milestones as Milestones
from archdsl.words.train.schedule_values import OneCycle as OneCycle
from archdsl.words.train.schedule_values import Plateau as Plateau
from archdsl.words.train.schedule_values import Poly as Poly
from archdsl.words.train.schedule_values import Restarts as Restarts
from archdsl.words.train.schedule_values import Schedule as Schedule
from archdsl.words.train.schedule_values import Smooth as Smooth
from archdsl.words.train.schedule_values import Step as Step
from archdsl.words.train.schedule_values import Triangle as Triangle
from archdsl.words.train.schedule_values import Warmup as Warmup


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent; ``momentum`` 0 is the plain method."""

    fusible: ClassVar[bool] = True
    lr: float
    momentum: float
    nesterov: bool


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam; ``wd`` is None for `adam`, and the decoupled decay of `adamw`."""

    fusible: ClassVar[bool] = True
    lr: float
    beta1: float
    beta2: float
    eps: float
    wd: float | None = None


@dataclass(frozen=True, slots=True)
class RmsProp:
    """Steps divided by the root of a running mean of squared gradients."""

    fusible: ClassVar[bool] = True
    lr: float
    decay: float
    momentum: float
    eps: float


@dataclass(frozen=True, slots=True)
class Lion:
    """Steps by the sign of an interpolated momentum."""

    fusible: ClassVar[bool] = True
    lr: float
    beta1: float
    beta2: float


@dataclass(frozen=True, slots=True)
class Muon:
    """Orthogonalised momentum for hidden weights; AdamW at the rate ``rest`` for all others."""

    lr: float
    momentum: float
    rest: float


@dataclass(frozen=True, slots=True)
class NAdam:
    """Adam with Nesterov's momentum, whose share grows over the steps by ``rise``."""

    fusible: ClassVar[bool] = True
    lr: float
    beta1: float
    beta2: float
    eps: float
    rise: float


@dataclass(frozen=True, slots=True)
class Lamb:
    """Adam's step of a weight, with the decay ``wd`` in it, scaled to the norm of the weight."""

    lr: float
    wd: float
    beta1: float
    beta2: float
    eps: float


@dataclass(frozen=True, slots=True)
class Decay:
    """Decay or penalty at ``rate``: on every parameter, or on the ``weights`` alone, those of two or more dimensions."""

    fusible: ClassVar[bool] = True
    rate: float
    weights: bool = False


@dataclass(frozen=True, slots=True)
class BiasRate:
    """The learning rate of biases times ``scale``; with ``norms`` of the biases of normalisations alone."""

    scale: float
    norms: bool


@dataclass(frozen=True, slots=True)
class Lookahead:
    """After every ``every`` steps slow weights move towards the fast ones by a share, and the fast ones begin there anew.
    The share is 1 - (1 - ``alpha``)·t^``power`` after the part t of the run.
    """

    every: int
    alpha: float
    power: float

    def share(self, step: int, steps: int) -> float:
        """The share after ``step`` of ``steps`` steps."""
        part: float = (step / steps) ** self.power
        return 1 - (1 - self.alpha) * part


@dataclass(frozen=True, slots=True)
class Views:
    """Each image is judged by itself, its mirror image where ``flip``, and both moved by ``shift`` pixels two ways."""

    flip: bool
    shift: int


@dataclass(frozen=True, slots=True)
class ClipValue:
    """Each number of the gradient cut at ``limit``, either way."""

    limit: float


@dataclass(frozen=True, slots=True)
class Agc:
    """The gradient of each filter at most ``ratio`` times as long as the filter, which counts as ``eps`` at least."""

    ratio: float
    eps: float


@dataclass(frozen=True, slots=True)
class Bce:
    """Binary cross-entropy of every class; where ``threshold`` is given, a class with a larger share counts as there."""

    fusible: ClassVar[bool] = True
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """The run ends after ``epochs`` without a validation ``loss`` lower (``accuracy`` higher) by ``delta`` than the best one."""

    epochs: int
    delta: float
    on: Literal["loss", "accuracy"] = "loss"


Optimizer = Sgd | Adam | RmsProp | Lion | Muon | NAdam | Lamb
Clip = float | ClipValue | Agc
