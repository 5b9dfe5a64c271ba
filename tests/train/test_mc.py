"""Monte Carlo dropout: what is alive, what stays, and the identities of its uncertainty."""

import math

import pytest
import torch
from torch import nn

from archdsl.data import Arrays
from archdsl.data.normalise import normalise
from archdsl.emit.layers import Attention
from archdsl.emit.layers.drop import Cutout, DropBlock2d, DropPath, GaussianNoise, PhasedDropout
from archdsl.emit.layers.nested import DropConnect
from archdsl.emit.layers.outlook import Outlook
from archdsl.emit.layers.sequence import LSTM, RowGRU
from archdsl.errors import ArchError
from archdsl.evaluate import Part, Trained, alive, evaluate, parse_shifts, predict, predict_batches
from archdsl.export.alive import drawing

from .nets import CPU, small_net, stripes


class Fixed(nn.Module):
    """Gives prepared logits, one after the other."""

    def __init__(self, *passes: list[list[float]]) -> None:
        super().__init__()
        self.passes = [torch.tensor(p) for p in passes]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes.append(self.passes.pop(0))
        return self.passes[-1]


def trained(model: nn.Module, shape: tuple[int, int, int] = (1, 12, 12)) -> Trained:
    return Trained(model.eval(), normalise((0.4,) * shape[0], (0.2,) * shape[0], CPU), CPU, shape, ("left", "right"))


def part(count: int = 40) -> Part:
    return Part(stripes(count), "stripes", "test", ("left", "right"))


def test_two_passes_that_contradict_each_other() -> None:
    """Sure of one class, then of the other: all uncertainty is about the weights."""
    found = predict(Fixed([[60.0, 0.0]], [[0.0, 60.0]]), torch.zeros(1), 2)
    assert found.probs.tolist() == [pytest.approx([0.5, 0.5])]
    assert found.entropy.item() == pytest.approx(math.log(2))
    assert found.information.item() == pytest.approx(math.log(2))


def test_passes_that_agree_know_all_that_data_could_tell() -> None:
    same = [[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]]
    one, many = predict(Fixed(same), torch.zeros(1)), predict(Fixed(same), torch.zeros(1), 7)
    assert torch.allclose(one.probs, many.probs, atol=1e-12)
    assert torch.allclose(one.entropy, many.entropy, atol=1e-12)
    assert (many.information >= 0).all()
    assert torch.allclose(many.information, torch.zeros(2, dtype=torch.float64), atol=1e-12)
    assert one.information is None


def test_entropy_is_the_mean_entropy_and_the_information() -> None:
    passes = torch.randn(9, 50, 4, generator=torch.Generator().manual_seed(0)) * 3
    found = predict(Fixed(*passes.tolist()), torch.zeros(1), 9)
    probs = passes.double().softmax(2)
    mean = probs.mean(0)
    entropy = -(mean * mean.log()).sum(1)
    expected = -(probs * probs.log()).sum(2).mean(0)
    assert torch.allclose(found.probs, mean)
    assert torch.allclose(found.entropy, entropy)
    assert torch.allclose(found.information, entropy - expected)
    assert (found.information > 0).all()
    assert (found.information <= found.entropy).all()
    assert (found.entropy <= math.log(4)).all()


def test_probabilities_too_small_for_a_float_keep_their_logarithm() -> None:
    found = predict(Fixed([[0.0, -2000.0]], [[0.0, -3000.0]]), torch.zeros(1), 2)
    assert found.log_probs[0, 1].item() == pytest.approx(-2000 - math.log(2))
    assert found.entropy.item() == 0


def test_a_net_that_works_in_place_sees_each_pass_anew() -> None:
    model = nn.Sequential(nn.Dropout(0.5, inplace=True), nn.Flatten())
    images = torch.ones(2, 3)
    with alive(model):
        predict(model, images, 30)
    assert torch.equal(images, torch.ones(2, 3))


LAYERS = [
    nn.Dropout(0.4),
    nn.Dropout2d(0.4),
    nn.AlphaDropout(0.4),
    PhasedDropout(0.4, late=0.5),
    PhasedDropout(0.4, early=0.5, channels=True),
    DropPath(0.4, late=0.9),
    DropBlock2d(0.4, 2, early=0.1),
    Cutout(4, 0.5),
    GaussianNoise(0.4),
    DropConnect(nn.Conv2d(3, 3, 1), 0.4, late=0.5),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda m: type(m).__name__)
def test_each_kind_is_alive_at_full_rate_and_put_back(layer: nn.Module) -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), layer).eval()
    if hasattr(layer, "set_progress"):
        layer.set_progress(0.3)
    before = [getattr(layer, name, None) for name in ("rate", "training")]
    x = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    with torch.no_grad():
        still = model(x)
        with alive(model) as count:
            assert count == 1
            assert getattr(layer, "rate", 0.4) == getattr(layer, "p", 0.4), "the nominal rate, whatever the phase"
            assert not torch.equal(model(x), model(x))
            assert not model[0].training
        assert torch.equal(model(x), still)
    assert [getattr(layer, name, None) for name in ("rate", "training")] == before
    assert model[0].num_batches_tracked == 0, "batch norm learnt nothing"


def test_the_network_inside_a_dropconnect_stays_in_eval_mode() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    model = DropConnect(inner, 0.5)
    with alive(model):
        assert model.training
        assert not any(m.training for m in inner.modules())
    assert model.training, "as it was"


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2))])
def test_a_net_that_draws_nothing_is_refused(model: nn.Module) -> None:
    with pytest.raises(ArchError, match="draws at random") as caught, alive(model):
        pass
    assert "drop" in caught.value.help


def test_modes_come_back_after_an_error() -> None:
    model = small_net()
    with pytest.raises(ValueError, match="of a test"), alive(model):
        raise ValueError("of a test")
    assert all(m.training for m in model.modules())


def test_the_seed_decides_and_leaves_other_draws_alone() -> None:
    net, data = trained(small_net(2)), part()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    found = [evaluate(net, data, passes=5, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.rand(3), expected)
    assert found[0] == found[1]
    assert found[0].nll != found[2].nll
    assert found[0].information > 0


def test_one_pass_is_the_net_in_eval_mode_whatever_the_batch() -> None:
    net, data = trained(small_net(2)), part(33)
    heard: list[int] = []
    one, few = evaluate(net, data), evaluate(net, data, batch=7, listen=heard.append)
    assert heard == [7, 14, 21, 28, 33]
    assert few.confusion == one.confusion
    assert few.nll == pytest.approx(one.nll, rel=1e-6)
    images = torch.from_numpy(data.images.images)
    with torch.no_grad():
        expected = nn.functional.cross_entropy(net.model(net.normalise(images)), torch.from_numpy(data.images.labels))
    assert one.nll == pytest.approx(expected.item(), rel=1e-6)
    assert torch.cat([p.probs for p in predict_batches(net, images.split(10))]).sum(1).tolist() == pytest.approx(
        [1.0] * 33
    )


def test_corrupted_images_do_not_depend_on_the_batch() -> None:
    net, data = trained(small_net(2)), part(600)
    found = [evaluate(net, data, shifts=parse_shifts("noise(0.2)"), batch=b) for b in (500, 64)]
    assert found[0].nll == pytest.approx(found[1].nll, rel=1e-6)
    assert found[0].nll != pytest.approx(evaluate(net, data).nll, rel=1e-4)


class Fed:
    """Images that are given batch by batch, as of a set too large for the memory."""

    def __init__(self, arrays: Arrays) -> None:
        self.images, self.labels = torch.from_numpy(arrays.images), torch.from_numpy(arrays.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, order, device):
        for rows in order:
            yield self.images[rows].to(device), self.labels[rows].to(device)


def test_images_that_come_batch_by_batch_are_judged_alike() -> None:
    net, held = trained(small_net(2)), part(1100)
    fed = Part(Fed(held.images), "fed", "test", held.class_names)  # type: ignore[arg-type]
    assert len(fed) == 1100
    assert evaluate(net, fed, passes=3, shifts=parse_shifts("occlude(3)")) == evaluate(
        net, held, passes=3, shifts=parse_shifts("occlude(3)")
    )


def test_vectors_have_no_corruption() -> None:
    rows = Arrays(torch.rand(4, 3).numpy(), torch.zeros(4, dtype=torch.int64).numpy())
    net = Trained(nn.Linear(3, 2).eval(), lambda x: x, CPU, (3,), ("a", "b"))  # type: ignore[arg-type]
    table = Part(rows, "table", "test", ("a", "b"))
    assert evaluate(net, table).images == 4
    with pytest.raises(ArchError, match="corrupts images"):
        evaluate(net, table, shifts=parse_shifts("rotate(3)"))


def test_dropout_of_attention_weights_is_alive_too() -> None:
    """Off in eval mode, at its rate in train mode and under Monte Carlo dropout; the mean over draws is the whole value."""
    torch.manual_seed(0)
    layer = Attention(8, 2, drop=0.3).eval()
    x = torch.randn(2, 5, 8)
    with torch.no_grad():
        whole = layer(x)
        assert torch.equal(whole, layer(x))
        with alive(layer) as count:
            assert count == 1
            drawn = torch.stack([layer(x) for _ in range(4000)])
        assert torch.equal(whole, layer(x))
    assert drawn[0].ne(drawn[1]).any()
    assert torch.allclose(drawn.mean(0), whole, atol=0.05)
    assert drawing(Attention(8, 2)) == []


STEPS = {
    Outlook(2, drop=0.3): ((2, 162, 6, 6), (2, 4, 6, 6)),
    LSTM(8, 8, num_layers=2, dropout=0.3, batch_first=True): ((2, 5, 8),),
    RowGRU(8, 8, num_layers=2, dropout=0.3, batch_first=True): ((2, 8, 3, 4),),
}


@pytest.mark.parametrize("layer", STEPS, ids=lambda m: type(m).__name__)
def test_dropout_within_a_layer_is_alive_too(layer: nn.Module) -> None:
    values = [torch.randn(shape, generator=torch.Generator().manual_seed(0)) for shape in STEPS[layer]]
    layer.eval()
    with torch.no_grad():
        whole = layer(*values)
        with alive(layer) as count:
            assert count == 1
            assert not torch.equal(layer(*values), layer(*values))
        assert torch.equal(layer(*values), whole)
    assert drawing(LSTM(8, 8, num_layers=2)) == [] == drawing(Outlook(2))
