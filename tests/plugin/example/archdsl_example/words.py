"""Words of every kind: a layer, a block made of words, a modifier; an optimiser, a schedule, a penalty and an augmentation,
whose classes carry their behaviour with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from archdsl.ir.layer import Layer
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import Phase, block, data_word, modifier, op, train_word
from archdsl.registry.types import Channels, Positive, Shape, Share
from archdsl.words.data.base import Augmentation
from archdsl.words.modifiers.walk import change_ops, is_op, without
from archdsl.words.train.kinds import Optimizer, Penalty, Point, Schedule


@op("conv(8) snake", paper="Ziyin et al. 2020, arXiv:2006.08195", traits="act")
def snake(x: Shape) -> Layer:
    """x + sin²(a·x)/a, with one learnt `a` a channel."""
    return Layer(out=x, weights={"weight": (x[0],)}, module=lambda nn: nn.Snake(x[0]))


@block("fireblock(8, 16)", paper="Iandola et al. 2016, arXiv:1602.07360")
def fireblock(squeeze: Channels, expand: Channels) -> Node:
    """Squeeze to few channels, expand by 1×1 and 3×3 side by side."""
    wide = seq(o.conv(expand, 3), o.relu())
    return seq(o.conv(squeeze, 1), o.relu(), fan("cat", seq(o.conv(expand, 1), o.relu()), wide))


@modifier("vgg[8x2] +snakes", phase=Phase.ACTIVATION, undo=lambda term: without(term, "snake"))
def snakes(term: Node) -> Node | None:
    """A snake in the place of each activation."""
    return change_ops(term, lambda op: o.snake() if is_op(op, "act") else None)


@train_word("adagrad(0.01)", slot="optimizer", paper="Duchi et al. 2011")
@dataclass(frozen=True, slots=True)
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients."""

    lr: Positive = 0.01
    elementwise: ClassVar[bool] = True

    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        """The optimiser over the groups, each with its rate."""
        return optim.Adagrad(groups)


@train_word("sgd(0.1) halves(0.5)", slot="schedule")
@dataclass(frozen=True, slots=True)
class Halves(Schedule):
    """The learning rate times `by` in the second half of the run."""

    by: Positive = 0.5

    def scale(self, at: Point) -> float:
        """What the rate is multiplied by."""
        return 1.0 if at.done < at.whole / 2 else self.by


@train_word("sgd(0.1) elastic(1e-4)", slot="elastic", paper="Zou & Hastie 2005")
@dataclass(frozen=True, slots=True)
class Elastic(Penalty):
    """Adds rate · Σ (|w| + w²/2) over every parameter to the loss."""

    rate: Positive
    weights: bool = False

    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        """The gradient for a rate of 1."""
        return [w.sign() + w for w in values]


@data_word("cifar10 dim(50%)", slot="dim")
@dataclass(frozen=True, slots=True)
class Dim(Augmentation):
    """Darkens each training image by up to this share."""

    share: Share = 0.5

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        """The batch of bytes, each image by a factor of its own."""
        return ops.brightness(images, draw.uniform(1 - self.share, 1))


@train_word("nothing", slot="optimizer")
@dataclass(frozen=True, slots=True)
class Nothing(Optimizer):
    """An optimiser that forgot its behaviour."""

    lr: float = 0.1


@train_word("loose", slot="optimizer")
def loose() -> object:
    """A value that is not an optimiser."""
    return object()
