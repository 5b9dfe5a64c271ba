"""Linear layers and 1×1 convolutions in the form in which trained nets answer, with what is around them: one call each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archdsl.accelerate.native import dense
from archdsl.accelerate.native.dense import AnsweringDense, AnsweringDepthwise, AnsweringPair
from archdsl.emit.layers import LayerNorm2d, LayerScale, PixelLinear
from tests.emit.kernels import SIXTEEN, narrow, narrower, needs, needs_x86, random_images

pytestmark = pytest.mark.usefixtures("threads")
Form = AnsweringDense | AnsweringDepthwise

GATES: list[Callable[[], nn.Module | None]] = [
    lambda: None, nn.ReLU, nn.ReLU6, nn.GELU, lambda: nn.GELU("tanh"), nn.SiLU,
]  # fmt: skip
# rows, inputs, outputs
ROWS = [
    (1, 3, 16),
    (2, 16, 17),
    (5, 40, 32),
    (16, 600, 70),
    (97, 33, 48),
    (250, 512, 33),
    (700, 8, 100),
    (30, 1500, 16),
]
# images, channels, outputs, height, width, stride
IMAGES = [
    (1, 16, 24, 5, 7, 1),
    (3, 48, 16, 8, 8, 2),
    (2, 32, 40, 9, 6, 2),
    (5, 16, 17, 1, 1, 1),
    (2, 16, 16, 2, 33, 2),
    (1, 544, 32, 3, 1, 1),
    (1, 16, 16, 1, 200, 1),  # a row in several parts
    (40, 32, 16, 4, 4, 1),  # several images at a time
]


def _filled(module: nn.Module) -> nn.Module:
    """With other numbers than those with which scales and shifts begin."""
    for p in module.parameters():
        if p.dim() < 2:
            nn.init.normal_(p, 0.3, 0.5)
    return module.eval()


def _rows(ins: int, outs: int, gate: nn.Module | None, normed: bool = True, scaled: bool = True) -> AnsweringDense:
    torch.manual_seed(0)
    norm, scale = nn.LayerNorm(ins, eps=1e-6) if normed else None, LayerScale((outs,)) if scaled else None
    made = _filled(AnsweringDense(nn.Linear(ins, outs), norm, scale, gate))
    assert isinstance(made, AnsweringDense)
    return made


def _same(form: Form, x: Tensor, skip: Tensor | None) -> None:
    """As the layers in double precision; neither the threads nor the other rows change a bit."""
    expected = form.double()._by_torch(x.double(), None if skip is None else skip.double())
    form.float()
    found = form(x, skip)
    assert form._held is not None, "the kernel did it"
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    for count in (1, 3):
        torch.set_num_threads(count)
        assert torch.equal(form(x, skip), found)
    assert torch.equal(form(x[-1:], None if skip is None else skip[-1:]), found[-1:])


@needs
@torch.no_grad()
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("shape", ROWS, ids=str)
def test_rows_are_as_the_layers_make_them(shape: tuple[int, int, int], gate: Callable[[], nn.Module | None]) -> None:
    many, ins, outs = shape
    x = 3 * torch.randn(many, ins) + 1
    for normed, skip in itertools.product((True, False), (None, torch.randn(many, outs))):
        _same(_rows(ins, outs, gate(), normed, scaled=normed), x, skip)


@needs
@torch.no_grad()
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_depthwise_blocks_are_as_the_layers_make_them(
    shape: tuple[int, ...], gate: Callable[[], nn.Module | None]
) -> None:
    n, c, k, h, w, stride = shape
    x, skip = random_images(n, c, h, w), random_images(n, k, (h - 1) // stride + 1, (w - 1) // stride + 1)
    for between, more in itertools.product((None, nn.ReLU(), nn.ReLU6()), (None, skip)):
        torch.manual_seed(0)
        convolution = nn.Conv2d(c, c, 3, stride, 1, groups=c, bias=between is None)
        _same(AnsweringDepthwise(convolution, between, nn.Conv2d(c, k, 1), None, gate()), x, more)


@needs
@torch.no_grad()
@pytest.mark.parametrize(
    "layer", [PixelLinear(24, 40), nn.Conv2d(24, 40, 1), nn.Conv2d(24, 40, 1, bias=False)], ids=str
)
def test_pixels_are_rows(layer: PixelLinear | nn.Conv2d) -> None:
    form = _filled(AnsweringDense(layer, LayerNorm2d(24), LayerScale((40, 1, 1)), nn.ReLU()))
    assert isinstance(form, AnsweringDense)
    _same(form, random_images(3, 24, 6, 5), random_images(3, 40, 6, 5))


@needs
@torch.no_grad()
@pytest.mark.parametrize("affine", [True, False])
def test_a_norm_without_scale_and_one_scale_for_all_outputs(affine: bool) -> None:
    norm = nn.LayerNorm(24, elementwise_affine=affine)
    form = _filled(AnsweringDense(nn.Linear(24, 40, bias=affine), norm, LayerScale(()), None))
    assert isinstance(form, AnsweringDense)
    _same(form, torch.randn(3, 7, 24), None)


@needs
@torch.no_grad()
def test_large_and_small_values_go_through_every_gate() -> None:
    """Also those whose exponential overflows."""
    x = torch.cat([torch.linspace(-120, 120, 4001), torch.tensor([0.0, -0.0, 1e-20, -1e-20, 1e38, -1e38])]).view(-1, 1)
    for gate in GATES:
        form = AnsweringDense(nn.Linear(1, SIXTEEN), None, None, gate())
        form.layer.weight.fill_(1)
        form.layer.bias.zero_()  # type: ignore[union-attr]
        expected = form._by_torch(x, None)
        torch.testing.assert_close(form(x), expected, rtol=2e-6, atol=1e-6)


@needs
@torch.no_grad()
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_nan_comes_through(bad: float) -> None:
    """An infinity is one, or a NaN, in the rows in which it is one."""
    for gate, normed in itertools.product(GATES, (True, False)):
        form, x = _rows(40, 20, gate(), normed), torch.randn(30, 40)
        x[4, 7] = bad
        found, expected = form(x), form._by_torch(x, None)
        others = torch.arange(30) != 4
        torch.testing.assert_close(found[others], expected[others], rtol=1e-4, atol=1e-5)
        assert torch.equal(found[4].isfinite(), expected[4].isfinite())
        if math.isnan(bad):
            assert found[4].isnan().all()
    convolution = nn.Conv2d(SIXTEEN, SIXTEEN, 3, padding=1, groups=SIXTEEN)
    block, images = (
        AnsweringDepthwise(convolution, nn.ReLU(), nn.Conv2d(SIXTEEN, 20, 1)),
        random_images(2, SIXTEEN, 6, 6),
    )
    images[0, 1, 2, 2] = bad
    assert torch.equal(block(images).isnan(), block._by_torch(images, None).isnan())


@needs
@torch.no_grad()
def test_what_the_kernels_do_not_take_is_done_by_torch() -> None:
    form, x = _rows(24, 40, nn.GELU()), torch.randn(6, 24)
    one = torch.randn(40)  # a skip for all rows
    torch.testing.assert_close(form(x, one), form._by_torch(x, one))
    assert form(x[:0]).shape == (0, 40)
    assert form._held is None
    for wrong in (
        AnsweringDense(nn.Linear(25, 40)),
        AnsweringPair(AnsweringDense(nn.Linear(25, 40)), _rows(40, 20, None)),
    ):
        with pytest.raises(RuntimeError, match="24"):
            wrong(torch.randn(60, 24))
    turned = torch.randn(24, 6).t()
    torch.testing.assert_close(form(turned), form._by_torch(turned, None), rtol=1e-5, atol=1e-5)
    assert form._held is not None
    pixels = AnsweringDense(nn.Conv2d(24, 40, 1))
    images = torch.randn(2, 24, 5, 5)
    assert torch.equal(pixels(images), pixels._by_torch(images, None))
    assert pixels._held is None
    block = AnsweringDepthwise(nn.Conv2d(16, 16, 3, padding=1, groups=16), None, nn.Conv2d(16, 20, 1))
    images = torch.randn(2, 16, 5, 5)
    assert torch.equal(block(images), block._by_torch(images, None))
    assert block._held is None


@needs
@needs_x86
@torch.no_grad()
@narrower
def test_narrower_vectors_compute_the_same(less: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, dense, "dense", tmp_path, less)
    for (rows, ins, outs), gate in itertools.product(ROWS, GATES):
        _same(_rows(ins, outs, gate()), 3 * torch.randn(rows, ins), torch.randn(rows, outs))
        if rows > 100:
            pair = AnsweringPair(_rows(ins, outs, gate(), scaled=False), _rows(outs, 8, None, normed=False))
            x = torch.randn(rows, ins)
            assert torch.equal(pair(x), pair.second(pair.first(x)))
    for n, c, k, h, w, stride in IMAGES:
        convolution = nn.Conv2d(c, c, 3, stride, 1, groups=c)
        _same(AnsweringDepthwise(convolution, nn.ReLU(), nn.Conv2d(c, k, 1)), random_images(n, c, h, w), None)


@needs
@torch.no_grad()
@pytest.mark.parametrize("gates", [(nn.GELU(), None), (nn.ReLU(), nn.SiLU()), (None, nn.ReLU6())], ids=str)
@pytest.mark.parametrize(("rows", "ins", "hidden", "outs"), [(3, 20, 30, 40), (97, 33, 100, 17), (60, 900, 800, 8)])
def test_two_layers_are_one_after_the_other(
    rows: int, ins: int, hidden: int, outs: int, gates: tuple[nn.Module | None, nn.Module | None]
) -> None:
    """To the bit, with a skip and without one; neither the threads nor the other rows change a bit."""
    first, second = _rows(ins, hidden, gates[0], scaled=False), _rows(hidden, outs, gates[1], normed=False)
    pair, x = AnsweringPair(first, second), 3 * torch.randn(rows, ins)
    for count, skip in itertools.product((1, 3), (None, torch.randn(rows, outs))):
        torch.set_num_threads(count)
        found = pair(x, skip)
        assert torch.equal(found, second(first(x), skip))
        assert torch.equal(pair(x[-40:], None if skip is None else skip[-40:]), found[-40:])
    torch.testing.assert_close(
        pair(x, torch.ones(outs)), second._by_torch(first(x), torch.ones(outs)), rtol=1e-4, atol=1e-4
    )


@needs
@torch.no_grad()
def test_two_layers_of_pixels() -> None:
    first = AnsweringDense(PixelLinear(24, 60), LayerNorm2d(24), None, nn.GELU())
    second = AnsweringDense(PixelLinear(60, 24), None, LayerScale((24, 1, 1)))
    pair, x = _filled(AnsweringPair(first, second)), random_images(5, 24, 6, 5)
    assert torch.equal(pair(x, x), second(first(x), x))
    images = torch.randn(5, 24, 6, 5)  # with the channels outermost
    torch.testing.assert_close(
        pair(images, images), second._by_torch(first._by_torch(images, None), images), rtol=1e-4, atol=1e-4
    )
