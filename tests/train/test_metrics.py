"""Scores against formulas written out for one image after the other, and against known values."""

import math

import numpy as np
import pytest
import torch

from archdsl.data import Arrays
from archdsl.data.normalise import Normalise
from archdsl.errors import ArchError
from archdsl.evaluate import Part, Prediction, Shift, Tally, Trained, evaluate, kinds, parse_shifts, shifted
from archdsl.laws.evaluation import a_shift_depends_on_the_seed_alone, asked

CPU = torch.device("cpu")


def report(logits: torch.Tensor, labels: torch.Tensor, bins: int = 15, parts: int = 3):
    tally = Tally(logits.shape[1], CPU, bins)
    for some, theirs in zip(logits.chunk(parts), labels.chunk(parts), strict=True):
        tally.add(Prediction(some.double().log_softmax(1)), theirs)
    return tally.read()


def of_probs(rows: list[list[float]], labels: list[int], bins: int = 15):
    tally = Tally(len(rows[0]), CPU, bins)
    tally.add(Prediction(torch.tensor(rows, dtype=torch.float64).log()), torch.tensor(labels))
    return tally.read()


def random_case(images: int = 400, classes: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(images, classes, generator=generator)
    labels = (logits + 3 * torch.randn(images, classes, generator=generator)).argmax(1)
    return logits, labels


def test_every_score_equals_its_formula() -> None:
    logits, labels = random_case()
    probs = [[math.exp(v - max(row)) for v in row] for row in logits.tolist()]
    probs = [[v / sum(row) for v in row] for row in probs]
    pairs = list(zip(probs, labels.tolist(), strict=True))
    found = report(logits, labels)
    n = len(pairs)
    assert found.images == n
    assert found.accuracy == pytest.approx(sum(p.index(max(p)) == y for p, y in pairs) / n)
    assert found.top5 == pytest.approx(sum(y in sorted(range(7), key=lambda c: -p[c])[:5] for p, y in pairs) / n)
    assert found.nll == pytest.approx(-sum(math.log(p[y]) for p, y in pairs) / n)
    assert found.brier == pytest.approx(sum(sum((v - (c == y)) ** 2 for c, v in enumerate(p)) for p, y in pairs) / n)
    assert found.entropy == pytest.approx(-sum(sum(v * math.log(v) for v in p) for p in probs) / n)
    assert found.information is None
    gap = 0.0
    for m in range(15):
        inside = [(max(p), p.index(max(p)) == y) for p, y in pairs if m / 15 < max(p) <= (m + 1) / 15]
        gap += abs(sum(hit for _, hit in inside) - sum(c for c, _ in inside)) / n
        assert found.bins[m].count == len(inside)
    assert found.ece == pytest.approx(gap)
    assert 0.01 < found.ece < 0.5, "the case says something"


def test_batches_do_not_matter() -> None:
    logits, labels = random_case()
    one, many = report(logits, labels, parts=1), report(logits, labels, parts=40)
    assert one.confusion == many.confusion
    assert one.ece == pytest.approx(many.ece, abs=1e-12)
    assert one.nll == pytest.approx(many.nll, abs=1e-12)


def test_calibration_of_cases_made_by_hand() -> None:
    # Four images with confidence 0.75: three right. A net that knows itself.
    assert of_probs([[0.75, 0.25]] * 4, [0, 0, 0, 1]).ece == pytest.approx(0, abs=1e-12)
    # Sure, and wrong every other time.
    assert of_probs([[1 - 1e-12, 1e-12]] * 4, [0, 1, 0, 1]).ece == pytest.approx(0.5)
    # Two bins of ten: 0.9 is right half the time (gap 0.4), 0.6 always (gap 0.4).
    assert of_probs([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], [0, 1, 0, 0], 10).ece == pytest.approx(0.4)
    # In one bin the gaps cancel: three of four are right, and 0.75 is the mean confidence.
    assert of_probs([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], [0, 1, 0, 0], 1).ece == pytest.approx(0)


@pytest.mark.parametrize(("confidence", "place"), [(0.5, 4), (0.6, 5), (0.50001, 5), (1.0, 9)])
def test_a_bin_holds_its_upper_edge(confidence: float, place: int) -> None:
    bins = of_probs([[confidence, 1 - confidence]], [0], 10).bins
    assert [b.count for b in bins].index(1) == place
    assert bins[place].confidence == pytest.approx(confidence)
    assert bins[place].accuracy == 1
    assert bins[0].confidence is None


def test_known_values() -> None:
    even = of_probs([[0.25] * 4] * 8, [0, 1, 2, 3] * 2)
    assert even.nll == pytest.approx(math.log(4))
    assert even.entropy == pytest.approx(math.log(4))
    assert even.brier == pytest.approx(0.75)
    assert even.top5 is None, "of four classes, five are all"
    sure = of_probs([[1.0, 0.0, 0.0]] * 3, [0, 0, 0])
    assert (sure.accuracy, sure.nll, sure.brier, sure.entropy, sure.ece) == (1, 0, 0, 0, 0)
    assert of_probs([[1.0, 0.0]], [1]).brier == 2


def test_classes_from_the_confusion_matrix() -> None:
    rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    found = of_probs([rows[0], rows[0], rows[1], rows[0]], [0, 0, 0, 1])
    assert found.confusion == ((2, 1, 0), (1, 0, 0), (0, 0, 0))
    first, second, third = found.classes
    assert (first.precision, first.recall, first.f1, first.support) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert (second.precision, second.recall, second.f1, second.support) == (0, 0, 0, 1)
    assert (third.precision, third.recall, third.f1, third.support) == (None, None, None, 0)


def test_numbers_that_are_not_finite_are_counted() -> None:
    logits = torch.tensor([[0.0, 1.0], [float("nan"), 0.0]])
    found = report(logits, torch.tensor([1, 0]), parts=1)
    assert found.not_finite == 1
    assert math.isnan(found.nll)
    assert found.images == 2


def pictures(count: int = 6, shape: tuple[int, int, int] = (3, 9, 12)) -> torch.Tensor:
    return torch.randint(256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def corruption(word: str, strength: float) -> Shift:
    return parse_shifts(f"{word}({strength:g})")[0]


NEUTRAL = {"pixelate": 1.0, "contrast": 1.0}
STRONG = {
    "rotate": 40.0,
    "noise": 0.3,
    "impulse": 0.4,
    "blur": 1.0,
    "pixelate": 3.0,
    "brightness": 0.3,
    "contrast": 0.3,
    "occlude": 4.0,
}


@pytest.mark.parametrize("word", kinds())
def test_each_shift_keeps_shape_and_type_and_has_a_neutral_strength(word: str) -> None:
    images = pictures()
    assert torch.equal(shifted(images, corruption(word, NEUTRAL.get(word, 0.0))), images)
    a_shift_depends_on_the_seed_alone(corruption(word, STRONG[word]))
    strong = shifted(images, corruption(word, STRONG[word]), 5)
    assert (strong.shape, strong.dtype) == (images.shape, images.dtype)
    assert not torch.equal(strong, images)
    assert torch.equal(strong, shifted(images, corruption(word, STRONG[word]), 5)), "the seed decides"
    drawn = word in ("noise", "impulse", "occlude")
    assert torch.equal(strong, shifted(images, corruption(word, STRONG[word]), 6)) != drawn


def test_shifts_do_what_they_say() -> None:
    square, wide = pictures(2, (1, 8, 8)), pictures(2, (1, 8, 12))
    assert torch.equal(shifted(square, corruption("rotate", 90)), square.rot90(1, (2, 3)))
    assert torch.equal(shifted(wide, corruption("rotate", 180)), wide.flip(2, 3))
    grey = torch.full((40, 3, 20, 20), 128, dtype=torch.uint8)
    noisy = shifted(grey, corruption("noise", 0.1)).double() / 255
    assert noisy.std().item() == pytest.approx(0.1, rel=0.03)
    hit = shifted(grey, corruption("impulse", 0.2))
    assert (hit == 0).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert (hit == 255).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert (shifted(grey, corruption("brightness", 0.2)) == 179).all()
    assert (shifted(grey, corruption("occlude", 5)) == 0).sum((1, 2, 3)).unique().tolist() == [75]
    assert shifted(square, corruption("contrast", 0)).flatten(1).unique(dim=1).shape[1] == 1
    coarse = shifted(square, corruption("pixelate", 4)).double()
    assert torch.allclose(coarse[0, 0, :4, :4], square[0, 0, :4, :4].double().mean().round())
    blurred = shifted(square, corruption("blur", 2.0)).double()
    assert blurred.std() < square.double().std() / 2
    assert (shifted(grey, corruption("blur", 9.0)) == 128).all(), "the border goes on outside"


def test_shifts_are_read() -> None:
    assert parse_shifts("rotate(0, 15,-30.5)") == (
        corruption("rotate", 0),
        corruption("rotate", 15),
        corruption("rotate", -30.5),
    )
    assert [str(s) for s in parse_shifts(" noise(.1) ")] == ["noise(0.1)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotate", "not a corruption with a strength"),
        ("rotat(30)", "did you mean `rotate`"),
        ("fog(1)", "one of blur, brightness"),
        ("noise()", "`noise` needs `sigma`"),
        ("noise(nan)", "`nan`"),
        ("impulse(1.5)", "from 0 to 1, not 1.5"),
        ("pixelate(2.5)", "a whole number"),
        ("pixelate(0)", "from 1 to 512"),
        ("noise(٣)", "`--shift noise(٣)`"),
        ("noise(3 + __import__('os'))", "not a corruption"),
    ],
)
def test_shifts_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        parse_shifts(text)
    assert message in str(caught.value)


def test_more_pixels_than_32_bits_hold_are_counted() -> None:
    """9,000 masks of 512 x 512 pixels are more than 2^31."""
    tally, before = Tally(2, CPU), 2**31 - 2
    certain = Prediction(torch.tensor([[0.9, 0.1]] * 4, dtype=torch.float64).log())
    tally.add(certain, torch.zeros(4, dtype=torch.int64))
    for counts in (tally._confusion, tally._counts[:-2]):
        counts[counts > 0] = before
    tally.add(certain, torch.zeros(4, dtype=torch.int64))
    found = tally.read()
    assert found.images == found.confusion[0][0] == before + 4
    assert found.accuracy == 1


def test_a_part_whose_places_are_all_ignored_has_no_scores() -> None:
    tally = Tally(2, CPU)
    tally.add(Prediction(torch.zeros(0, 2, dtype=torch.float64)), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ArchError, match="all of them are ignored"):
        tally.read()


def test_a_corruption_that_comes_twice_draws_anew() -> None:
    """Two squares are covered, not one twice; two noises are not one of the double strength."""
    seen: list[torch.Tensor] = []

    class Seeing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return torch.zeros(len(x), 2)

    images = np.full((60, 1, 24, 24), 128, np.uint8)
    part = Part(Arrays(images, np.zeros(60, np.int64)), "grey", "test", ("a", "b"))
    plain = Normalise(torch.tensor(1 / 255), torch.tensor(0.0))
    net = Trained(Seeing(), plain, torch.device("cpu"), (1, 24, 24), ("a", "b"))
    for text in ("occlude(4) occlude(4)", "noise(0.1) noise(0.1)"):
        evaluate(net, part, shifts=asked(text).of(Shift), batch=25)
    black = (torch.cat(seen[:3]) == 0).sum((1, 2, 3))
    assert black.min() >= 16
    assert (black > 16).double().mean() > 0.8
    assert torch.cat(seen[3:]).std().item() == pytest.approx(0.1 * 2**0.5, rel=0.03)
