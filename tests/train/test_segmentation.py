"""Segmentation as a whole: masks move with their pixels, words without a rule are refused, a U-Net learns and resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archdsl.api import experiment_of, load, setting_findings
from archdsl.data import Arrays
from archdsl.data.augment import augment, augment_with_masks
from archdsl.data.augment.draws import Draws
from archdsl.emit.build import build
from archdsl.errors import ArchError, InternalError
from archdsl.evaluate.load import Part
from archdsl.registry import entries
from archdsl.settings.checks import settings_findings
from archdsl.settings.experiment import DataSettings, TrainSettings
from archdsl.train.fit import fit
from archdsl.train.signals import Interrupted
from archdsl.words.data import augmentations, colours, mixtures
from archdsl.words.data.base import Augmentation, Mixing
from archdsl.words.data.masks import Masks
from archdsl.words.tasks import IGNORED
from tests.conftest import Cli

CPU = torch.device("cpu")
SIDE = 13
WORDS = [
    made
    for e in entries("data")
    if e.slot not in ("dataset", "valid", "subset") and e.make.__module__.startswith("archdsl.")
    for made in [e.make()]
    if isinstance(made, Augmentation) and not isinstance(made, Mixing)
]
MOVING = [
    augmentations.Flip(),
    augmentations.Flip(alternate=True),
    augmentations.VFlip(),
    augmentations.Crop(3),
    augmentations.Crop(3, "reflect"),
    augmentations.Shift(0.3),
]


def draws() -> Draws:
    found = Draws(1, CPU)
    found.mirrored = torch.arange(8) % 2 == 0
    return found


def numbered() -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose first two channels say where each pixel is, counted from 1; and random classes, some ignored."""
    places = torch.arange(1, SIDE + 1, dtype=torch.uint8)
    rows, columns = places[:, None].expand(SIDE, SIDE), places.expand(SIDE, SIDE)
    images = torch.stack([rows, columns, torch.full_like(rows, 9)]).expand(8, 3, SIDE, SIDE).contiguous()
    return images, torch.randint(IGNORED, 255, (8, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "words", [(w,) for w in MOVING] + [tuple(MOVING[2:]), (MOVING[3], colours.Brightness())], ids=str
)
def test_classes_go_where_their_pixels_go(words: tuple[Augmentation, ...]) -> None:
    """Pixel by pixel: each has the class of the place that it comes from, which its colours say."""
    images, masks = numbered()
    moved, found = augment_with_masks(images, masks, words, draws(), 3)
    assert torch.equal(moved, augment(images, words, draws(), 3))
    assert (found.shape, found.dtype) == (masks.shape, torch.int64)
    assert not torch.equal(found, masks)
    said = moved if len(words) == 1 else augment(images, tuple(w for w in words if w in MOVING), draws(), 3)
    for n, row, column in np.ndindex(*found.shape):
        y, x = int(said[n, 0, row, column]), int(said[n, 1, row, column])
        assert int(found[n, row, column]) == (int(masks[n, y - 1, x - 1]) if y else IGNORED)
    part = augment_with_masks(images[2:5], masks[2:5], words, _part(), 3, 8, 2)
    assert torch.equal(part[1], found[2:5])


def _part() -> Draws:
    found = draws()
    assert found.mirrored is not None
    found.mirrored = found.mirrored[2:5]
    return found


@pytest.mark.parametrize("word", WORDS, ids=lambda w: w.name)
def test_what_a_word_declares_is_what_it_does(word: Augmentation) -> None:
    images, masks = numbered()
    if word.masks == "no":
        assert word.name in ("resizedcrop", "rotate", "shear", "zoom", "randaugment", "trivialaugment", "autoaugment")
        with pytest.raises(InternalError, match="no rule for masks"):
            augment_with_masks(images, masks, (word,), draws(), 3)
        return
    moved, found = augment_with_masks(images, masks, (word,), draws(), 3)
    assert torch.equal(moved, augment(images, (word,), draws(), 3))
    assert torch.equal(found, masks) == (word.masks == "keeps")


@dataclass(frozen=True, slots=True)
class Newcomer(Augmentation):
    """A word that says nothing about masks."""


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            augmentations.Rotate(),
            "`rotate` has no rule for the classes of pixels, and the task of masks:x is segmentation",
        ),
        (Newcomer(), "`newcomer` has no rule"),
        (augmentations.Flip(where="model"), "`flip` with where=model does not see the classes of pixels"),
        (colours.Brightness(where="model"), "`brightness` with where=model"),
        (mixtures.Mixup(), "`mixup` mixes images of one class each"),
    ],
)
def test_words_that_do_not_fit(word: Augmentation, message: str) -> None:
    (finding,) = settings_findings(DataSettings(Masks("x", 16, 2), augment=(word,)), TrainSettings())
    assert finding.message.startswith(message)
    assert finding.help
    assert finding.about is word
    assert not list(
        settings_findings(DataSettings(Masks("x", 16, 2), augment=(augmentations.Crop(2),)), TrainSettings())
    )


def shapes(root: Path, train: int = 48, test: int = 12) -> Path:
    """Noise with a bright disc (1) and a dark square (2), their borders ignored."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    for part, count in (("train", train), ("test", test)):
        for kind in ("images", "masks"):
            (root / part / kind).mkdir(parents=True)
        for n in range(count):
            pixels, mask = rng.integers(90, 160, (32, 32, 3)), np.zeros((32, 32), np.uint8)
            away = np.hypot(y - rng.integers(8, 24), x - rng.integers(8, 24))
            top, left = rng.integers(0, 22, 2)
            mask[top : top + 10, left : left + 10] = 2
            mask[away < 7] = 1
            pixels[mask == 1] += 50
            pixels[mask == 2] -= 50
            mask[(away >= 7) & (away < 8)] = 255
            Image.fromarray(pixels.astype(np.uint8)).save(root / part / "images" / f"{n}.png")
            Image.fromarray(mask).save(root / part / "masks" / f"{n}.png")
    (root / "classes.txt").write_text("ground\ndisc\nsquare\n")
    return root


NET = """let twice(c) = conv(c) bn relu conv(c) bn relu
let up(c, skip) = upsample(2, bilinear) conv(c, 1) cat(skip | id) twice(c)
net twice(8) as a maxpool(2) twice(12) as b maxpool(2) twice(16) up(12, @b) up(8, @a) conv(classes, 1)
"""


def swapped(root: Path, other: Path) -> None:
    """The same pictures; in the masks disc and square have each other's number."""
    shutil.copytree(root, other)
    for path in other.glob("*/masks/*.png"):
        mask = np.array(Image.open(path))
        Image.fromarray(np.array([0, 2, 1, *range(3, 256)], np.uint8)[mask]).save(path)
    (other / "classes.txt").write_text("ground\nsquare\ndisc\n")


def test_ignored_pixels_stay_so_where_classes_are_matched_by_name() -> None:
    labels = np.array([[[0, 1], [2, IGNORED]]])
    part = Part(Arrays(np.zeros((1, 3, 2, 2), np.uint8), labels), "m", "test", ("a", "b", "c"), labels=(0, 2, 1))
    ((_, found),) = part.blocks(8)
    assert found.tolist() == [[[0, 2], [1, IGNORED]]]


def text_of(root: Path, epochs: int) -> str:
    words = f'data masks("{root}", size=32) valid(8) flip vflip crop(2) brightness(0.1)'
    return f"{NET}{words}\ntrain adam(1e-2) epochs({epochs}) batch(8)"


def test_a_u_net_learns(tmp_path: Path, cli: Cli) -> None:
    shapes(tmp_path / "shapes")
    (tmp_path / "u.arch").write_text(text_of(Path("shapes"), 8))
    assert cli("check", "u.arch").returncode == 0
    done = cli("train", "u.arch", "--precision", "fp32")  # as `eval` computes
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("test mIoU ")
    (run,) = tmp_path.glob("runs/u-*")
    result = json.loads((run / "result.json").read_text())
    assert result["test_miou"] > 0.7  # 0.28 where all pixels are ground
    shown = json.loads(cli("eval", str(run), "--format", "json").stdout)
    assert shown["results"][0]["nll"] == pytest.approx(result["test_loss"], rel=1e-4)
    swapped(tmp_path / "shapes", tmp_path / "swapped")
    again = json.loads(cli("eval", str(run), "--data", 'masks("swapped", size=32)', "--format", "json").stdout)
    assert again["results"] == shown["results"]
    for given in (("--shift", "rotate(30)"), ("--with", "noise(0.1) rotate(30)")):
        moved = cli("eval", str(run), *given)
        assert moved.returncode == 2, moved.stdout
        assert "`rotate` may move pixels, whose classes would stay where they are" in moved.stderr
    noisy = json.loads(cli("eval", str(run), "--shift", "noise(0.5)", "--format", "json").stdout)
    assert noisy["results"][0]["miou"] < shown["results"][0]["miou"]
    refused = cli("train", "u.arch", "--set", "data.rotate=10")
    assert refused.returncode != 0
    assert "`rotate` has no rule for the classes of pixels" in refused.stderr


def test_data_named_on_the_command_line(tmp_path: Path, cli: Cli) -> None:
    shapes(tmp_path / "shapes", 6, 2)
    done = cli("train", "unet", "--data", "masks:shapes", "--set", "classes=3", "--set", "train.epochs=1")
    assert done.returncode == 0, done.stderr
    settings = json.loads(next(tmp_path.glob("runs/unet-*/settings.json")).read_text())
    assert settings["data"]["input"] == [3, 64, 64]
    assert settings["classes"] == ["ground", "disc", "square"]


def test_a_run_is_resumed_to_the_bit(tmp_path: Path) -> None:
    spec = load(text_of(shapes(tmp_path / "shapes", 24, 6), 3))
    whole = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "whole")
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 4  # within the second epoch of two steps

    with pytest.raises(Interrupted):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut", stop=stop)
    resumed = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut")
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name])
    assert whole.result is not None
    assert resumed.result is not None
    assert whole.result["test_miou"] == resumed.result["test_miou"]


def test_a_net_that_does_not_give_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="each pixel of 32x32 has one of 3 classes"):
        load(f'net conv(8, s=2) conv(classes, 1)\ndata masks("{shapes(tmp_path / "s", 4, 2)}", size=32)\ntrain adam')


def test_an_evaluation_that_moves_pixels_is_refused(tmp_path: Path) -> None:
    words = f'data masks("{shapes(tmp_path / "s", 4, 2)}", size=32)\ntrain adam\nevaluate '
    found = [
        [d.message for d in setting_findings(load(f"net conv(classes, 1)\n{words}{word}")) if d.severity == "error"]
        for word in ("rotate(30)", "occlude(8) blur(1)")
    ]
    assert found == [["`rotate` may move pixels, whose classes would stay where they are"], []]
