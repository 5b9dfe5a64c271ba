import pytest
import torch

from archdsl.emit.vision import import_torchvision
from archdsl.train.augment import augment, crop, flip
from archdsl.words.data.changes import Crop, Flip

IMAGES = torch.randint(0, 256, (64, 3, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_crop_is_torchvisions_on_the_same_draws() -> None:
    tv = import_torchvision()
    from torchvision.transforms import functional  # after the import above

    assert tv is not None
    top, left = torch.randint(9, (2, 64))
    ours = crop(IMAGES, 4, top, left)
    for i in range(64):
        theirs = functional.crop(functional.pad(IMAGES[i], 4), int(top[i]), int(left[i]), 12, 10)
        assert torch.equal(ours[i], theirs)


def test_flip_is_torchvisions_on_the_same_draws() -> None:
    import_torchvision()
    from torchvision.transforms import functional

    chosen = torch.arange(64) % 3 == 0
    ours = flip(IMAGES, chosen)
    for i in range(64):
        assert torch.equal(ours[i], functional.hflip(IMAGES[i]) if chosen[i] else IMAGES[i])


def test_the_draws_are_uniform_and_each_images_own() -> None:
    ramp = torch.arange(1, 26, dtype=torch.uint8).view(1, 1, 5, 5).expand(20_000, 1, 5, 5)
    seen = augment(ramp, (Crop(2),), torch.Generator().manual_seed(1))
    corners = torch.stack([(seen != 0).any(3).int().argmax(2), (seen != 0).any(2).int().argmax(2)]).flatten(1)
    assert corners.shape == (2, 20_000)
    centre = seen[:, 0, 2, 2].long()  # the middle pixel tells the corner: 25 of them, each as likely
    counts = torch.bincount(centre, minlength=26)[1:]
    assert counts.min() > 600
    assert counts.max() < 1000
    mirrored = augment(ramp, (Flip(0.3),), torch.Generator().manual_seed(1))
    share = (mirrored[:, 0, 0, 0] == 5).float().mean().item()
    assert share == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("words", [(Flip(0.5),), (Crop(3),), (Flip(0.5), Crop(1)), ()])
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_shape_type_and_seed(words, kind: torch.dtype) -> None:
    images = IMAGES.to(kind)
    one, two = (augment(images, words, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == images.shape
    assert one.dtype == kind
    assert torch.equal(one, two)
    assert torch.equal(images, IMAGES.to(kind)), "the images themselves stay"


def test_flip_at_its_bounds() -> None:
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment(IMAGES, (Flip(0.0),), generator), IMAGES)
    assert torch.equal(augment(IMAGES, (Flip(1.0),), generator), IMAGES.flip(3))
