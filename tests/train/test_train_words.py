"""The laws of train words, over every word of the registry, and over a word of each kind that is made at run time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from archdsl.api import experiment_of, load
from archdsl.errors import ArchError, SpecError
from archdsl.laws.law import Law, NotTried
from archdsl.laws.training import (
    a_stopped_run_resumes_to_the_bit,
    it_is_a_setting,
    spec_of,
    static_steps_are_plain_steps,
    work,
)
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries, train_word
from archdsl.registry.types import Positive, Rate
from archdsl.settings.checks import settings_findings
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.words.train.kinds import Clipping, Loss, Optimizer, Others, Penalty, Point, Remark, Schedule, Watched

from . import heads
from .laws import no_word_stays

OWN = [e for e in entries("train") if e.make.__module__.startswith("archdsl.")]
# The last example of each, which is short enough for each run of the tests: `archdsl words train --check` tries all.
CASES = [(e, law) for e in OWN for law in laws_of(e)]
UNTRIED = {"init"}  # it needs weights of another run


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("entry", "law"), CASES, ids=lambda value: value.name)
def test_laws(entry: Entry, law: Law) -> None:
    examples = [e.replace("[1, 1, 1, 1, 1, 1, 1, 1, 1, 4]", "[1, 4]") for e in entry.examples]  # of two classes
    for example in examples if law.name in ("setting", "text") else examples[-1:]:
        if entry.name in UNTRIED and law.name != "text":
            with pytest.raises(NotTried):
                law.check(example)
        else:
            law.check(example)


# -- words that are made at run time -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heavy(Optimizer):
    """Heavy-ball momentum."""

    lr: Positive = 0.05
    momentum: Rate = 0.5
    elementwise: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        return optim.SGD(groups, momentum=self.momentum, nesterov=False)


@dataclass(frozen=True, slots=True)
class Saw(Schedule):
    """Falls to `low` within each epoch; and by half where the validation loss rises."""

    low: Positive = 0.5
    needs_validation: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        return 1 - (1 - self.low) * (at.step % at.per_epoch) / at.per_epoch

    def watched(self, before: Watched, loss: float) -> Watched:
        return Watched(before.factor * (0.5 if loss > before.loss else 1.0), loss, 0)

    def against(self, others: Others) -> Remark | None:
        return Remark("`saw` needs epochs", "more epochs", "epochs") if others.epochs < 3 else None


@dataclass(frozen=True, slots=True)
class Elastic(Penalty):
    """Adds rate · Σ (|w| + w²/2) to the loss."""

    rate: Positive = 1e-3
    weights: bool = False
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        return [w.sign() + w for w in values]


@dataclass(frozen=True, slots=True)
class Signs(Clipping):
    """The sign of each number of the gradient, times `size`."""

    size: Positive = 0.1
    capturable: ClassVar[bool] = True

    def shorten(self, gradients: Any) -> None:
        for p in gradients.parameters:
            p.grad.sign_().mul_(self.size)


@dataclass(frozen=True, slots=True)
class Squares(Loss):
    """The squared distance of the fractions of classes."""

    power: Positive = 2.0
    capturable: ClassVar[bool] = True

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        return (functional.softmax(logits, 1) - targets).abs().pow(self.power).sum(1).mean()


NEW = {
    "heavy(0.05, momentum=0.3)": (Heavy, "optimizer"),
    "sgd(0.05) saw(0.2)": (Saw, "schedule"),
    "sgd(0.05) elastic(1e-2)": (Elastic, "elastic"),
    "sgd(0.05) signs(0.01)": (Signs, "clip"),
    "sgd(0.05) squares": (Squares, "bce"),
}


@pytest.fixture
def new_words() -> Iterator[None]:
    with no_word_stays():
        for example, (made, slot) in NEW.items():
            train_word(example, slot=slot)(made)
        yield


@pytest.mark.usefixtures("new_words")
@pytest.mark.parametrize("example", NEW)
def test_a_new_word_obeys_the_laws(example: str) -> None:
    it_is_a_setting(example)
    static_steps_are_plain_steps(example)
    a_stopped_run_resumes_to_the_bit(example)


@pytest.mark.usefixtures("new_words")
@pytest.mark.parametrize("example", NEW)
def test_seeds_are_fused_where_a_new_word_says_so(example: str) -> None:
    said = why_not_fusable(work(example).settings)
    assert (said == "") is (NEW[example][0] in (Heavy, Elastic))
    assert not said or example.split()[-1].split("(")[0] in said


@pytest.mark.usefixtures("new_words")
def test_rules_about_two_words_are_those_of_the_words() -> None:
    with pytest.raises(SpecError, match="`saw` needs epochs") as caught:
        experiment_of(spec_of("sgd(0.1) saw epochs(2)"))
    assert caught.value.diagnostics[0].span is not None
    experiment = experiment_of(spec_of("sgd(0.1) saw epochs(4)"), checked=False)
    unwatched = replace(experiment.data, valid=None)
    assert [f.message for f in settings_findings(unwatched, experiment.train)] == [
        "`saw` watches the validation images, and none are set aside"
    ]


@pytest.mark.usefixtures("new_words")
@pytest.mark.parametrize(
    "words",
    [
        ("squares", "bce"),
        ("bce", "distance"),
        ("distance", "squares"),
        ("ce(balanced)", "bce"),
        ("distance", "ce(balanced)"),
    ],
)
def test_a_run_has_one_loss(words: tuple[str, str]) -> None:
    """Whatever slots they fill: none of two is left out without a word."""
    train_word("sgd(0.05) distance", slot="loss", name="distance")(Distance)
    first, second = (word.partition("(")[0] for word in words)
    with pytest.raises(SpecError, match=f"`{second}` and `{first}` both set the (loss|bce)"):
        experiment_of(spec_of(f"sgd(0.1) {' '.join(words)}"))


@dataclass(frozen=True, slots=True)
class Distance(Squares):
    """The same, in the slot of losses of one class an image."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "heads")


def test_the_loss_of_several_heads_is_theirs(tmp_path: Path) -> None:
    with no_word_stays():
        train_word("sgd(0.05) distance", slot="loss", name="distance")(Distance)
        text = heads.text(heads.homes(tmp_path / "homes.csv"), "adam distance")
        with pytest.raises(ArchError, match="`distance` is the loss of one output"):
            experiment_of(load(text))


class Closed(Heavy):
    """Computes its gradients twice."""

    closure: ClassVar[bool] = True


def test_a_closure_keeps_seeds_apart() -> None:
    assert Heavy().fuses
    assert not Closed().fuses
