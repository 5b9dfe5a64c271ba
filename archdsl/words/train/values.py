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


@dataclass(frozen=True, slots=True)
class Plateau:
    """The learning rate times ``factor``, never below ``least`` times it, after ``epochs`` without a validation loss
    lower by ``delta``.
    """

    epochs: int
    factor: float
    delta: float
    least: float


@dataclass(frozen=True, slots=True)
class Cosine:
    """Half a cosine from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    end: float


@dataclass(frozen=True, slots=True)
class Step:
    """The learning rate times ``gamma`` after each ``every`` epochs."""

    fusible: ClassVar[bool] = True
    every: int
    gamma: float


@dataclass(frozen=True, slots=True)
class OneCycle:
    """From lr/``div`` up to lr over the share ``up`` of the steps, then down to lr/``div``/``final``;
    cosine pieces.
    """

    fusible: ClassVar[bool] = True
    up: float
    div: float
    final: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    end: float


@dataclass(frozen=True, slots=True)
class Triangle:
    """From ``start`` times the learning rate up to it over the share ``up``, then down to ``end`` times it; straight lines."""

    fusible: ClassVar[bool] = True
    up: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Exponential:
    """The learning rate times ``gamma`` after each epoch."""

    fusible: ClassVar[bool] = True
    gamma: float


@dataclass(frozen=True, slots=True)
class Milestones:
    """The learning rate times ``gamma`` after each of these ``epochs``."""

    fusible: ClassVar[bool] = True
    epochs: tuple[int, ...]
    gamma: float


@dataclass(frozen=True, slots=True)
class Poly:
    """A power of the part of the run that is left, from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    power: float
    end: float


@dataclass(frozen=True, slots=True)
class Restarts:
    """Cosines to ``end`` times the learning rate, the first over ``first`` epochs, each ``mult`` times as long as the
    one before.
    """

    fusible: ClassVar[bool] = True
    first: int
    mult: int
    end: float


@dataclass(frozen=True, slots=True)
class Cooldown:
    """The learning rate, and over the last ``share`` of the run a line or half a cosine to ``end`` times it."""

    fusible: ClassVar[bool] = True
    share: float
    shape: Literal["linear", "cosine"]
    end: float


@dataclass(frozen=True, slots=True)
class Warmup:
    """A rise over a ``share`` of the run, or over so many ``steps``; one over whole epochs is their number alone."""

    fusible: ClassVar[bool] = True
    share: float | None = None
    steps: int | None = None


Optimizer = Sgd | Adam | RmsProp | Lion | Muon | NAdam | Lamb
Clip = float | ClipValue | Agc
Smooth = Cosine | Linear | Poly | Restarts | Cooldown | Triangle  # over what a warm-up leaves of the run
Schedule = Smooth | Step | OneCycle | Exponential | Milestones | Plateau
