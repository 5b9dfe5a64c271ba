"""Laws of words that change images, in short runs: whole steps are those of the plain loop, and a stopped run resumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from archdsl.api import Spec, experiment_of, load
from archdsl.data import Arrays
from archdsl.data.batches import resident
from archdsl.data.corrupt import corrupt
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.laws.law import equal, expect, law, makes
from archdsl.laws.pictures import stripes
from archdsl.laws.training import resumed, static_and_plain, trained
from archdsl.settings.experiment import Experiment
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.words.data.base import Augmentation, Corruption

NET = "input 3x24x24\nclasses 2\nnet conv(4) bn relu maxpool conv(6) bn relu gap linear(2)\n"
TRAIN = "train lion(3e-3) batch(16) epochs(4)"
CPU = torch.device("cpu")
MEAN, STD = (0.4,) * 3, (0.2,) * 3
CHANGES = makes(Augmentation, Corruption)


def experiment(example: str) -> tuple[Spec, Experiment]:
    """The experiment of an example; of "" one without a word that changes images."""
    spec = load(f"{NET}data {example or 'cifar10'}\n{TRAIN}\n", input=(3, 24, 24), classes=2)
    return spec, experiment_of(spec, checked=False)


def work(example: str, **more: Any) -> Job:
    """The job of a short run with the data words of an example, on coloured stripes."""
    spec, found = experiment(example)
    model = build(spec.trace)
    initialise(model, 3)
    return Job(
        model,
        resident(corrupt(coloured(60), found.data.corrupt, 2, 0), CPU),
        None,
        resident(coloured(20, 2), CPU),
        normalise(MEAN, STD, CPU),
        found.data.augment,
        found.train,
        mean=MEAN,
        std=STD,
        **more,
    )


def coloured(count: int, seed: int = 0) -> Arrays:
    """The small pictures of two classes with three channels and four times the pixels: a histogram needs more than 255."""
    found = stripes(count, seed)
    large = found.images.repeat(2, 2).repeat(2, 3)
    return Arrays(np.concatenate([large, large // 2, 255 - large], 1), found.labels)


@law("static", "data", of=makes(Augmentation))
def static_steps_with_it_are_plain_steps(example: str) -> None:
    """The step on buffers that stay gives the losses and the weights of the step of the plain loop."""
    static_and_plain(example, lambda graph: work(example, graph=graph))


@law("resume", "data", of=CHANGES)
def a_run_with_it_resumes_to_the_bit(example: str) -> None:
    """A run that stops in an epoch and resumes gives the weights of one that does not, and others than a run without it."""
    (_, expected), (_, without) = trained(work(example)), trained(work(""))
    weights = resumed(lambda **more: work(example, **more))
    equal(
        f"weights that differ after `{example}` is resumed",
        [n for n, v in expected.items() if not torch.equal(weights[n], v)],
        [],
    )
    data = experiment(example)[1].data
    words: tuple[Augmentation | Corruption, ...] = (*data.augment, *data.corrupt)
    idle = all(word.idle for word in words)
    unlike = any(not torch.equal(v, without[n]) for n, v in expected.items())
    expect(unlike or idle, f"`{example}` trains the same weights as no word at all")
