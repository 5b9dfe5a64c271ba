"""Laws of augmentations: what is done to a batch depends on the seed, the word and the step alone."""

from __future__ import annotations

from dataclasses import replace

import torch

from archdsl.api import load
from archdsl.data.augment import AugmentLayer, augment
from archdsl.data.augment.draws import Draws
from archdsl.laws.law import NotTried, equal, expect, law
from archdsl.laws.pictures import pictures
from archdsl.registry import Entry
from archdsl.words.data.base import Augmentation, Mixing

CPU = torch.device("cpu")
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def acts_on_images(entry: Entry) -> bool:
    """Whether a word is an augmentation of each image by itself."""
    made = entry.make
    return isinstance(made, type) and issubclass(made, Augmentation) and not issubclass(made, Mixing)


def augmentations(example: str) -> list[Augmentation]:
    """Those of an example that act on each image by itself.

    Raises:
        NotTried: there are none.
    """
    values = [
        word.value
        for word in load(f"net gap linear(classes)\ndata {example}\ntrain sgd(0.1)", input=(3, 32, 32)).graph.data
    ]
    found = [v for v in values if isinstance(v, Augmentation) and not isinstance(v, Mixing) and not v.alternates]
    if not found:
        raise NotTried("no augmentation that depends on the image, the seed and the step alone")
    return found


@law("draws", "data", of=acts_on_images)
def draws_are_keyed_by_seed_and_step(example: str) -> None:
    """The same seed and step give the same bytes, others give others, and the given batch stays as it is."""
    for word in augmentations(example):
        draws_are_keyed(word)


def draws_are_keyed(word: Augmentation) -> None:
    """For a word by itself."""
    x = pictures(32)
    first, again = (augment(x, (word,), Draws(1, CPU), 5) for _ in range(2))
    equal("shape, type and device", (first.shape, first.dtype, first.device), (x.shape, x.dtype, x.device))
    expect(torch.equal(first, again), "the same seed and step give other bytes")
    expect(not torch.equal(first, x), "nothing is changed")
    expect(not torch.equal(first, augment(x, (word,), Draws(1, CPU), 6)), "the next step gives the same bytes")
    expect(not torch.equal(first, augment(x, (word,), Draws(2, CPU), 5)), "another seed gives the same bytes")
    expect(torch.equal(x, pictures(32)), "the batch that was given is changed")


@law("parts", "data", of=acts_on_images)
def parts_are_changed_as_in_the_whole(example: str) -> None:
    """A part of a batch is changed as it is within the whole."""
    for word in augmentations(example):
        a_part_is_changed_as_in_the_whole(word)


def a_part_is_changed_as_in_the_whole(word: Augmentation) -> None:
    """For a word by itself."""
    x, draws = pictures(16), Draws(1, CPU)
    whole, part = augment(x, (word,), draws, 3), augment(x[5:12], (word,), draws, 3, 16, 5)
    expect(torch.equal(part, whole[5:12]), "a part of the batch is changed in another way than within the whole")


@law("layer", "data", of=acts_on_images)
def as_layers_they_do_the_same(example: str) -> None:
    """As a layer of the model it does the same, and nothing in eval mode."""
    for word in augmentations(example):
        as_a_layer_it_does_the_same(word)


def as_a_layer_it_does_the_same(word: Augmentation) -> None:
    """For a word by itself."""
    layer = AugmentLayer((word,), MEAN, STD, Draws(1, CPU))
    layer.step = 5
    x = pictures(16)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    normal = (x.float() / 255 - mean) / std
    back = (layer(normal) * std + mean) * 255
    same = torch.equal(back.round().to(torch.uint8), augment(x, (word,), Draws(1, CPU), 5))
    expect(same, "as a layer of the model it gives other images than in the pipeline")
    expect(layer.eval()(normal) is normal, "it acts in eval mode")


def has_amounts(entry: Entry) -> bool:
    """Whether a word declares amounts."""
    return bool(getattr(entry.make, "amounts", ()))


@law("amounts", "data", of=lambda entry: has_amounts(entry) and acts_on_images(entry))
def an_amount_of_0_changes_nothing(example: str) -> None:
    """With an amount of 0 every image stays as it is, as `check` says of such a word."""
    for word in augmentations(example):
        for name in word.amounts:
            nothing, x = replace(word, **{name: 0}), pictures(16)  # type: ignore[arg-type]
            expect(nothing.idle, f"`{word.name}` with {name}=0 is not idle")
            for step in range(3):
                changed = augment(x, (nothing,), Draws(1, CPU), step)
                expect(
                    torch.equal(changed, x), f"`{word.name}` with {name}=0 changes images, and `amounts` has `{name}`"
                )
