"""Augmentations as a layer of the model (``where=model``)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, fx, nn

from archdsl.data.augment.apply import augment
from archdsl.data.augment.draws import Draws
from archdsl.emit.build import build
from archdsl.emit.normal import coefficients
from archdsl.errors import ArchError
from archdsl.expand import Graph
from archdsl.ir.trace import Trace
from archdsl.settings.fold import fold_data, fold_train
from archdsl.words.data.base import Augmentation

NAME = "augment"


class AugmentLayer(nn.Module):
    """Augments normalised images (N, C, H, W) in training mode; the identity in eval mode.

    The images are converted back to bytes for it, so that each word does the same in both places. ``step`` keys the draws.
    """

    def __init__(
        self, words: tuple[Augmentation, ...], mean: tuple[float, ...], std: tuple[float, ...], draws: Draws
    ) -> None:
        super().__init__()
        self.words, self.draws, self.step = words, draws, 0
        self.total: int | None = None
        self.start = 0
        self.mean, self.std = (torch.tensor(v, device=draws.device).view(1, -1, 1, 1) for v in (mean, std))
        flat = (coefficients(mean, std)[0] == 0).view(1, -1, 1, 1).to(draws.device)
        self.scale = self.std.masked_fill(flat, math.inf)  # a channel that is constant in the training data becomes 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        images = ((x * self.std + self.mean) * 255).round().clamp(0, 255).to(torch.uint8)
        images = augment(images, self.words, self.draws, self.step, self.total, self.start)
        return (images.float() / 255 - self.mean) / self.scale


class ModelAugmentation(nn.Module):
    """The augmentations of a net that is used without a training run: every forward pass in training mode draws anew, and in eval
    mode it is the identity. It takes and gives normalised images (N, C, H, W).

    Args:
        mean, std: of each channel, by which the images were normalised; fractions of the largest value.
        seed: keys the draws: two modules of one seed draw alike. ``flip(alternate)``, which would have to know the images and the
            epoch, throws a coin for each.
    """

    def __init__(
        self, words: tuple[Augmentation, ...], mean: tuple[float, ...], std: tuple[float, ...], seed: int
    ) -> None:
        super().__init__()
        self.words, self.mean, self.std, self.seed, self.step = words, mean, std, seed, 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        draws = Draws(self.seed, x.device)
        if any(word.alternates for word in self.words):
            draws.mirrored = draws.at("alternate", self.step, len(x)).uniform() < 0.5
        layer = AugmentLayer(self.words, self.mean, self.std, draws)
        layer.step = self.step
        self.step += 1
        changed: Tensor = layer(x)
        return changed

    def extra_repr(self) -> str:
        """The words, as ``print`` shows them."""
        return ", ".join(word.name for word in self.words)


def with_augmentations(trace: Trace, graph: Graph) -> fx.GraphModule:
    """The net of a trace, its augmentations with ``where=model`` before all layers, as the module ``augment``.

    Raises:
        ArchError: the data set publishes no mean and standard deviation; or the net has a module of that name.
    """
    net = build(trace, whole=False)
    if not any(isinstance(s.value, Augmentation) and s.value.where == "model" for s in graph.data):
        return net
    data, seed = fold_data(graph.data), fold_train(graph.train).seed
    mean, std = getattr(data.dataset, "mean", None), getattr(data.dataset, "std", None)
    if not mean or not std:
        raise ArchError(
            "`where=model` acts on normalised images, and the data set has no mean and standard deviation stated",
            help='take a set that states them, such as cifar10 or imagenet("PATH"), or leave `where=model` out',
        )
    if hasattr(net, NAME):
        raise ArchError(
            f"the net has a module `{NAME}`, which is the name of the augmentations with `where=model`",
            help="give the label another name",
        )
    words = tuple(word for word in data.augment if word.where == "model")
    net.add_module(NAME, ModelAugmentation(words, mean, std, seed))
    arrived = next(iter(net.graph.find_nodes(op="placeholder")))
    with net.graph.inserting_after(arrived):
        changed = net.graph.call_module(NAME, (arrived,))
    arrived.replace_all_uses_with(changed, delete_user_cb=lambda user: user is not changed)
    net.recompile()
    return net
