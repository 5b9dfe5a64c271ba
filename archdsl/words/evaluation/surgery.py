"""Changes of the trained net: blocks deleted or exchanged, small weights removed, statistics of batch norm estimated again."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from archdsl.errors import ArchError
from archdsl.ir.blocks import deletable, exchanged, without
from archdsl.registry import evaluation_word, setting
from archdsl.registry.types import Block, Blocks, Natural, NonNegative
from archdsl.words.evaluation.base import Change, Images, Rewiring
from archdsl.words.evaluation.statistics import estimate
from archdsl.words.layer_weights import layer_weights

VEIT = "Veit et al. 2016, arXiv:1605.06431"


@evaluation_word("lesion(3)", "lesion(1, 2)", "lesion(random=2)", paper=VEIT)
@setting
class Lesion(Rewiring):
    """Deletes blocks: by number from 1, by label, or `random` ones drawn by the seed of the run.

    A residual block that is deleted passes its skip; a plain block, or a layer named by its label, passes what arrives where
    it keeps the shape. With one seed, fewer random blocks are a part of more. `archdsl lesion RUN` lists the blocks of a run.
    """

    blocks: Blocks = ()
    random: Natural | None = None

    def __post_init__(self) -> None:
        if bool(self.blocks) == (self.random is not None):
            raise ArchError(
                "`lesion` takes blocks, or how many random ones", help="lesion(3), lesion(1, 2), lesion(random=2)"
            )

    def rewire(self, trace: Any, draw: Random) -> Any:
        if self.random is None:
            return without(trace, self.blocks)
        known = list(deletable(trace))
        if self.random > len(known):
            raise ArchError(
                f"`lesion(random={self.random})`: {len(known)} blocks of the network can be deleted",
                help=f"at most random={len(known)}",
            )
        draw.shuffle(known)
        return without(trace, known[: self.random])


@evaluation_word("swap(2, 3)", paper=VEIT)
@setting
class Swap(Rewiring):
    """Exchanges two blocks of equal layers and shapes, by number from 1 or by label."""

    i: Block
    j: Block

    def rewire(self, trace: Any, draw: Random) -> Any:
        return exchanged(trace, self.i, self.j)


@evaluation_word("prune(1e-3)", paper="Han et al. 2015, arXiv:1506.02626")
@setting
class Prune(Change):
    """Sets every weight of a layer whose absolute value is below `threshold` to 0.

    Biases, norms, learnt scales, tokens and positions stay as they are.
    """

    called: ClassVar[str] = (
        "prune_layers"  # in stored evaluations; `prune` cut norms, scales and positions of several axes, too
    )
    threshold: NonNegative

    def change(self, torch: Any, model: Any, images: Images) -> None:
        for _, weight in layer_weights(model):
            weight.data.masked_fill_(weight.data.abs() < self.threshold, 0)


@evaluation_word(
    "precise_bn", "precise_bn(1000)", paper="Wu & Johnson 2021, arXiv:2105.07576, section 3", name="precise_bn"
)
@setting
class PreciseBn(Change):
    """Estimates batch norm's statistics again: their mean over so many training images, two at least; 0: all of them.

    As the word of that name in `train` does at the end of a run: the images are not augmented, dropout is active, and a part
    that is frozen to the end keeps its statistics. After a `prune` they are those of the pruned weights.
    """

    # In stored evaluations; `precise_bn` had the dropout of the beginning, `precise_bn_at_end` changed frozen parts, too, and a
    # small last batch weighed as much as a whole one.
    called: ClassVar[str] = "precise_bn_of_trained"
    images: Natural = 0

    def change(self, torch: Any, model: Any, images: Images) -> None:
        model.train()
        norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.training]
        for layer in model.modules():
            if hasattr(layer, "set_progress"):
                layer.set_progress(1.0)
        estimate(torch, model, norms, images(self.images) if norms else ())
        model.eval()
