"""Zero-cost proxies of a spec: its network at initialisation, with the spec's seed, on the first images of its first epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of
from archdsl.data.augment import Target
from archdsl.data.batches import shuffled
from archdsl.emit.build import build
from archdsl.errors import ArchError, suggest
from archdsl.registry import find, names
from archdsl.registry.shapes import Ids
from archdsl.seeds import stream
from archdsl.train.checks import explained
from archdsl.train.distributed import Distributed
from archdsl.train.loss import loss
from archdsl.train.options import FitOptions
from archdsl.train.prepare import prepare
from archdsl.words.proxies.base import Proxy

if TYPE_CHECKING:
    from archdsl.api import Spec

IMAGES = (
    64  # of the batch, whatever that of training is, so that scores of several specs compare (Abdelfattah et al. 2021)
)
Score = Callable[[nn.Module, Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]], float | None]


def scores(
    spec: Spec, proxies: Sequence[str], data_root: str | Path | None = None, device: str = "cpu"
) -> dict[str, float | None]:
    """The scores of a spec, without training. Equal specs have equal scores on one machine.

    The weights are those with which its training begins. The images are the first ``IMAGES`` of its first epoch, normalised
    and not augmented; of fewer training images, all.

    Args:
        proxies: their names.
        data_root: searched for the data before the other data roots.
        device: as that of training.

    Returns:
        Each score by its name; None where the network has none.

    Raises:
        ArchError: no proxy of the name, or none for networks of this task; a spec that cannot be trained.
        EnvError: no such device, or the data is not there.
    """
    words = [_proxy(name) for name in proxies]
    for word in words:
        _refuse(word, spec)
    experiment = experiment_of(spec)
    options = FitOptions(data_root=data_root, device=device, plan=PLAIN, compile="off")
    with explained(experiment):
        job = prepare(build(spec.trace), experiment, options, Distributed(), lambda: False).job
        order = shuffled(len(job.train), job.group, stream(job.settings.seed, "order", 1))
        first = torch.cat(order[: -(-IMAGES // job.group) + 1])[:IMAGES]
        images, labels = next(iter(job.train.batches([first], job.normalise.scale.device)))
        images = job.normalise(images)

        def loss_of(output: Tensor, labels: Tensor) -> Tensor:
            settings = job.settings
            return loss(output, Target(labels), settings.smooth, settings.stated_loss, job.task)

        return {word.word: _score(word, job.model, images, labels, loss_of) for word in words}


def defined(spec: Spec) -> list[str]:
    """The names of the proxies that are defined for networks of this kind."""
    return [name for name in names("proxy") if _defined(_proxy(name), spec)]


def proxy(name: str) -> Score:
    """The function that computes a proxy of a module: of images, labels and a loss as ``Proxy.measure`` has them.

    Raises:
        ArchError: no proxy of the name.
    """
    word = _proxy(name)
    return lambda model, images, labels, loss: _score(word, model, images, labels, loss)


def _proxy(name: str) -> Proxy:
    entry = find("proxy", name)
    if entry is None:
        known = names("proxy")
        raise ArchError(f"unknown proxy `{name}`", help=suggest(name, known) or "proxies: " + ", ".join(known))
    word: Proxy = entry.make()
    return word


def _defined(word: Proxy, spec: Spec) -> bool:
    """Whether a proxy declares networks of this kind."""
    return spec.task.name in word.tasks and (word.ids or not isinstance(spec.input, Ids))


def _refuse(word: Proxy, spec: Spec) -> None:
    if not _defined(word, spec):
        kind = f"task `{spec.task.name}`" + (" and ids as input" if isinstance(spec.input, Ids) else "")
        others = ", ".join(defined(spec))
        help = f"defined are: {others}" if others else "leave it out"
        raise ArchError(f"the proxy `{word.word}` is not defined for networks with {kind}", help=help)


def _score(
    word: Proxy, model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> float | None:
    copy = deepcopy(model).eval()  # weights, statistics and hooks of the model stay as they are
    for module in copy.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(word.batch_statistics)
    with torch.enable_grad():
        score = word.measure(torch, copy, images, labels, loss)
    return score if score is not None and math.isfinite(score) else None
