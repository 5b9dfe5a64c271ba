"""Every augmentation against torchvision's, and the laws that all of them obey."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from archdsl.data import Arrays
from archdsl.data.augment import augment, colour, crop, flip, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.augment.geometry import affine
from archdsl.data.corrupt import corrupt
from archdsl.emit.vision import import_torchvision
from archdsl.errors import ArchError
from archdsl.laws.images import a_part_is_changed_as_in_the_whole, as_a_layer_it_does_the_same, draws_are_keyed
from archdsl.laws.pictures import pictures
from archdsl.registry import entries
from archdsl.registry.shapes import Ids
from archdsl.settings.checks import augment_findings, refuse
from archdsl.words.data import augmentations, colours, mixtures
from archdsl.words.data.base import Augmentation, Mixing

CPU = torch.device("cpu")
IMAGES = pictures(6)
Law = Callable[[Augmentation], None]
LAWS: list[Law] = [draws_are_keyed, a_part_is_changed_as_in_the_whole, as_a_layer_it_does_the_same]
WORDS = [
    made
    for e in entries("data")
    if e.name not in ("csv", "parquet") and not e.slot.startswith("dataset") and e.name not in ("valid", "subset")
    for made in [e.make()]
    if isinstance(made, Augmentation)
]
PIXELS = [w for w in WORDS if not isinstance(w, Mixing)]


@pytest.fixture(scope="module")
def functional():
    import_torchvision()
    from torchvision.transforms.v2 import functional

    return functional


def images(count: int = 6) -> torch.Tensor:
    return pictures(count)


@pytest.mark.parametrize("word", PIXELS, ids=lambda w: w.name)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_laws(word: Augmentation, law: Law) -> None:
    law(word)


def test_a_word_leaves_the_draws_of_the_others_alone() -> None:
    x, draws = images(16), Draws(0, CPU)
    more = (augmentations.Shift(0.0), augmentations.Flip(0.5))  # a shift by nothing draws, and changes nothing
    assert torch.equal(augment(x, more, draws, 0), augment(x, more[1:], draws, 0))


@pytest.mark.parametrize("degrees", [-40.0, 7.0, 123.0])
def test_rotate(functional, degrees: float) -> None:
    for nearest in (True, False):
        mode = "nearest" if nearest else "bilinear"
        theirs = functional.rotate(IMAGES, degrees, interpolation=functional.InterpolationMode(mode))
        same(affine(IMAGES, angle=-degrees, nearest=nearest), theirs)


def same(mine: torch.Tensor, theirs: torch.Tensor, off: int = 1) -> None:
    """Equal but for single bytes that rounding decides, in at most one of a thousand places."""
    difference = (mine.int() - theirs.int()).abs()
    assert float((difference > 0).float().mean()) < 2e-3 or int(difference.max()) <= off


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"shear": (12.0, -5.0)}, {"shear": [12.0, -5.0]}),
        ({"move": (3.0, -2.0)}, {"translate": [3, -2]}),
        ({"scale": 1.3}, {"scale": 1.3}),
        (
            {"angle": 20.0, "move": (1.0, 2.0), "scale": 0.8, "shear": (4.0, 3.0)},
            {"angle": 20.0, "translate": [1, 2], "scale": 0.8, "shear": [4.0, 3.0]},
        ),
    ],
)
def test_affine(functional, mine: dict, theirs: dict) -> None:
    for nearest in (True, False):
        mode = functional.InterpolationMode("nearest" if nearest else "bilinear")
        full = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **theirs}
        same(affine(IMAGES, **mine, nearest=nearest), functional.affine(IMAGES, **full, interpolation=mode))


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "sharpness"])
@pytest.mark.holds("brightness contrast saturation sharpness")
def test_colours(functional, name: str, factor: float) -> None:
    theirs = getattr(functional, f"adjust_{name}")(IMAGES, factor)
    same(getattr(colour, name)(IMAGES, torch.full((6,), factor)), theirs)


@pytest.mark.parametrize("turn", [-0.4, 0.0, 0.1, 0.5])
@pytest.mark.holds("hue")
def test_hue(functional, turn: float) -> None:
    same(colour.hue(IMAGES, torch.full((6,), turn)), functional.adjust_hue(IMAGES, turn))


def test_tables_of_bytes(functional) -> None:
    for bits in range(1, 9):
        assert torch.equal(colour.posterize(IMAGES, torch.full((6,), bits)), functional.posterize(IMAGES, bits))
    assert torch.equal(colour.solarize(IMAGES, torch.full((6,), 99.0)), functional.solarize(IMAGES, 99.0))
    assert torch.equal(colour.autocontrast(IMAGES), functional.autocontrast(IMAGES))
    assert torch.equal(colour.equalize(IMAGES), functional.equalize(IMAGES))


@pytest.mark.holds("crop")
def test_flip_and_crop() -> None:
    x = images()
    chosen = torch.tensor([True, False] * 3)
    assert torch.equal(flip(x, chosen)[::2], x[::2].flip(3))
    assert torch.equal(flip(x, chosen)[1::2], x[1::2])
    top, left = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([4, 3, 2, 1, 0, 2])
    for reflect in (False, True):
        padded = torch.nn.functional.pad(x.float(), (2, 2, 2, 2), "reflect" if reflect else "constant")
        mine = crop(x, 2, top, left, reflect)
        for i in range(6):
            window = padded[i, :, top[i] : top[i] + 20, left[i] : left[i] + 17]
            assert torch.equal(mine[i].float(), window)
    x = images(6000)[:, :, :2, :2]
    changed = (augment(x, (augmentations.Flip(0.3),), Draws(0, CPU), 0) != x).any((1, 2, 3))
    assert 0.15 < float(changed.float().mean()) < 0.31  # a flat image shows no flip


@pytest.mark.holds("mixup")
def test_mixup_is_the_papers() -> None:
    x, labels = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    mixed, target = mix(x, labels, (mixtures.Mixup(0.4),), Draws(0, CPU), 1)
    share = float(target.share)
    assert 0 <= share <= 1
    torch.testing.assert_close(mixed, share * x + (1 - share) * x.roll(1, 0))
    assert torch.equal(target.other, labels.roll(1))
    shares = [float(mix(x, labels, (mixtures.Mixup(1.0),), Draws(0, CPU), s)[1].share) for s in range(400)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert np.var(shares) == pytest.approx(1 / 12, abs=0.02)


@pytest.mark.holds("cutmix")
def test_cutmix_weighs_by_the_true_area() -> None:
    x, labels = torch.zeros(4, 1, 10, 12), torch.arange(4)
    x += labels.view(4, 1, 1, 1)
    for step in range(50):
        mixed, target = mix(x, labels, (mixtures.CutMix(),), Draws(3, CPU), step)
        own = (mixed == x).float().mean((1, 2, 3))
        torch.testing.assert_close(own, target.share.expand(4), rtol=0, atol=1e-6)
    assert mixtures.boxed(0.5, 0.0, 0.0, 10, 12).label > 0.8  # three quarters of the box lie outside


def test_two_ways_of_mixing_take_turns() -> None:
    x, labels = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    words = (mixtures.Mixup(1.0), mixtures.CutMix(1.0))
    cut = [float((mix(x, labels, words, Draws(0, CPU), s)[0] == x).float().mean()) > 0.01 for s in range(200)]
    assert 60 < sum(cut) < 140


@pytest.mark.parametrize(
    ("word", "shape", "message"),
    [
        (colours.Hue(), (1, 28, 28), "`hue` changes colours"),
        (augmentations.Flip(), (7,), "`flip` changes images"),
        (augmentations.Crop(30, "reflect"), (3, 20, 20), "mirrors more pixels"),
    ],
)
def test_words_that_cannot_act(word: Augmentation, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        refuse(augment_findings((word,), shape))
    assert caught.value.help
    refuse(augment_findings((mixtures.Mixup(),), shape))


@pytest.mark.parametrize(
    ("shape", "simple", "what", "help"),
    [
        ((7,), True, "vectors of 7 numbers", "only mixup acts on vectors"),
        ((7,), False, "vectors of 7 numbers", "leave it out"),
        (Ids(64, 30), False, "windows of 64 characters", "leave it out"),
    ],
)
def test_what_is_said_of_data_without_images(shape: tuple[int, ...], simple: bool, what: str, help: str) -> None:
    (found,) = augment_findings((augmentations.Flip(),), shape, simple)
    assert found.message == f"`flip` changes images, and this data has {what}"
    assert help in found.help


@pytest.mark.holds("randomlabels randompixels")
def test_random_labels_and_pixels() -> None:
    arrays = Arrays(np.random.default_rng(0).integers(0, 256, (2000, 1, 4, 4), np.uint8), np.zeros(2000, np.int64))
    spoilt = corrupt(arrays, (mixtures.RandomLabels(0.5),), 10, 1)
    assert 0.4 < (spoilt.labels != 0).mean() < 0.5  # a tenth of the draws is the label itself
    assert not arrays.labels.any()
    assert (corrupt(arrays, (mixtures.RandomLabels(0.5),), 10, 1).labels == spoilt.labels).all()
    assert (corrupt(arrays, (mixtures.RandomLabels(0.5),), 10, 2).labels != spoilt.labels).any()
    for kind in ("each", "one"):
        pixels = corrupt(arrays, (mixtures.RandomPixels(kind),), 10, 1).images
        assert (np.sort(pixels.reshape(2000, -1)) == np.sort(arrays.images.reshape(2000, -1))).all()
        assert (pixels != arrays.images).any()
    one = corrupt(arrays, (mixtures.RandomPixels("one"),), 10, 1).images.reshape(2000, -1)
    place = [int(np.argmax((column == arrays.images.reshape(2000, -1).T).all(1))) for column in one.T]
    assert sorted(place) == list(range(16))
    drawn = corrupt(arrays, (mixtures.RandomPixels("gaussian"),), 10, 1).images
    assert drawn.mean() == pytest.approx(arrays.images.mean(), rel=0.03)
