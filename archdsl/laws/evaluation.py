"""Laws of words of ``evaluate``: an evaluation has a key of its own, and depends on the net, the images and the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TypeVar

import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.source import source
from archdsl.errors import ArchError
from archdsl.evaluate.shifts import shifted
from archdsl.expand.evaluation import evaluation
from archdsl.ir.blocks import reached
from archdsl.ir.trace import Trace
from archdsl.laws.law import NotTried, equal, expect, law, makes
from archdsl.laws.pictures import pictures
from archdsl.settings.evaluation import EvaluationSettings, check_evaluation, fold_evaluation
from archdsl.words.evaluation.base import Change, Evaluation, Rewiring, Shift

# A net with blocks that can be deleted and exchanged, statistics, and a layer that draws at random.
NET = "conv(8) bn relu resnet[8x3] drop(0.3) gap linear(10)"
INPUT = (3, 16, 16)
W = TypeVar("W", bound=Evaluation)


def asked(example: str) -> EvaluationSettings:
    """What an example asks for.

    Raises:
        Broken: nothing.
    """
    found = fold_evaluation(evaluation(example))
    expect(found is not None, f"`{example}` asks for nothing")
    assert found is not None
    return found


def fitting(example: str, kind: type[W]) -> tuple[tuple[W, ...], Trace]:
    """The words of an example that are of a kind, and the net on which they are tried.

    Raises:
        NotTried: the example needs another net.
    """
    trace = load(NET, input=INPUT, classes=10).trace
    found = asked(example)
    try:
        check_evaluation(found, trace)
    except ArchError as error:
        raise NotTried(f"it does not fit `{NET}`: {error.message}") from error
    return found.of(kind), trace


@law("key", "evaluation")
def an_evaluation_has_one_text_and_key(example: str) -> None:
    """Two readings are equal and have one key, other seeds have other keys, and its text is read as the same words."""
    first, second = asked(example), asked(example)
    equal(f"a second reading of `{example}`", second, first)
    equal(f"what the text `{first.text}` is read as", asked(first.text), first)
    trace = fitting(example, Evaluation)[1]
    key = first.key(0, trace)
    equal(f"the key of a second reading of `{example}`", second.key(0, trace), key)
    expect(key != first.key(1, trace), f"`{example}` has the key {key} for each of two seeds")


@law("images", "evaluation", of=makes(Shift))
def changed_images_depend_on_the_seed_alone(example: str) -> None:
    """Images keep shape, type and device, and are changed; the same seed gives the same bytes."""
    for word in fitting(example, Shift)[0]:
        a_shift_depends_on_the_seed_alone(word)


def a_shift_depends_on_the_seed_alone(word: Shift) -> None:
    """For a word by itself."""
    x = pictures(12)
    first, again = (shifted(x, word, 5) for _ in range(2))
    equal(f"shape, type and device of `{word}`", (first.shape, first.dtype, first.device), (x.shape, x.dtype, x.device))
    expect(torch.equal(first, again), f"`{word}`: the same seed gives other bytes")
    expect(not torch.equal(first, x), f"`{word}` changes no byte of {len(x)} images")
    expect(torch.equal(x, pictures(12)), f"`{word}` changes the images that it is given")
    bare = word.apply(torch, x.float() / 255, torch.Generator().manual_seed(5))
    expect(bool(bare.isfinite().all()), f"`{word}` gives numbers that are not finite")


@law("network", "evaluation", of=makes(Rewiring))
def a_changed_network_can_be_built(example: str) -> None:
    """The changed network gives as many numbers as before; the same draws give the same network, and the given one stays."""
    words, trace = fitting(example, Rewiring)
    before = source(trace)
    for word in words:
        first, again = (reached(word.rewire(trace, Random(1))) for _ in range(2))
        equal(f"`{example}` with the same draws", source(again), source(first))
        found = tuple(build(first).eval()(torch.zeros(2, *INPUT)).shape)
        equal(f"the result of the net after `{example}`", found, (2, *trace.out))
        equal(f"the net that `{example}` is given", source(trace), before)


@law("weights", "evaluation", of=makes(Change))
def changed_weights_fit_their_net(example: str) -> None:
    """Weights keep their names and shapes and stay finite; the same seed changes equal nets alike."""
    words, trace = fitting(example, Change)
    for word in words:
        first, again = (after(word, trace) for _ in range(2))
        shapes = {name: tuple(value.shape) for name, value in first.items()}
        wanted = {name: tuple(value.shape) for name, value in net_of(trace).state_dict().items()}
        equal(f"weights after `{example}`", shapes, wanted)
        equal(
            f"weights that are not finite after `{example}`",
            [n for n, v in first.items() if not v.isfinite().all()],
            [],
        )
        unlike = [n for n, v in first.items() if not torch.equal(v, again[n])]
        equal(f"weights that differ where `{example}` changes an equal net", unlike, [])


def net_of(trace: Trace) -> nn.Module:
    """The net, which always has the same weights."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return build(trace).eval()


def after(word: Change, trace: Trace) -> dict[str, torch.Tensor]:
    """The state of the net after a change."""

    def images(count: int) -> Iterator[torch.Tensor]:
        generator = torch.Generator().manual_seed(2)
        return (torch.randn(8, *INPUT, generator=generator) for _ in range(-(-min(count or 16, 64) // 8)))

    model = net_of(trace)
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        word.change(torch, model, images)
    return model.state_dict()
