"""A package of one file: the kinds of words that the other packages here lack, and a format of tables."""

from __future__ import annotations

from typing import Any, ClassVar

from archdsl.ir.layer import Layer
from archdsl.ir.make import Stage, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import data_word, evaluation_word, family, join, late, proxy_word, setting
from archdsl.registry.types import Shape, Share
from archdsl.report import Table
from archdsl.report.formats import table_format
from archdsl.words.data.base import Corruption, Mixing, Mixture
from archdsl.words.evaluation.base import Change, Shift
from archdsl.words.proxies.base import Proxy


@join("conv(8) least(conv(8) | id)", traits="pointwise")
def least(xs: tuple[Shape, ...]) -> Layer:
    """The least of the branches' values."""
    return Layer(out=xs[0], call=lambda torch, a, *more: a if not more else torch.minimum(a, *more))


@late("conv(8) add(conv(16) | widened)")
def widened(x: Shape, target: Shape, like: Any) -> Node:
    """A convolution of 1x1 to the channels of the other branch."""
    return o.conv(target[0], 1)


@family("ladders[8x2]")
def ladders(stages: tuple[Stage, ...]) -> Node:
    """Stages of convolutions."""
    return seq(*(o.conv(stage.width) for stage in stages for _ in range(stage.depth)))


@evaluation_word("fade(50%)")
@setting
class Fade(Shift):
    """Images with less contrast."""

    by: Share

    def apply(self, torch: Any, x: Any, generator: Any) -> Any:
        """Towards grey."""
        return x + self.by * (0.5 - x)


@evaluation_word("halved")
@setting
class Halved(Change):
    """Half of every weight."""

    def change(self, torch: Any, model: Any, images: Any) -> None:
        """In place."""
        for parameter in model.parameters():
            parameter.mul_(0.5)


@proxy_word("howmany")
@setting
class HowMany(Proxy):
    """The number of parameters."""

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def measure(self, torch: Any, model: Any, images: Any, labels: Any, loss: Any) -> float:
        """Of all of them."""
        return float(sum(p.numel() for p in model.parameters()))


@data_word("cifar10 thirds", slot="thirds")
@setting
class Thirds(Mixing):
    """Two thirds of an image and a third of another."""

    boxes: ClassVar[bool] = False

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        """The same in every step."""
        return Mixture(own=2 / 3, other=1 / 3, label=2 / 3)


@data_word("cifar10 inverted", slot="inverted")
@setting
class Inverted(Corruption):
    """Negatives of all images."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Any, Any]:
        """Bytes from the other end."""
        return 255 - images, labels


@table_format("count")
def counted(table: Table) -> str:
    """How many rows there are."""
    return f"{len(table.rows)} rows\n"
