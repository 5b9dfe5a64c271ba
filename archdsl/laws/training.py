"""Laws of train words: a word is recorded and recognised, and short runs with its example do as they should."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from archdsl.api import Spec, experiment_of, load
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.errors import ArchError, SpecError
from archdsl.laws.law import Broken, NotTried, equal, expect, law
from archdsl.laws.pictures import stripes
from archdsl.runs.events import EpochDone, Finished, Stopped
from archdsl.settings.experiment import Experiment, to_json
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import Training
from archdsl.train.optim import merged_state, reparametrise
from archdsl.train.statistics import with_counts
from archdsl.words.train.kinds import TrainWord

NET = "input 1x12x12\nclasses 2\nnet conv(4) bn relu maxpool conv(6) bn relu gap linear(2)\n"
EPOCHS = 5
CPU = torch.device("cpu")
NO_PART = "A223"  # labels of another net


def spec_of(example: str) -> Spec:
    """A whole text with an example in it."""
    long = example if "epochs(" in example else f"{example} epochs(60)"
    return load(f"{NET}data fashion-mini valid(25%)\ntrain {long}\n", input=(1, 12, 12), classes=2)


def experiment(example: str) -> tuple[Spec, Experiment]:
    """The experiment of an example.

    Raises:
        NotTried: it names parts of another net, weights of a file, or classes that there are not.
    """
    try:
        spec = spec_of(example)
        found = experiment_of(spec, checked=False)
    except SpecError as error:
        if all(d.code == NO_PART for d in error.diagnostics):
            raise NotTried(error.diagnostics[0].message) from error
        raise
    except ArchError as error:
        raise NotTried(error.message) from error
    loss = found.train.stated_loss
    if loss is not None and (remark := loss.unfit(2)) is not None:
        raise NotTried(remark.message)
    return spec, found


def work(example: str, **more: Any) -> Job:
    """The job of a short run with a word's example; its net always begins with the same weights."""
    spec, found = experiment(example)
    settings = replace(found.train, epochs=EPOCHS, batch=16, steps=None, timelimit=None)
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
    """The losses of the epochs, and the weights.

    Raises:
        Broken: the run does not end as it should.
    """
    events = list(Training(job).events())
    expect(isinstance(events[-1], Finished), f"the run ends with {events[-1]}")
    return [e.loss for e in events if isinstance(e, EpochDone)], merged_state(job.model)


@law("setting", "train")
def it_is_a_setting(example: str) -> None:
    """It can be recorded, recognised and carried out; seeds are fused by it only where it says so."""
    first, second = (experiment(example)[1] for _ in range(2))
    json.dumps(to_json(first), allow_nan=False)
    expect(first.train == second.train, "two readings of the example give settings that are not equal")
    equal("the hash of the settings", hash(first.train), hash(second.train))
    equal("the hash of the experiment", first.hash, second.hash)
    words = list(first.train.words())
    for slot, word in words:
        expect(isinstance(word, TrainWord), f"the value of {slot} is of no kind of train word")
        equal(f"what the class of {slot} lacks", word.lacks, [])
        expect(
            word.fuses or bool(why_not_fusable(first.train)),
            f"{slot} does not say that seeds may be fused, and they are",
        )
    equal("whether a step is captured", first.train.capturable, all(word.capturable for _, word in words))


@law("static", "train")
def static_steps_are_plain_steps(example: str) -> None:
    """The step on buffers that stay gives the losses and the weights of the step of the plain loop."""
    static_and_plain(example, lambda graph: work(example, graph=graph))


def static_and_plain(example: str, make: Callable[[bool], Job]) -> None:
    """The same of the jobs of a run with either step.

    Raises:
        Broken: losses or weights differ.
    """
    (plain, weights), (static, others) = (trained(make(graph)) for graph in (False, True))
    near = torch.allclose(torch.tensor(static), torch.tensor(plain), rtol=0, atol=1e-4)
    expect(near, f"losses of static steps with `{example}`: {static}, and not {plain}")
    apart = [n for n, v in weights.items() if not torch.allclose(others[n], v, rtol=1e-3, atol=1e-4)]
    equal(f"weights that differ after static steps with `{example}`", apart, [])


@law("resume", "train")
def a_stopped_run_resumes_to_the_bit(example: str) -> None:
    """A run that stops in an epoch, and resumes from its state, gives the weights of one that does not."""
    _, expected = trained(work(example))
    weights = resumed(lambda **more: work(example, **more))
    equal(
        f"weights that differ after `{example}` is resumed",
        [n for n, v in expected.items() if not torch.equal(weights[n], v)],
        [],
    )


def resumed(make: Callable[..., Job]) -> dict[str, torch.Tensor]:
    """The weights of a run that stops in its second epoch, and is resumed by another process's job.

    Raises:
        Broken: it does not stop.
    """
    asked = iter([False] * 5 + [True] * 100)
    first = Training(make(stop=lambda: next(asked)))
    if not isinstance(list(first.events())[-1], Stopped):
        raise Broken("the run does not stop when it is asked to")
    second = Training(make())
    second.load(*first.checkpoint())
    list(second.events())
    return merged_state(second.job.model)
