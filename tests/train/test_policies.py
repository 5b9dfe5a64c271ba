"""RandAugment, TrivialAugment and AutoAugment: their operations are torchvision's, and so is the way they are drawn."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from archdsl.data.augment import rand
from archdsl.data.augment.draws import Draw, Draws
from archdsl.data.augment.policies import POLICIES
from archdsl.data.augment.rand import DIRECTED, DRAWN, NAMES, apply, magnitudes
from archdsl.emit.vision import import_torchvision
from tests.train.test_augment import IMAGES, same

CPU = torch.device("cpu")
SIZE = (20, 17)  # of IMAGES


@pytest.fixture(scope="module")
def transforms():
    return import_torchvision().transforms


def their_name(name: str) -> str:
    return {"color": "Color", "autocontrast": "AutoContrast"}.get(name, name.title().replace("-", ""))


def along(name: str) -> int:
    return SIZE[0] if name == "translate-y" else SIZE[1]


def their_tables(transforms) -> dict[str, tuple[dict, int, bool]]:
    return {
        "rand": (transforms.RandAugment()._augmentation_space(31, SIZE), 31, False),
        "trivial": (transforms.TrivialAugmentWide()._augmentation_space(31), 31, True),
        "auto": (transforms.AutoAugment()._augmentation_space(10, SIZE), 10, False),
    }


def test_magnitudes_and_directions(transforms) -> None:
    for kind, (table, bins, wide) in their_tables(transforms).items():
        assert {their_name(n) for n in (NAMES if kind == "auto" else NAMES[:DRAWN])} == set(table) | {"Identity"}
        for name in NAMES:
            if their_name(name) not in table:
                continue
            values, signed = table[their_name(name)]
            mine = torch.tensor(magnitudes(name, along(name), bins, wide))
            assert torch.allclose(mine, values.float().expand(bins), rtol=1e-6), (kind, name)
            assert signed is (name in DIRECTED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["rand", "trivial", "auto"])
@pytest.mark.holds("trivialaugment")
def test_operations(transforms, name: str, kind: str) -> None:
    from torchvision.transforms.autoaugment import _apply_op
    from torchvision.transforms.v2 import InterpolationMode

    table, bins, wide = their_tables(transforms)[kind]
    if their_name(name) not in table:
        pytest.skip("not among the operations of this policy")
    for m in (0, bins // 3, bins - 1):
        for sign in (1.0, -1.0) if name in DIRECTED else (1.0,):
            value = magnitudes(name, along(name), bins, wide)[m] * sign
            theirs = _apply_op(IMAGES, their_name(name), value, InterpolationMode.NEAREST, None)
            same(apply(name, IMAGES, torch.full((6,), value)), theirs)


@pytest.mark.holds("autoaugment")
def test_the_pairs_of_autoaugment(transforms) -> None:
    for policy in transforms.AutoAugmentPolicy:
        theirs = transforms.AutoAugment(policy).policies
        mine = [
            tuple(
                (their_name(n), tenths / 10, m if t[2] is not None else None)
                for (n, tenths, m), t in zip(a, b, strict=True)
            )
            for a, b in zip(POLICIES[policy.value], theirs, strict=True)
        ]
        assert mine == list(theirs)


def draw(count: int, word: str, step: int = 0) -> Draw:
    return Draws(0, CPU).at(word, step, count)


def outcomes(image: torch.Tensor, found: torch.Tensor, known: torch.Tensor) -> Counter[int]:
    """Which of the known pictures each of those found is: the nearest one, single bytes being off by rounding."""
    distance = (found.flatten(1)[:, None].int() - known.flatten(1)[None].int()).abs().float().mean(2)
    assert float(distance.min(1).values.max()) < 0.5, "a picture that none of the operations makes"
    return Counter(distance.argmin(1).tolist())


def alike(mine: Counter[int], theirs: Counter[int], kinds: int) -> None:
    """Two samples of one distribution: the chi-squared statistic of two rows lies within five deviations of its mean."""
    keys = mine.keys() | theirs.keys()
    total = {k: mine[k] + theirs[k] for k in keys}
    rows = (sum(mine.values()), sum(theirs.values()))
    statistic = sum(
        (row[k] - total[k] * n / sum(rows)) ** 2 / (total[k] * n / sum(rows))
        for row, n in zip((mine, theirs), rows, strict=True)
        for k in keys
    )
    freedom = len(keys) - 1
    assert kinds - 3 <= len(keys) <= kinds
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


PICTURE = torch.randint(0, 256, (1, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.holds("randaugment")
def test_randaugment_has_torchvisions_distribution(transforms) -> None:
    count = 3000
    known = torch.cat(
        [
            apply(name, PICTURE, torch.tensor([magnitudes(name, 12)[9] * sign]))
            for name in NAMES[:DRAWN]
            for sign in ((1.0, -1.0) if name in DIRECTED else (1.0,))
        ]
    )
    mine = rand.randaugment(PICTURE.expand(count, -1, -1, -1), 1, 9, draw(count, "randaugment"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        theirs = torch.cat([transforms.RandAugment(1, 9)(PICTURE) for _ in range(count)])
    alike(outcomes(PICTURE, mine, known), outcomes(PICTURE, theirs, known), len(known))


@pytest.mark.parametrize("kind", ["randaugment", "trivialaugment", "autoaugment"])
def test_mean_and_spread_of_every_pixel_are_torchvisions(transforms, kind: str) -> None:
    count, image = 1500, PICTURE[:, :, :8, :8]
    many = image.expand(count, -1, -1, -1)
    mine = {
        "randaugment": lambda: rand.randaugment(many, 2, 9, draw(count, kind)),
        "trivialaugment": lambda: rand.trivialaugment(many, draw(count, kind)),
        "autoaugment": lambda: rand.autoaugment(many, "cifar10", draw(count, kind)),
    }[kind]().float()
    one = {
        "randaugment": transforms.RandAugment(2, 9),
        "trivialaugment": transforms.TrivialAugmentWide(),
        "autoaugment": transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10),
    }[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        theirs = torch.cat([one(image) for _ in range(count)]).float()
    # Of 192 pixels each may be off by 4.5 standard errors; once in 700 samples one is, by chance.
    error = ((mine.var(0) + theirs.var(0)) / count).sqrt()
    assert float(((mine.mean(0) - theirs.mean(0)).abs() / error.clamp(min=1e-3)).max()) < 4.5
    assert float((mine.std(0) / theirs.std(0)).log().abs().mean()) < 0.06


def test_every_image_draws_for_itself() -> None:
    x = IMAGES[2:3].expand(64, -1, -1, -1)
    for changed in (rand.trivialaugment(x, draw(64, "t")), rand.autoaugment(x, "svhn", draw(64, "a"))):
        assert len({tuple(row.flatten().tolist()) for row in changed}) > 12
