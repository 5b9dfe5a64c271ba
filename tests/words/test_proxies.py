"""Zero-cost proxies beside independent computations, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev
from torch.nn.functional import cross_entropy

from archdsl.api import load
from archdsl.errors import ArchError
from archdsl.evaluate.proxies import IMAGES, defined, proxy, scores
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries, names, proxy_word, setting
from archdsl.words.proxies.base import Proxy
from tests.train.laws import no_word_stays

NET = "conv(4) bn relu conv(8, s=2) bn relu gap linear(10)\ndata fashion-mini"
ALL = ("grad_norm", "jacob_cov", "naswot", "snip", "synflow")


def batch(*shape: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=draw), torch.randint(classes, shape[:1], generator=draw)


def linear(*widths: int, seed: int = 0, bias: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(*(nn.Linear(a, b, bias=bias) for a, b in pairwise(widths)))


def test_synflow_of_a_linear_net_is_the_sum_over_paths_once_for_each_layer() -> None:
    model = linear(3, 4, 2, 5)
    weights = [w.detach().abs().numpy().astype(float) for w in model.parameters()]
    paths = 0.0
    for a, b, c, d in product(range(3), range(4), range(2), range(5)):
        paths += weights[0][b, a] * weights[1][c, b] * weights[2][d, c]
    assert proxy("synflow")(model, *batch(8, 3), cross_entropy) == pytest.approx(math.log(3 * paths), rel=1e-12)


def test_synflow_looks_at_no_data_and_takes_batch_norm_out() -> None:
    torch.manual_seed(0)
    conv, head = nn.Conv2d(2, 3, 3, bias=False), nn.Linear(3 * 4, 2, bias=False)
    plain = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), head)
    normed = nn.Sequential(conv, nn.BatchNorm2d(3, eps=0.5), nn.ReLU(), nn.Flatten(), head)
    normed[1].running_var.fill_(7.0)
    images, labels = batch(8, 2, 4, 4)
    expected = proxy("synflow")(plain, images, labels, cross_entropy)
    assert proxy("synflow")(normed, images, labels, cross_entropy) == expected
    assert proxy("synflow")(normed, -5 * images, labels, cross_entropy) == expected


@pytest.mark.parametrize(
    "body", ["conv(4) convnext[4x1, 8x1]", "conv(4) gelu se gap", "patch(7, 8) tokens ln attention(2) gap"]
)
def test_other_normalisations_and_gates_have_a_flow(body: str) -> None:
    spec = load(f"net {body} linear(10)\ndata fashion-mini" if "gap" in body else f"net {body}\ndata fashion-mini")
    assert scores(spec, ["synflow"])["synflow"] is not None


def test_a_flow_beyond_float32_has_a_score_and_one_beyond_float64_none() -> None:
    model = linear(*[64] * 30)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(100.0)
    flow = proxy("synflow")(model, *batch(4, 64), cross_entropy)
    assert flow == pytest.approx(math.log(29) + 29 * math.log(100) + 30 * math.log(64))
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(1e20)
    assert proxy("synflow")(model, *batch(4, 64), cross_entropy) is None
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    assert proxy("synflow")(model, *batch(4, 64), cross_entropy) is None


def test_naswot_by_hand() -> None:
    """Two layers of rectified units: K counts, for each pair of images, the units that are on or off for both."""
    torch.manual_seed(3)
    first, second = nn.Linear(5, 6), nn.Linear(6, 4)
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
    images, labels = batch(4, 5)
    one = first(images).detach().numpy()
    two = second(torch.from_numpy(one.clip(min=0))).detach().numpy()
    codes = np.concatenate([one > 0, two > 0], 1)
    kernel = np.array([[sum(p == q for p, q in zip(a, b, strict=True)) for b in codes] for a in codes])
    assert kernel.diagonal().tolist() == [10] * 4
    expected = math.log(abs(np.linalg.det(kernel.astype(float))))
    assert proxy("naswot")(model, images, labels, cross_entropy) == pytest.approx(expected, rel=1e-9)


def test_naswot_sees_units_that_act_in_place_and_relatives_of_relu() -> None:
    images, labels = batch(6, 5)
    torch.manual_seed(3)
    layer = nn.Linear(5, 40)
    alike = [nn.ReLU(), nn.ReLU(inplace=True), nn.GELU(), nn.SiLU(), nn.LeakyReLU()]
    found = {proxy("naswot")(nn.Sequential(layer, act), images, labels, cross_entropy) for act in alike}
    assert len(found) == 1
    assert proxy("naswot")(nn.Sequential(layer, nn.Tanh()), images, labels, cross_entropy) is None
    same = images[:1].expand(6, 5)
    assert proxy("naswot")(nn.Sequential(layer, nn.ReLU()), same, labels, cross_entropy) is None
    images, labels = batch(40, 5)
    few = nn.Sequential(nn.Linear(5, 12), nn.ReLU())  # K of 40 images has at most the rank 13
    assert proxy("naswot")(few, images, labels, cross_entropy) is None


def test_gradients_of_a_softmax_regression() -> None:
    """Its gradient has a closed form: the mean of (p - y) x."""
    model = linear(5, 3, bias=True)
    images, labels = batch(7, 5)
    weight, bias = (p.detach().double().numpy() for p in model.parameters())
    logits = images.double().numpy() @ weight.T + bias
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = (p - np.eye(3)[labels.numpy()]).T @ images.double().numpy() / 7
    assert proxy("grad_norm")(model, images, labels, cross_entropy) == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert proxy("snip")(model, images, labels, cross_entropy) == pytest.approx(abs(weight * gradient).sum(), rel=1e-5)


def test_gradients_by_autograd_in_training_mode() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    images, labels = batch(8, 2, 4, 4)
    cross_entropy(model.train()(images), labels).backward()
    weights = [p for p in model.parameters() if p.ndim > 1]
    norms = sum(float(p.grad.norm().detach()) for p in weights if p.grad is not None)
    sizes = sum(float((p * p.grad).abs().sum().detach()) for p in weights if p.grad is not None)
    assert proxy("grad_norm")(model, images, labels, cross_entropy) == pytest.approx(norms, rel=1e-5)
    assert proxy("snip")(model, images, labels, cross_entropy) == pytest.approx(sizes, rel=1e-5)


def test_jacob_cov_by_the_jacobian_of_each_image() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3)).double()
    images, labels = batch(5, 6)
    images = images.double()
    rows = np.stack([jacrev(lambda x: model(x).sum())(x).detach().numpy() for x in images])
    values = np.linalg.eigvalsh(np.corrcoef(rows)) + 1e-5
    expected = -np.sum(np.log(values) + 1 / values)
    assert proxy("jacob_cov")(model, images, labels, cross_entropy) == pytest.approx(expected, rel=1e-6)
    assert proxy("jacob_cov")(nn.Sequential(nn.Linear(6, 3)).double(), images, labels, cross_entropy) < -1e5


@pytest.mark.parametrize("entry", entries("proxy"), ids=lambda e: e.name)
def test_laws(entry: Entry) -> None:
    for law in laws_of(entry):
        for example in entry.examples:
            law.check(example)


def test_scores_of_a_spec() -> None:
    spec = load(NET)
    found = scores(spec, ALL)
    assert tuple(found) == ALL
    assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())
    assert scores(spec, ALL) == found
    assert scores(spec, ["snip"]) == {"snip": found["snip"]}
    other = scores(load(NET + "\ntrain seed(1)"), ALL)
    assert all(other[name] != found[name] for name in ALL)
    assert scores(load(NET + "\ntrain batch(16)"), ["naswot", "synflow"])["synflow"] == found["synflow"]
    assert scores(load(NET + " flip crop(4)"), ALL) == found  # images are not augmented


def test_a_spec_is_scored_at_its_initial_weights_on_its_first_images() -> None:
    """The score of a net and a batch made by hand, as training makes them."""
    from archdsl.data import load as load_data
    from archdsl.data.batches import shuffled
    from archdsl.emit.build import build
    from archdsl.seeds import stream
    from archdsl.train.init import initialise

    spec = load(NET + "\ntrain batch(64) smooth(0.1)")
    dataset: Any = spec.graph.data[0].value
    model = build(spec.trace)
    initialise(model, 0)
    train = load_data(dataset, None).train
    index = shuffled(len(train.labels), 64, stream(0, "order", 1))[0].numpy()
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (dataset.mean, dataset.std))
    images = (torch.from_numpy(train.images[index]) / 255 - mean) / std
    labels = torch.from_numpy(train.labels[index])

    def smooth(output: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(output, labels, label_smoothing=0.1)

    for name, value in scores(spec, ALL).items():
        assert proxy(name)(model, images, labels, smooth) == pytest.approx(value, rel=1e-3)


def test_fewer_training_images_than_a_batch() -> None:
    spec = load("flatten linear(64) relu linear(10)\ndata fashion-mini subset(20)\ntrain batch(8)")
    assert scores(spec, ["naswot"])["naswot"] is not None
    assert IMAGES > 20


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (NET, list(ALL)),
        ("data sonnets\ntask tokens\nnet embed(8) pos ln linear(classes, each)", ["grad_norm", "snip"]),
    ],
)
def test_tasks(text: str, known: list[str]) -> None:
    spec = load(text)
    assert defined(spec) == known
    assert list(scores(spec, known)) == known
    for name in set(ALL) - set(known):
        with pytest.raises(ArchError, match="not defined for networks with task `tokens` and ids") as error:
            scores(spec, [name])
        assert error.value.help == "defined are: grad_norm, snip"


def test_what_is_refused() -> None:
    with pytest.raises(ArchError, match="unknown proxy `synflw`") as error:
        proxy("synflw")
    assert error.value.help == "did you mean `synflow`?"
    with pytest.raises(ArchError):
        scores(load("conv(8) gap linear(10)", input=(1, 28, 28), classes=10), ["synflow"])  # it names no data


def test_every_proxy_has_a_paper() -> None:
    assert names("proxy") == list(ALL)
    assert all(e.paper and e.examples == (e.name,) for e in entries("proxy"))


def test_a_proxy_of_another_package() -> None:
    with no_word_stays():

        @proxy_word("units")
        @setting
        class Units(Proxy):
            """The number of images times the mean loss; nothing else is declared."""

            tasks: ClassVar[tuple[str, ...]] = ("classification",)

            def measure(
                self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
            ) -> float:
                return len(images) * float(loss(model(images), labels).detach())

        spec = load(NET)
        assert "units" in defined(spec)
        assert scores(spec, ["units"])["units"] == pytest.approx(64 * math.log(10), rel=0.2)

        @proxy_word("broken")
        @setting
        class Broken(Units):
            """Fails."""

            def measure(self, *given: Any) -> float:
                raise RuntimeError("no room")

        with pytest.raises(ArchError, match="the proxy `broken`") as error:
            scores(spec, ["broken"])
        assert error.value.message.endswith(": RuntimeError: no room")
        assert "units" not in defined(load("data sonnets\ntask tokens\nnet embed(8) pos ln linear(classes, each)"))


def test_one_image_is_correlated_with_no_other() -> None:
    assert proxy("jacob_cov")(linear(3, 4, 2), *batch(1, 3), cross_entropy) is None
