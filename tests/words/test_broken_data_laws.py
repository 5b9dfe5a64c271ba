"""Words that change images, with a fault: a law finds it, and says which word, what came, and what was expected."""

from __future__ import annotations

from itertools import count
from typing import Any, ClassVar

import numpy
import pytest

from archdsl.registry import data_word, setting
from archdsl.registry.types import Positive
from archdsl.words.data.base import Augmentation, Corruption, Mixing, Mixture
from tests.train.laws import trials
from tests.words.faulty import Faulty

OFTEN = count()  # what no word may depend on


faulty = Faulty()
words = faulty.words


@faulty(data_word("cifar10 boxless", slot="boxless"))
@setting
class Boxless(Mixing):
    """Says that it has no box."""

    boxes: ClassVar[bool] = False

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        return Mixture(0.5, 0.5, 0, 4, 0, 4, 0.5)


@faulty(data_word("cifar10 heavy", slot="heavy"))
@setting
class Heavy(Mixing):
    """Gives a label more than the whole weight."""

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        return Mixture(0.5, 0.5, label=1.5)


@faulty(data_word("cifar10 unseeded", slot="unseeded"))
@setting
class Unseeded(Corruption):
    """Draws from numpy's own random numbers."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images, numpy.random.permutation(labels)


@faulty(data_word("cifar10 ticking", slot="ticking"))
@setting
class Ticking(Augmentation):
    """Depends on how often it was asked."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return images + next(OFTEN) % 7


@faulty(data_word("cifar10 still", slot="still"))
@setting
class Still(Augmentation):
    """Changes nothing, and does not say so."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return images.clone()


@faulty(data_word("cifar10 black", slot="black"))
@setting
class Black(Augmentation):
    """Leaves nothing to learn."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return images * 0


@faulty(data_word("cifar10 lighter", slot="lighter"))
@setting
class Lighter(Augmentation):
    """Adds one more than it says."""

    amounts: ClassVar[tuple[str, ...]] = ("by",)
    by: Positive = 2.0

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return images + 1 + int(self.by)


@faulty(data_word("cifar10 relabelled", slot="relabelled"))
@setting
class Relabelled(Corruption):
    """Exchanges classes, however few it is to exchange."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Positive = 1.0

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images, classes - 1 - labels


@pytest.mark.parametrize(
    ("name", "law", "said"),
    [
        ("boxless", "mixture", "from the plain ones (`blends` True, `boxes` False)"),
        ("boxless", "static", "losses of static steps with `cifar10 boxless`: ["),
        ("heavy", "mixture", "`heavy` in step 0: the first label weighs 1.5, which is not from 0 to 1"),
        ("unseeded", "corruption", "`unseeded`: the same seed gives other images or labels"),
        ("black", "learns", "and by chance 0.693: nothing is learnt"),
        ("lighter", "amounts", "`lighter` with by=0 changes images, and `amounts` has `by`"),
        (
            "relabelled",
            "amounts",
            "whether `relabelled` leaves images and labels as they are: False, and not True",
        ),
        ("ticking", "resume", "weights that differ after `cifar10 ticking` is resumed: ['"),
        ("still", "resume", "`cifar10 still` trains the same weights as no word at all"),
    ],
)
def test_a_fault_is_found_and_named(name: str, law: str, said: str) -> None:
    found = trials("data", name)[law]
    assert found.verdict == "broken"
    ((example, why),) = found.broken[:1]
    assert name in example
    assert said in why
    assert found.law.help
