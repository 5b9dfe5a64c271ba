"""An augmentation, a mixing and a corruption of somebody else, added while the program runs: they obey the laws of our own, by
the same route, and what they do not declare they do not get.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from archdsl.accelerate.native.batch import takes
from archdsl.api import experiment_of, load, setting_findings
from archdsl.cli.commands.words import describe, record
from archdsl.data import Arrays
from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.augment.mixing import mix_by
from archdsl.data.corrupt import corrupt
from archdsl.errors import ArchError, SpecError
from archdsl.laws.mixing import the_training_part_is_corrupted_by_the_seed
from archdsl.laws.trial import laws_of
from archdsl.registry import data_word, entries, find
from archdsl.registry.lookup import _TABLE
from archdsl.registry.types import Positive, Share
from archdsl.settings.experiment import TrainSettings, to_json
from archdsl.settings.fold import fold_data
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.words.data import augmentations, mixtures
from archdsl.words.data.base import Augmentation, Corruption, Mixing, Mixture
from tests.conftest import REPO
from tests.train import test_augment, test_resume

CPU = torch.device("cpu")
NET = "net conv(4, s=4) relu gap linear(10)"
TRAIN = "train sgd(0.05) batch(16) epochs(2)"


@dataclass(frozen=True, slots=True)
class Tint(Augmentation):
    """Darkens or brightens each image."""

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Share = 0.3

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return ops.brightness(images, draw.uniform(1 - self.strength, 1 + self.strength))


@dataclass(frozen=True, slots=True)
class Patchwork(Mixing):
    """Blends the upper halves of two images, and takes the lower half of the second."""

    weight: Positive = 2.0

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        own, height = float(rng.beta(self.weight, self.weight)), shape[2]
        return Mixture(own, 1 - own, height // 2, height, 0, shape[3], own / 2)


@dataclass(frozen=True, slots=True)
class Upside(Corruption):
    """Turns a part of the images upside down, and their labels round."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Any, Any]:
        chosen = rng.random(len(labels)) < self.p
        turned = np.where(chosen[:, None, None, None], images[:, :, ::-1], images)
        return turned, np.where(chosen, classes - 1 - labels, labels)


WORDS = {"tint": Tint, "patchwork": Patchwork, "upside": Upside}


@pytest.fixture(autouse=True)
def added() -> Iterator[None]:
    before = dict(_TABLE)
    for name, word in WORDS.items():
        data_word(f"cifar10 {name}", slot=name)(word)
    yield
    _TABLE.clear()
    _TABLE.update(before)


@pytest.mark.parametrize(
    ("word", "laws"),
    [
        ("tint", {"text", "draws", "parts", "layer", "amounts", "static", "resume", "learns"}),
        ("patchwork", {"text", "mixture", "static", "resume", "learns"}),
        ("upside", {"text", "corruption", "amounts", "resume", "learns"}),
    ],
)
def test_laws(word: str, laws: set[str]) -> None:
    entry = find("data", word)
    assert entry is not None
    assert {law.name for law in laws_of(entry)} == laws
    for law in laws_of(entry):
        law.check(f"cifar10 {word}")


def test_a_mixture_by_numbers_is_the_same_to_the_bit() -> None:
    x, labels = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    word = Patchwork()
    mixed, target = mix(x, labels, (word,), Draws(1, CPU), 4)
    drawn = word.mixture(Draws(1, CPU).at(word.stream, 4, 8).host, (8, 3, 6, 6))
    assert torch.equal(mixed[:, :, 3:], x.roll(1, 0)[:, :, 3:])
    assert torch.equal(mixed[:, :, :3], (drawn.own * x + drawn.other * x.roll(1, 0))[:, :, :3])
    again, same = mix_by(x, labels, (word,), torch.tensor(drawn.numbers, dtype=torch.float64).float())
    torch.testing.assert_close(again, mixed)
    assert float(same.share) == pytest.approx(float(target.share))  # type: ignore[arg-type]


def test_a_corruption_is_drawn_once_by_the_seed() -> None:
    the_training_part_is_corrupted_by_the_seed(Upside())
    arrays = Arrays(np.random.default_rng(0).integers(0, 256, (50, 1, 4, 4), np.uint8), np.arange(50) % 10)
    images, labels = arrays.images.copy(), arrays.labels.copy()
    made = [corrupt(arrays, (Upside(),), 10, seed) for seed in (1, 2)]
    assert (made[0].labels != made[1].labels).any()
    assert (arrays.images == images).all()
    assert (arrays.labels == labels).all()
    assert made[0].images.flags.writeable


@pytest.mark.parametrize(
    "word", ["tint(20%)", "tint(20%, model)", "patchwork(1)", "upside", "tint patchwork upside flip"]
)
def test_they_train_and_resume_to_the_bit(word: str, tmp_path: Path) -> None:
    text = f"{NET}\ndata fashion-mini subset(64) {word}\n{TRAIN}"
    straight = test_resume.go(text, tmp_path / "straight")
    assert straight.result is not None
    assert straight.result["status"] == "finished"
    assert test_resume.go(text, tmp_path / "stopped", limit=1e-6).result["status"] == "timeout"
    assert test_resume.sha(test_resume.go(text, tmp_path / "stopped")) == test_resume.sha(straight)
    plain = test_resume.go(text.replace(f" {word}", ""), tmp_path / "plain")
    assert test_resume.sha(plain) != test_resume.sha(straight)


def test_the_record_has_kind_and_fields() -> None:
    spec = load(f"{NET}\ndata cifar10 tint(20%) patchwork(1) upside\n{TRAIN}")
    data = to_json(experiment_of(spec, checked=False))["data"]
    assert data["augment"] == [
        {"kind": "tint", "where": "pipeline", "strength": 0.2},
        {"kind": "patchwork", "where": "pipeline", "weight": 1.0},
    ]
    assert data["corrupt"] == [{"kind": "upside", "p": 0.5}]


@pytest.mark.parametrize(
    ("words", "severity", "said"),
    [
        ("fashion-mini tint(0)", "warning", "`tint` changes nothing"),
        ("fashion-mini upside(0)", "warning", "`upside` changes nothing"),
        ('csv("FILE") tint', "error", "`tint` changes images"),
        ('csv("FILE") patchwork', "error", "`patchwork` changes images"),
        ('csv("FILE") upside', "error", "`upside` changes images"),
        ("fashion-mini tint patchwork(1) upside", "", ""),
    ],
)
def test_check_says_what_it_says_of_our_own(words: str, severity: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n")
    net = "net linear(2)" if "csv" in words else NET
    text = f"{net}\ndata {words.replace('FILE', str(tmp_path / 't.csv'))}\ntrain sgd(0.1) batch(2)"
    found = [(d.severity, said in d.message) for d in setting_findings(load(text))]
    assert found == ([(severity, True)] if said else [])


def test_a_class_of_elsewhere_shares_no_stream_with_one_of_ours() -> None:
    for ours, apply in ((augmentations.Noise, "apply"), (mixtures.Mixup, "mixture"), (mixtures.RandomLabels, "apply")):
        theirs = type(ours.__name__, (ours,), {"__module__": "package.words", "__slots__": ()})
        assert theirs().name == ours().name
        assert theirs().stream == f"package.words.{ours.__name__}"
        assert ours().stream in (ours().name, ours.__name__), "that of stored runs"
        assert getattr(theirs, apply) is getattr(ours, apply)
    images = torch.full((4, 3, 8, 8), 90, dtype=torch.uint8)
    noise = type("Noise", (augmentations.Noise,), {"__module__": "package.words", "__slots__": ()})
    ours, theirs = (augment(images, (word(),), Draws(1, CPU), 5) for word in (augmentations.Noise, noise))
    assert not torch.equal(ours, theirs)


def test_a_way_to_mix_has_no_place_in_the_model() -> None:
    for word in ("patchwork", "mixup", "cutmix"):
        with pytest.raises(SpecError, match="no argument `where`"):
            load(f"{NET}\ndata cifar10 {word}(where=model)")


def test_pages_and_lists_have_them() -> None:
    sys.path.insert(0, str(REPO / "tools"))
    try:
        import docs
    finally:
        sys.path.pop(0)
    for name, word in WORDS.items():
        entry = find("data", name)
        assert entry is not None
        assert entry.help == word.__doc__
        assert entry.help in describe(name)
        assert record(entry)["arguments"]
        assert f"`cifar10 {name}`" in docs._row(entry)
        assert f"`{name}`" not in docs.words_page(), "the page is of our own words"


def test_what_declares_nothing_gets_no_fast_path() -> None:
    for word in (Tint(), Patchwork()):
        assert f"`{word.name}`" in why_not_fusable(TrainSettings(), (word,))
        assert not word.capturable
        assert (word.native, word.alternates, word.vectors) == ("", False, False)
    assert not takes((Tint(),))
    # Batches are mixed behind the kernel, whatever the way to mix.
    assert takes((Patchwork(),))


def test_all_of_our_own_may_be_fused_and_captured() -> None:
    made = [e.make() for e in entries("data") if isinstance(e.make, type) and issubclass(e.make, Augmentation)]
    own = [word for word in made if type(word).__module__.startswith("archdsl.")]
    assert len(own) > 25
    assert all(word.fusible and word.capturable for word in own)
    assert {word.name for word in own if word.native} == {"flip", "crop"}


def test_a_class_without_behaviour_is_refused_with_its_place() -> None:
    for kind, method in ((Augmentation, "apply"), (Mixing, "mixture"), (Corruption, "apply")):
        empty = dataclass(frozen=True, slots=True)(
            type("Empty", (kind,), {"__doc__": "Nothing.", "__module__": __name__})
        )
        data_word("cifar10 empty", slot="empty")(empty)
        with pytest.raises(SpecError, match="nothing says how `Empty`") as caught:
            fold_data(load(f"{NET}\ndata cifar10 empty").graph.data)
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == "A224"
        assert f"`{method}`" in diagnostic.help
        assert diagnostic.span is not None
        assert diagnostic.span.text.strip() == "empty"


@dataclass(frozen=True, slots=True)
class Wide(Augmentation):
    """Gives other numbers than bytes."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        return images.float()


@dataclass(frozen=True, slots=True)
class Beyond(Corruption):
    """Gives a label that is no class."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Any, Any]:
        return images, labels + classes


def test_a_result_of_another_shape_or_type_is_refused() -> None:
    with pytest.raises(
        ArchError, match=r"`wide` of .* changes the batch from 6x3x20x17 torch.uint8 on cpu to .* torch.float32"
    ):
        augment(test_augment.images(), (Wide(),), Draws(0, CPU), 0)
    arrays = Arrays(np.zeros((4, 1, 2, 2), np.uint8), np.zeros(4, np.int64))
    with pytest.raises(ArchError, match="labels that are not from 0 to 9"):
        corrupt(arrays, (Beyond(),), 10, 0)
