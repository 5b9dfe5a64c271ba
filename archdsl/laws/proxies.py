"""Laws of zero-cost proxies: a score depends on the net and its batch alone, and leaves both as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from archdsl.api import load
from archdsl.evaluate.proxies import proxy, scores
from archdsl.laws.law import NotTried, equal, expect, law
from archdsl.registry import find
from archdsl.words.proxies.base import Proxy
from archdsl.words.tasks import TASKS

SPEC = "conv(4) bn relu conv(8, s=2) bn relu gap linear(10)\ndata fashion-mini"


class Batch(NamedTuple):
    """A batch of small pictures, and the loss of a net for them."""

    images: Tensor
    labels: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]


def word_of(example: str) -> Proxy:
    """The proxy of an example, which is its name.

    Raises:
        Broken: it is not.
    """
    entry = find("proxy", example)
    expect(entry is not None, f"the example `{example}` is not the name of a proxy")
    assert entry is not None
    word: Proxy = entry.make()
    return word


@law("tasks", "proxy")
def its_tasks_are_known(example: str) -> None:
    """It is defined for tasks that there are."""
    word = word_of(example)
    expect(bool(word.tasks), f"`{example}` is defined for no task: `tasks` is empty")
    equal(f"tasks of `{example}` that are unknown", [task for task in word.tasks if task not in TASKS], [])


def batch_for(word: Proxy) -> Batch:
    """A batch of a task for which the proxy is defined.

    Raises:
        NotTried: it is defined for other tasks alone.
    """
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(8, 2, 4, 4, generator=generator)
    if "classification" in word.tasks:
        return Batch(images, torch.randint(3, (8,), generator=generator), cross_entropy)
    if "regression" in word.tasks:
        return Batch(images, torch.randn(8, 3, generator=generator), mse_loss)
    raise NotTried(f"it is defined for {', '.join(word.tasks)}, and tried for classification and regression alone")


def net() -> nn.Module:
    """A net with each part that a proxy may disturb: statistics, a layer that draws, weights and biases."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        layers = (nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(12, 3))
        return nn.Sequential(*layers)


@law("model", "proxy")
def the_model_stays_as_it_is(example: str) -> None:
    """Scored again it has the same score; the net, the batch and torch's random numbers stay as they are."""
    images, labels, loss = batch_for(word_of(example))
    model, kept, draws = net(), (images.clone(), labels.clone()), torch.get_rng_state()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, again = (proxy(example)(model, images, labels, loss) for _ in range(2))
    if first is None:
        raise NotTried("the net on which it is tried has no score")
    equal(f"`{example}`, scored again", again, first)
    expect(model.training, f"`{example}` leaves the net in eval mode")
    equal(
        f"parameters with a gradient after `{example}`",
        [n for n, p in model.named_parameters() if p.grad is not None],
        [],
    )
    now = model.state_dict()
    equal(f"weights that `{example}` changes", [n for n, v in before.items() if not same(now[n], v)], [])
    expect(same(images, kept[0]) and same(labels, kept[1]), f"`{example}` changes the batch that it is given")
    expect(torch.equal(torch.get_rng_state(), draws), f"`{example}` draws from torch's own random numbers")


def same(value: Tensor, before: Tensor) -> bool:
    """Whether type and numbers are as before."""
    return value.dtype == before.dtype and torch.equal(value, before)


@law("score", "proxy")
def a_spec_has_one_score(example: str) -> None:
    """A spec has one score, a finite number, however often it is scored."""
    if "classification" not in word_of(example).tasks:
        raise NotTried("it is not defined for classification, the task of the spec that is scored")
    first, again = (scores(load(SPEC), [example])[example] for _ in range(2))
    equal(f"`{example}` of the same spec", again, first)
    if first is None:
        raise NotTried("the spec that is scored has no score")
    expect(math.isfinite(first), f"`{example}` gives {first}, which is not finite")
