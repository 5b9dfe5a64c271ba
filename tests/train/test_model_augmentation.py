"""`archdsl.model` of a spec with ``where=model``: the layer of the lecture, which acts in training mode alone."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

import archdsl
from archdsl.data.augment import AugmentLayer, augment
from archdsl.data.augment.draws import Draws
from archdsl.data.normalise import normalise
from archdsl.errors import ArchError
from archdsl.words.data.augmentations import Crop

NET = "net conv(4) relu gap linear(classes)\ndata fashion-mini subset(64) {}\ntrain sgd(0.1) epochs(1) seed(3)\n"
CPU = torch.device("cpu")


def images() -> torch.Tensor:
    return torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_the_layer_is_there_and_draws_what_a_run_draws() -> None:
    model = archdsl.model(NET.format("flip(where=model) crop(4, where=model)"))
    spec = archdsl.load(NET.format("flip(where=model) crop(4, where=model)"))
    words = tuple(s.value for s in spec.graph.data if hasattr(s.value, "where"))
    dataset = spec.graph.data[0].value
    layer = AugmentLayer(words, dataset.mean, dataset.std, Draws(3, torch.device("cpu")))
    for step in range(3):
        layer.step = step
        assert torch.equal(model.augment(images()), layer(images())), "each pass draws anew"
    assert list(model.state_dict()) == list(archdsl.model(NET.format("flip crop(4)")).state_dict())
    model.eval()
    assert torch.equal(model.augment(images()), images())
    plain = archdsl.model(NET.format("")).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(images()), plain(images()))
    seen: list[torch.Tensor] = []
    again = deepcopy(model).train()
    again.conv.register_forward_pre_hook(lambda module, arrived: seen.append(arrived[0]))
    again(images()).sum().backward()
    assert not torch.equal(seen[0], images())
    assert "flip, crop" in str(model)


def test_words_of_the_pipeline_are_no_layer() -> None:
    assert not hasattr(archdsl.model(NET.format("flip crop(4) mixup(0.2)")), "augment")


def test_flip_alternate_throws_a_coin_for_each_image() -> None:
    model = archdsl.model(NET.format("flip(alternate, where=model)"))
    left, first, second = images(), model.augment(images()), model.augment(images())
    mirrored = [(first[n] - left[n].flip(-1)).abs().max() < 0.02 for n in range(8)]
    assert 0 < sum(mirrored) < 8
    assert not torch.equal(first, second)


def test_a_label_of_that_name_is_refused() -> None:
    with pytest.raises(ArchError, match="has a module `augment`"):
        archdsl.model(NET.format("flip(where=model)").replace("conv(4)", "augment: conv(4)"))


@pytest.mark.parametrize("rounding", [0.0, 1e-9])
def test_a_channel_that_is_constant_in_the_training_images_becomes_0(rounding: float) -> None:
    mean, std = (0.5, 0.25, 40 / 255), (0.2, 0.3, rounding)
    pixels = torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[:, 2] = 40
    normal = normalise(mean, std, CPU)
    layer = AugmentLayer((Crop(2),), mean, std, Draws(3, CPU))
    changed = layer(normal(pixels))
    torch.testing.assert_close(changed, normal(augment(pixels, (Crop(2),), Draws(3, CPU), 0)))
    assert not changed[:, 2].any()


def test_data_without_stated_statistics_is_refused_with_a_remedy_that_works() -> None:
    with pytest.raises(ArchError, match="no mean and standard deviation stated") as caught:
        archdsl.model(NET.format("flip(where=model)").replace("fashion-mini", "kmnist"))
    assert "cifar10" in caught.value.help
    assert "augment" in dict(
        archdsl.model(NET.format("flip(where=model)").replace("fashion-mini", "cifar10")).named_modules()
    )
