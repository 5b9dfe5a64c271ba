"""More augmentations against torchvision's: the same parameters in, the same pixels out, and the same ways to draw them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from archdsl.data.augment import augment, colour
from archdsl.data.augment.draws import Draws
from archdsl.data.augment.geometry import boxes, resized, windows
from archdsl.emit.vision import import_torchvision
from archdsl.errors import ArchError
from archdsl.settings.checks import augment_findings, refuse
from archdsl.words.data import augmentations, colours
from archdsl.words.data.base import Augmentation
from tests.train.test_augment import IMAGES, same

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def v2():
    import_torchvision()
    from torchvision.transforms import v2

    return v2


@pytest.mark.parametrize("box", [(0, 0, 20, 17), (3, 2, 9, 11), (0, 5, 20, 4), (19, 16, 1, 1), (5, 0, 1, 17)])
@pytest.mark.holds("resizedcrop")
def test_resized_windows(v2, box: tuple[int, int, int, int]) -> None:
    theirs = v2.functional.resized_crop(IMAGES, *box, [20, 17])
    mine = resized(IMAGES, *(torch.full((6,), float(v)) for v in box))
    assert int((mine.int() - theirs.int()).abs().max()) <= 1


def test_windows_are_drawn_as_torchvision_draws_them(v2) -> None:
    count, size = 4000, 32
    draw = Draws(0, CPU).at("resizedcrop", 0, count)
    bound = math.log(4 / 3)
    area = torch.stack([draw.uniform(0.08, 1) for _ in range(10)])
    ratio = torch.stack([draw.uniform(-bound, bound) for _ in range(10)]).exp()
    mine = torch.stack(windows(size, size, area, ratio, draw.uniform(), draw.uniform()))
    top, left, high, wide = mine
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + high <= size).all()
    assert (left + wide <= size).all()
    one = v2.RandomResizedCrop(size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawn = [one.make_params([torch.zeros(3, size, size)]) for _ in range(count)]
    theirs = torch.tensor([[d[k] for d in drawn] for k in ("top", "left", "height", "width")]).float()
    error = ((mine.var(1) + theirs.var(1)) / count).sqrt()
    assert float(((mine.mean(1) - theirs.mean(1)).abs() / error).max()) < 4.5
    assert float((mine.std(1) / theirs.std(1)).log().abs().max()) < 0.05


def test_where_no_window_fits_the_middle_is_taken() -> None:
    none = torch.full((10, 2), 9.0)  # nine times the image
    top, left, high, wide = windows(20, 16, none, torch.ones(10, 2), torch.zeros(2), torch.zeros(2))
    assert (top.tolist(), left.tolist(), high.tolist(), wide.tolist()) == ([2, 2], [0, 0], [16, 16], [16, 16])


@pytest.mark.parametrize("size", [3, 5, 9])
@pytest.mark.parametrize("sigma", [0.1, 0.8, 2.0])
@pytest.mark.holds("blur")
def test_blur(v2, size: int, sigma: float) -> None:
    theirs = v2.functional.gaussian_blur(IMAGES, [size, size], [sigma, sigma])
    mine = colour.blur(IMAGES, size, torch.full((6,), sigma))
    assert int((mine.int() - theirs.int()).abs().max()) <= 1


def always(word: Augmentation) -> torch.Tensor:
    return augment(IMAGES, (word,), Draws(0, CPU), 0)


@pytest.mark.holds("flip vflip grayscale solarize posterize autocontrast equalize invert")
def test_words_of_a_probability(v2) -> None:
    functional = v2.functional
    for word, theirs in (
        (colours.Solarize(1.0, 99), functional.solarize(IMAGES, 99.0)),
        (colours.Posterize(1.0, 3), functional.posterize(IMAGES, 3)),
        (colours.AutoContrast(1.0), functional.autocontrast(IMAGES)),
        (colours.Equalize(1.0), functional.equalize(IMAGES)),
        (colours.Invert(1.0), functional.invert(IMAGES)),
        (colours.Grayscale(1.0), functional.rgb_to_grayscale(IMAGES, 3)),
        (augmentations.Flip(1.0), functional.horizontal_flip(IMAGES)),
        (augmentations.VFlip(1.0), functional.vertical_flip(IMAGES)),
    ):
        assert torch.equal(always(word), theirs), word.name
        half = replace(word, p=0.3)
        x = IMAGES[2:3].expand(4000, -1, -1, -1)
        changed = (augment(x, (half,), Draws(0, CPU), 0) != x).any((1, 2, 3)).float().mean()
        assert float(changed) == pytest.approx(0.3, abs=0.03), word.name


def test_sharpness_is_drawn_in_its_range() -> None:
    changed = augment(IMAGES[2:3].expand(200, -1, -1, -1), (colours.Sharpness(0.9),), Draws(0, CPU), 0).float()
    ends = [colour.sharpness(IMAGES[2:3], torch.tensor([f])).float() for f in (0.1, 1.9)]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    assert ((changed >= low - 1) & (changed <= high + 1)).all()


@pytest.mark.holds("jitter")
def test_jitter_is_its_parts_in_any_order(v2) -> None:
    """Each image is what torchvision's functions make of it, in one of the orders, by the factors that it has drawn."""
    word, count = colours.Jitter(0.5, 0.5, 0.5, 0.2), 240
    x = IMAGES[2:3].expand(count, -1, -1, -1)
    found = augment(x, (word,), Draws(4, CPU), 7)
    draw = Draws(4, CPU).at("jitter", 7, count)
    by = torch.stack([draw.uniform(0.5, 1.5) for _ in range(3)] + [draw.uniform(-0.2, 0.2)], 1)
    order = torch.stack([draw.uniform() for _ in range(4)]).argsort(0).T
    theirs = [getattr(v2.functional, f"adjust_{n}") for n in ("brightness", "contrast", "saturation", "hue")]
    for row in range(0, count, 10):
        image = x[row]
        for part in order[row].tolist():
            image = theirs[part](image, float(by[row, part]))
        difference = (image.int() - found[row].int()).abs().float()
        assert float(difference.mean()) < 0.5, "rounding of one part goes through the next ones"
    assert len({tuple(o) for o in order.tolist()}) == 24


def test_jitter_leaves_out_what_is_0() -> None:
    only = always(colours.Jitter(0.4, 0, 0, 0))
    factor = Draws(0, CPU).at("jitter", 0, 6).uniform(0.6, 1.4)
    same(only, colour.brightness(IMAGES, factor), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: colours.Jitter(0, 0, 0, 0), "changes nothing"),
        (lambda: colours.Blur(4), "has no middle"),
        (lambda: colours.Blur(3, 2.0, 1.0), "no standard deviation is between"),
        (lambda: augmentations.ResizedCrop(0.0), "no part of an image"),
        (lambda: augmentations.ResizedCrop(0.5, 0.2), "no part of an image"),
        (lambda: refuse(augment_findings((colours.Jitter(),), (1, 8, 8))), "`jitter` changes colours"),
        (lambda: refuse(augment_findings((colours.Blur(23),), (3, 8, 8))), "mirrors more pixels"),
    ],
)
def test_what_says_nothing_is_refused(make, message: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        make()
    assert caught.value.help
    refuse(augment_findings((colours.Jitter(saturation=0, hue=0), colours.Blur(3)), (1, 8, 8)))


@pytest.mark.holds("cutout")
def test_boxes_are_erased_as_torchvision_erases_them(v2) -> None:
    for top, left, high, wide in ((0, 0, 5, 4), (17, 10, 3, 7), (2, 3, 1, 1)):
        box = [torch.full((6,), v) for v in (top, left, high, wide)]
        mine = IMAGES.masked_fill(boxes(20, 17, *box), 0)
        theirs = v2.functional.erase(IMAGES, top, left, high, wide, torch.zeros(3, 1, 1, dtype=torch.uint8))
        assert torch.equal(mine, theirs)


@pytest.mark.holds("erasing")
def test_erasing_draws_areas_and_sides_as_torchvision_does(v2) -> None:
    count = 3000
    x = torch.full((count, 1, 32, 32), 255, dtype=torch.uint8)
    found = augment(x, (augmentations.Erasing(1.0),), Draws(2, CPU), 0) != 255
    mine = torch.stack((found[:, 0].any(2).sum(1), found[:, 0].any(1).sum(1))).float()
    one = v2.RandomErasing(1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawn = [one.make_params([torch.zeros(1, 32, 32)]) for _ in range(count)]
    theirs = torch.tensor([[d["h"] for d in drawn], [d["w"] for d in drawn]]).float()
    assert float((mine.mean(1) / theirs.mean(1)).log().abs().max()) < 0.06
    assert float((mine.std(1) / theirs.std(1)).log().abs().max()) < 0.06


@pytest.mark.holds("noise")
def test_noise_is_normal_and_as_large_as_it_says() -> None:
    x = torch.full((400, 1, 10, 10), 128, dtype=torch.uint8)
    added = augment(x, (augmentations.Noise(0.05),), Draws(0, CPU), 0).double() - 128
    assert float(added.std()) == pytest.approx(0.05 * 255, rel=0.02)
    assert float(added.mean()) == pytest.approx(0, abs=0.2)
    assert float((added.abs() > 2 * 0.05 * 255).double().mean()) == pytest.approx(0.0455, abs=0.01)


@pytest.mark.parametrize(
    ("word", "theirs"),
    [
        (augmentations.Shift(0.2), lambda c: {"translate": [(c(-0.2, 0.2) * 17).round(), (c(-0.2, 0.2) * 20).round()]}),
        (augmentations.Rotate(40), lambda c: {"angle": c(-40, 40)}),
        (augmentations.Shear(20), lambda c: {"shear": [c(-20, 20), c(-20, 20)]}),
        (augmentations.Zoom(0.3), lambda c: {"scale": c(0.7, 1.3)}),
    ],
    ids=["shift", "rotate", "shear", "zoom"],
)
@pytest.mark.holds("shift rotate shear zoom")
def test_words_of_place_are_torchvisions_with_the_numbers_drawn(v2, word: Augmentation, theirs) -> None:
    mine = always(word)
    drawn = theirs(Draws(0, CPU).at(word.name, 0, 6).uniform)
    mode = v2.InterpolationMode("nearest" if word.name == "shift" else "bilinear")
    for row in range(6):
        one = {
            k: [float(v[row]) for v in value] if isinstance(value, list) else float(value[row])
            for k, value in drawn.items()
        }
        full = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **one}
        same(mine[row : row + 1], v2.functional.affine(IMAGES[row : row + 1], **full, interpolation=mode))
