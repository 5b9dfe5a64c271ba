"""Laws of words that mix images with each other, and of those that spoil the training part once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from archdsl.api import load
from archdsl.data import Arrays
from archdsl.data.augment import mix
from archdsl.data.augment.draws import Draws
from archdsl.data.augment.mixing import mix_by, mixture
from archdsl.data.corrupt import corrupt
from archdsl.laws.images import has_amounts
from archdsl.laws.law import Broken, equal, expect, law, makes
from archdsl.words.data.base import Corruption, Mixing

CPU = torch.device("cpu")
IMAGES = (8, 3, 10, 12)
VECTORS = (8, 30)
STEPS = 20
CLASSES = 10


def words_of(example: str) -> list[object]:
    """The settings that an example of a data word makes."""
    spec = load(f"net gap linear(classes)\ndata {example}\ntrain sgd(0.1)", input=(3, 32, 32))
    return [word.value for word in spec.graph.data]


@law("mixture", "data", of=makes(Mixing))
def a_mixture_is_its_numbers(example: str) -> None:
    """Seed and step give the numbers of a mixture, and images mixed on buffers that stay are those of the plain loop."""
    for word in words_of(example):
        if isinstance(word, Mixing):
            images_are_mixed_by_numbers(word)


def images_are_mixed_by_numbers(word: Mixing) -> None:
    """For a word by itself."""
    for shape in (IMAGES, VECTORS) if word.vectors else (IMAGES,):
        changed = [step for step in range(STEPS) if _mixed(word, shape, step)]
        expect(bool(changed) or word.idle, f"`{word.name}` leaves every image as it is, in {STEPS} steps")


def _mixed(word: Mixing, shape: tuple[int, ...], step: int) -> bool:
    """Whether a step changes images; the law is tried on it."""
    about = f"`{word.name}` in step {step}"
    drawn, again = (mixture((word,), Draws(1, CPU), step, shape) for _ in range(2))
    equal(f"the numbers of {about}, drawn again", again, drawn)
    expect(all(map(math.isfinite, drawn.numbers)), f"{about} draws {drawn}, and not numbers alone")
    expect(0 <= drawn.label <= 1, f"{about}: the first label weighs {drawn.label}, which is not from 0 to 1")
    high, wide = shape[2:] if len(shape) == 4 else (0, 0)
    inside = (
        0 <= drawn.top <= max(drawn.bottom, drawn.top) <= high
        and 0 <= drawn.left <= max(drawn.right, drawn.left) <= wide
    )
    expect(inside, f"{about}: the box of {drawn} is not within {high}x{wide} pixels")
    x = torch.randn(shape, generator=torch.Generator().manual_seed(step))
    labels, kept = torch.arange(shape[0]), x.clone()
    mixed, target = mix(x, labels, (word,), Draws(1, CPU), step)
    expect(torch.equal(x, kept), f"{about} changes the batch that it is given")
    share = _share(target, about)
    equal(f"the weight of the first label of {about}", share, float(np.float32(drawn.label)))
    numbers = torch.tensor(drawn.numbers, dtype=torch.float64).float()
    by, same = mix_by(x, labels, (word,), numbers)
    equal(f"the weight of the first label of {about} on buffers that stay", _share(same, about), share)
    declared = f"`blends` {word.blends}, `boxes` {word.boxes}"
    apart = float((by - mixed).abs().max())
    expect(apart < 1e-5, f"{about}: on buffers that stay images differ by {apart:.3g} from the plain ones ({declared})")
    return not torch.equal(mixed, x)


def _share(target: Any, about: str) -> float:
    if target.share is None:
        raise Broken(f"{about}: the targets have no weight of the first label")
    return float(target.share)


@law("corruption", "data", of=makes(Corruption))
def a_corruption_is_drawn_once_by_the_seed(example: str) -> None:
    """The seed of a run gives the corrupted images and labels, and the given ones stay as they are."""
    for word in words_of(example):
        if isinstance(word, Corruption):
            the_training_part_is_corrupted_by_the_seed(word)


def the_training_part_is_corrupted_by_the_seed(word: Corruption) -> None:
    """For a word by itself."""
    for shape in ((50, 3, 6, 5), (50, 30)) if word.vectors else ((50, 3, 6, 5),):
        _corrupted(word, shape)


def _corrupted(word: Corruption, shape: tuple[int, ...]) -> None:
    about, rng = f"`{word.name}`", np.random.default_rng(0)
    images = rng.integers(0, 256, shape, np.uint8) if len(shape) == 4 else rng.standard_normal(shape, np.float32)
    arrays = Arrays(images, np.arange(shape[0]) % CLASSES)
    kept = Arrays(arrays.images.copy(), arrays.labels.copy())
    first, again = (corrupt(arrays, (word,), CLASSES, 1) for _ in range(2))
    expect(same(first, again), f"{about}: the same seed gives other images or labels")
    expect(same(arrays, kept), f"{about} changes the images or labels that it is given")
    expect(bool(first.images.flags.writeable), f"{about} gives images that cannot be written to")
    equal(f"whether {about} leaves images and labels as they are", same(first, kept), word.idle)


@law("amounts", "data", of=lambda entry: has_amounts(entry) and makes(Corruption)(entry))
def an_amount_of_0_corrupts_nothing(example: str) -> None:
    """With an amount of 0 every image and label stays as it is, as `check` says of such a word."""
    for word in words_of(example):
        if isinstance(word, Corruption):
            for name in word.amounts:
                _corrupted(replace(word, **{name: 0}), (50, 3, 6, 5))


def same(one: Arrays, other: Arrays) -> bool:
    """Whether images and labels are equal."""
    return np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)
