"""Laws of metrics: a metric is read from its text, and never guesses what a run has not recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, get_args

import torch

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.expand.metrics import metric, metric_of, parts
from archdsl.laws.law import NotTried, equal, expect, law, makes
from archdsl.registry import Entry
from archdsl.registry.lookup import entry_of
from archdsl.words.metrics.base import Metric, OfNet, OfPart, OfWeights, Score, Unit
from archdsl.words.tasks import TASKS

NET = "conv(4) bn relu res(conv(4) bn relu conv(4) bn) relu gap linear(10)"
PARTS = ("", "test", "valid", "train")
CLASSES = 10
CUTS = (0, 12, 20)  # of twenty images into two batches


@dataclass
class Recorded:
    """What a run has recorded: nothing, or what a test gives."""

    result: Mapping[str, Any] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    epochs: Sequence[Mapping[str, Any]] = ()

    def measured(self, metric: OfNet) -> float | None:
        """Nothing: there is no net."""
        return None


def word_and_entry(example: str) -> tuple[Metric, Entry]:
    """The metric of an example, and the word that it is.

    Raises:
        Broken: its class is that of no word.
    """
    word = metric_of(example)
    entry = entry_of(type(word))
    expect(entry is not None, f"the class of `{example}` is `{type(word).__name__}`, and not that of a metric")
    assert entry is not None
    return word, entry


@law("spelling", "metric")
def an_example_is_its_one_spelling(example: str) -> None:
    """An example is the one spelling of its metric, without a note, and its name is that of the word."""
    (word, notes), (_, entry) = metric(example), word_and_entry(example)
    equal(f"the name of `{example}`", word.name, example)
    equal(f"notes on `{example}`", notes, ())
    equal(f"the metric that `{word.name}` is read as", metric(word.name)[0], word)
    equal(f"the word of `{example}`", word.word, entry.name)


@law("facts", "metric")
def facts_are_of_their_kinds(example: str) -> None:
    """Its unit, its direction and its images are among those that reports know."""
    word, entry = word_and_entry(example)
    about = f"`{entry.name}`"
    expect(word.unit in get_args(Unit), f"the unit of {about}: {word.unit!r}, and not one of {get_args(Unit)}")
    expect(isinstance(word.higher, bool), f"`higher` of {about}: {word.higher!r}, and not True or False")
    expect(isinstance(word.counted, bool), f"`counted` of {about}: {word.counted!r}, and not True or False")
    expect(word.on in PARTS, f"`on` of {about}: {word.on!r}, and not one of {PARTS}")
    of_part = isinstance(word, OfPart)
    equal(f"whether {about} has a field `part` with choices", bool(parts(entry)), of_part)
    if of_part:
        found = [metric_of(f"{part}_{entry.name}").on for part in parts(entry)]
        equal(f"the images of {about}", found, list(parts(entry)))


@law("recorded", "metric")
def what_no_run_has_recorded_has_no_figure(example: str) -> None:
    """A run that has recorded nothing, or a text in place of a number, has no figure."""
    word, _ = word_and_entry(example)
    for said, run in (("nothing", Recorded()), ("a text in its place", Recorded({word.name: "text"}))):
        equal(f"`{word.name}` of a run that has recorded {said}", word.of(run), None)
    if isinstance(word, Score | OfWeights):  # a run stores it under its name
        equal(f"`{word.name}` of a run that has stored 0.25", word.of(Recorded({word.name: 0.25})), 0.25)


@law("sums", "metric", of=makes(Score))
def sums_of_batches_are_those_of_the_whole(example: str) -> None:
    """What two batches add is what both add as one, so that a figure does not depend on the size of batches."""
    word, entry = word_and_entry(example)
    assert isinstance(word, Score)
    unknown = [task for task in word.tasks if task not in TASKS]
    equal(f"tasks of `{entry.name}` that are unknown", unknown, [])
    expect(bool(word.tasks), f"`{entry.name}` has no task, and no run would compute it")
    for task in word.tasks:
        said, wanted = answers(TASKS[task].counted)
        kept = said.clone()
        whole = word.sums(torch, said, wanted)
        each = [word.sums(torch, said[a:b], wanted[a:b]) for a, b in pairwise(CUTS)]
        sizes = [len(sums) for sums in (*each, whole)]
        expect(
            len(set(sizes)) == 1,
            f"`sums` of `{entry.name}` gives {sizes} numbers for 12, 8 and 20 images, and not equally many",
        )
        added = each[0] + each[1]
        expect(
            torch.allclose(added, whole, rtol=1e-9),
            f"`sums` of `{entry.name}`: the batches add {added.tolist()[:5]}, and the whole {whole.tolist()[:5]}",
        )
        expect(torch.equal(said, kept), f"`{entry.name}` changes the predictions that it is given")
        word.figure(whole.tolist(), CUTS[-1])  # a number or None, which the guard holds it to


def answers(counted: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions of twenty images and their targets: classes, or two numbers each."""
    generator = torch.Generator().manual_seed(0)
    said = torch.randn(CUTS[-1], CLASSES if counted else 2, generator=generator, dtype=torch.float64)
    if counted:
        return said.log_softmax(1), torch.randint(CLASSES, (CUTS[-1],), generator=generator)
    return said, torch.randn(said.shape, generator=generator, dtype=torch.float64)


@law("measure", "metric", of=makes(OfWeights, OfNet))
def a_measurement_leaves_what_it_measures(example: str) -> None:
    """Measured again it has the same figure, and the weights and images stay as they are."""
    word, entry = word_and_entry(example)
    measure, given = measurement(word)
    before = [value.clone() for value in given]
    with torch.no_grad():
        first, again = measure(), measure()
    if first is None:
        raise NotTried(f"`{word.name}` has no figure for `{NET}`")
    equal(f"`{word.name}`, measured again", again, first)
    same = all(torch.equal(value, was) for value, was in zip(given, before, strict=True))
    expect(same, f"`{entry.name}` changes the weights, statistics or images that it measures")


def measurement(word: Metric) -> tuple[Callable[[], float | None], list[torch.Tensor]]:
    """How a figure is measured, and all the tensors that it may look at."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = build(load(NET, input=(3, 8, 8), classes=10).trace).eval()
    state = list(model.state_dict().values())
    if isinstance(word, OfWeights):
        weights = [value for value in state if value.ndim > 1]
        return lambda: word.measure(torch, weights), weights
    assert isinstance(word, OfNet)
    images = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)) if word.images else None
    return lambda: word.measure(torch, model, images), [*state, *([images] if images is not None else [])]
