"""What holds for every train word: the laws that the registry's words, words made at run time and words of packages obey."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from archdsl.api import Spec, experiment_of, load
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.registry import lookup
from archdsl.runs.events import EpochDone, Finished, Stopped
from archdsl.settings.experiment import to_json
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import Training
from archdsl.train.optim import merged_state, reparametrise
from archdsl.train.statistics import with_counts
from archdsl.words.train.kinds import TrainWord

from .nets import CPU, stripes

NET = "input 1x12x12\nclasses 2\nnet conv(4) bn relu maxpool conv(6) bn relu gap linear(2)\n"
EPOCHS = 5


@contextmanager
def no_word_stays() -> Iterator[None]:
    """The table of words as it was, once the block is left."""
    before = dict(lookup._TABLE)
    try:
        yield
    finally:
        lookup._TABLE.clear()
        lookup._TABLE.update(before)


def spec_of(example: str) -> Spec:
    long = example if "epochs(" in example else f"{example} epochs(60)"
    return load(f"{NET}data fashion-mini valid(25%)\ntrain {long}\n", input=(1, 12, 12), classes=2)


def work(example: str, **more: Any) -> Job:
    """The job of a short run with a word's example; its net always begins with the same weights."""
    spec = spec_of(example)
    experiment = experiment_of(spec, checked=False)
    settings = replace(experiment.train, epochs=EPOCHS, batch=16, steps=None, timelimit=None)
    model = build(spec.trace)
    initialise(model, 3)
    if settings.spred:
        reparametrise(model)
    return Job(
        model,
        resident(stripes(60), CPU),
        resident(stripes(12, 1), CPU),
        resident(stripes(20, 2), CPU),
        normalise((0.4,), (0.2,), CPU),
        (),
        with_counts(settings, stripes(60).labels, ("a", "b"))[0],
        mean=(0.4,),
        std=(0.2,),
        **more,
    )


def trained(job: Job) -> tuple[list[float], dict[str, torch.Tensor]]:
    events = list(Training(job).events())
    assert isinstance(events[-1], Finished), events[-1]
    return [e.loss for e in events if isinstance(e, EpochDone)], merged_state(job.model)


def it_is_a_setting(example: str) -> None:
    """It can be recorded, recognised and carried out; seeds are fused by it only where it says so."""
    first, second = (experiment_of(spec_of(example), checked=False) for _ in range(2))
    json.dumps(to_json(first), allow_nan=False)
    assert (first.train, hash(first.train), first.hash) == (second.train, hash(second.train), second.hash)
    words = list(first.train.words())
    for slot, word in words:
        assert isinstance(word, TrainWord)
        assert not word.lacks, slot
        assert word.fuses or why_not_fusable(first.train)
    assert first.train.capturable is all(word.capturable for _, word in words)


def static_steps_are_plain_steps(example: str) -> None:
    """The step on buffers that stay gives the losses and the weights of the step of the plain loop."""
    (plain, weights), (static, others) = (trained(work(example, graph=graph)) for graph in (False, True))
    torch.testing.assert_close(static, plain, rtol=0, atol=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=1e-3, atol=1e-4, msg=lambda m, name=name: f"{name}: {m}")


def a_stopped_run_resumes_to_the_bit(example: str) -> None:
    """A run that stops in an epoch, and resumes from its state, gives the weights of one that does not."""
    _, expected = trained(work(example))
    asked = iter([False] * 5 + [True] * 100)
    first = Training(work(example, stop=lambda: next(asked)))
    assert isinstance(list(first.events())[-1], Stopped)
    second = Training(work(example))
    second.load(*first.checkpoint())
    list(second.events())
    resumed = merged_state(second.job.model)
    assert all(torch.equal(resumed[name], value) for name, value in expected.items())
