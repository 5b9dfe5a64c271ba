"""The law that a net learns with a word that changes images: whoever writes one wants no more than that at first."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import torch

from archdsl.api import experiment_of, load
from archdsl.data import Arrays
from archdsl.data.batches import resident
from archdsl.data.corrupt import corrupt
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.laws.law import expect, law, makes
from archdsl.laws.pictures import bars, halves
from archdsl.runs.events import EpochDone, Finished
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import train
from archdsl.train.optim import reparametrise
from archdsl.train.statistics import with_counts
from archdsl.words.data.base import Augmentation, Corruption

CPU = torch.device("cpu")
NET = "conv(8) bn relu maxpool(4) flatten linear(2)"
EPOCHS = 5
LESS = 0.98  # of the first loss, or of chance
CHANCE = math.log(2)  # the loss of a net that gives two classes the same probability


def losses(text: str, net: str = NET, make: Callable[..., Arrays] = halves) -> list[float]:
    """The mean training loss of each epoch of a text whose data are replaced by small ones.

    Raises:
        Broken: the run does not end as it should.
    """
    spec = load(f"net {net}\ninput 3x12x12\nclasses 2\n{text}\n")
    found = experiment_of(spec, checked=False)
    model = build(spec.trace)
    initialise(model, 0)
    if found.train.spred:
        reparametrise(model)
    settings = replace(found.train, batch=16 if found.train.accumulate == 1 else 8, steps=None, epochs=EPOCHS)
    job = Job(
        model,
        resident(corrupt(make(64), found.data.corrupt, 2, 0), CPU),
        resident(make(8, 1), CPU),
        resident(make(8, 2), CPU),
        normalise((0.3,) * 3, (0.2,) * 3, CPU),
        found.data.augment,
        with_counts(settings, make(64).labels, ("a", "b"))[0],
        mean=(0.3,) * 3,
        std=(0.2,) * 3,
    )
    events = list(train(job))
    expect(isinstance(events[-1], Finished), f"the run ends with {events[-1]}")
    return [e.loss for e in events if isinstance(e, EpochDone)]


def data_text(example: str) -> str:
    """A whole text with an example of a data word in it, on a data set that is always here."""
    words = re.sub(r'^\S+(\("[^"]*"[^)]*\))?', "fashion-mini", example, count=1)
    return f"data {words}{'' if 'valid' in words else ' valid(25%)'}\ntrain adam(3e-3)"


def loss_falls(example: str, text: str) -> None:
    """The losses of a text with an example in it are finite, and fall.

    Raises:
        Broken: they are not, or do not.
    """
    found = losses(text)
    expect(all(map(math.isfinite, found)), f"the losses of `{example}` are {found}, and not finite numbers")
    expect(min(found[-3:]) < found[0] * LESS, f"the losses of `{example}` are {found}, and do not fall by 2 %")


@law("learns", "data", of=makes(Augmentation))
def a_net_learns_with_it(example: str) -> None:
    """Within five epochs a small net has a lower training loss than one that knows nothing of the images."""
    found = losses(data_text(example), make=bars)
    expect(all(map(math.isfinite, found)), f"the losses of `{example}` are {found}, and not finite numbers")
    expect(
        min(found) < LESS * CHANCE,
        f"the losses of `{example}` are {found}, and by chance {CHANCE:.3f}: nothing is learnt",
    )


@law("learns", "data", of=makes(Corruption))
def a_net_is_trained_on_what_is_corrupted(example: str) -> None:
    """The training loss of a small net falls within five epochs."""
    loss_falls(example, data_text(example))  # what is spoilt may leave nothing to learn, which is its purpose
