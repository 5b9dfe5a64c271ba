"""Words of every kind: a layer, a block made of words, a modifier; an optimiser, a schedule and an augmentation, whose
values carry their behaviour with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.ir.layer import Layer
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import block, data_word, modifier, op, train_word
from archdsl.registry.types import Channels, Positive, Shape, Share
from archdsl.words.data.base import Augmentation
from archdsl.words.modifiers.walk import change_ops, is_op, without


@op("conv(8) snake", paper="Ziyin et al. 2020, arXiv:2006.08195", traits="act")
def snake(x: Shape) -> Layer:
    """x + sin²(a·x)/a, with one learnt `a` a channel."""
    return Layer(out=x, weights={"weight": (x[0],)}, module=lambda nn: nn.Snake(x[0]))


@block("fireblock(8, 16)", paper="Iandola et al. 2016, arXiv:1602.07360")
def fireblock(squeeze: Channels, expand: Channels) -> Node:
    """Squeeze to few channels, expand by 1×1 and 3×3 side by side."""
    wide = seq(o.conv(expand, 3), o.relu())
    return seq(o.conv(squeeze, 1), o.relu(), fan("cat", seq(o.conv(expand, 1), o.relu()), wide))


@modifier("vgg[8x2] +snakes", phase=51, undo=lambda term: without(term, "snake"))
def snakes(term: Node) -> Node | None:
    """A snake in the place of each activation."""
    return change_ops(term, lambda op: o.snake() if is_op(op, "act") else None)


@dataclass(frozen=True, slots=True)
class Adagrad:
    """An optimiser of torch that archdsl has no word for."""

    lr: float
    fusible = True  # each number by itself

    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        """The optimiser over the groups, each with its rate."""
        return optim.Adagrad(groups)


@train_word("adagrad(0.01)", slot="optimizer", paper="Duchi et al. 2011")
def adagrad(lr: Positive = 0.01) -> Adagrad:
    """Steps divided by the root of the sum of squared gradients."""
    return Adagrad(lr)


@dataclass(frozen=True, slots=True)
class Halves:
    """A schedule by the part of the run that is done."""

    by: float

    def factor(self, step: int, steps: int, per_epoch: int) -> float:
        """What the rate is multiplied by."""
        return 1.0 if step < steps / 2 else self.by


@train_word("sgd(0.1) halves(0.5)", slot="schedule")
def halves(by: Positive = 0.5) -> Halves:
    """The learning rate times `by` in the second half of the run."""
    return Halves(by)


@data_word("cifar10 dim(50%)", slot="dim")
@dataclass(frozen=True, slots=True)
class Dim(Augmentation):
    """Darkens each training image by up to this share."""

    share: Share = 0.5

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        """The batch of bytes, each image by a factor of its own."""
        return ops.brightness(images, draw.uniform(1 - self.share, 1))


@train_word("nothing", slot="optimizer")
def nothing() -> object:
    """A word that forgot its behaviour."""
    return Forgot()


@dataclass(frozen=True)
class Forgot:
    """An optimiser that cannot be built."""

    lr: float = 0.1


@train_word("sgd(0.1) nowhere", slot="nowhere")
def nowhere() -> Forgot:
    """A word for a slot that training does not have."""
    return Forgot()
