"""Blocks around a depthwise convolution, in the form in which trained nets answer: one call each."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.inference import Answering, answering
from archdsl.accelerate.native import separable
from archdsl.accelerate.native.separable import AnsweringSeparable
from tests.emit.kernels import narrow, narrower, needs, needs_wide, needs_x86, random_images
from tests.emit.test_answering import _net

pytestmark = pytest.mark.usefixtures("threads")
# images, channels of the block's ends and between them, height, width, stride
SHAPES = [
    (1, 3, 16, 8, 5, 7, 1),
    (3, 24, 48, 24, 8, 8, 1),
    (2, 16, 96, 40, 9, 6, 2),
    (5, 8, 32, 1, 1, 1, 1),
    (2, 8, 48, 17, 2, 33, 2),
    (1, 4, 16, 16, 3, 1, 2),
    (2, 16, 32, 24, 120, 100, 1),  # an image in several parts
    (40, 16, 32, 16, 4, 4, 1),  # several images at a time
]
GATES = [(nn.ReLU6(), nn.ReLU(), None), (None, None, nn.ReLU6()), (nn.ReLU(), None, nn.ReLU())]


def _block(ins: int, wide: int, outs: int, stride: int, gates: tuple[nn.Module | None, ...]) -> AnsweringSeparable:
    torch.manual_seed(0)
    middle = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide)
    return AnsweringSeparable(nn.Conv2d(ins, wide, 1), middle, nn.Conv2d(wide, outs, 1), gates)


@needs
@torch.no_grad()
@pytest.mark.parametrize("gates", GATES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_block_is_its_layers(shape: tuple[int, ...], gates: tuple[nn.Module | None, ...]) -> None:
    """With a skip and without one; neither the threads nor the other images change a bit."""
    n, ins, wide, outs, h, w, stride = shape
    block = _block(ins, wide, outs, stride, gates)
    x = random_images(n, ins, h, w)
    skip = random_images(n, outs, (h - 1) // stride + 1, (w - 1) // stride + 1)
    for more in (None, skip):
        expected = block.double()._by_torch(x.double(), None if more is None else more.double())
        block.float()
        found = block(x, more)
        assert block._held is not None, "the kernel did it"
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
        for count in (1, 3):
            torch.set_num_threads(count)
            assert torch.equal(block(x, more), found)
        assert torch.equal(block(x[-1:], None if more is None else more[-1:]), found[-1:])


@needs
@torch.no_grad()
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_nan_comes_through_the_gates_and_an_infinity_is_cut_off(bad: float) -> None:
    for gates in GATES:
        block = _block(8, 32, 8, 1, gates)
        x = random_images(2, 8, 6, 6)
        x[0, 1, 2, 2] = bad
        found, expected = block(x), block._by_torch(x, None)
        assert block._held is not None
        assert torch.equal(found.isnan(), expected.isnan())
        finite = expected.isfinite()
        torch.testing.assert_close(found[finite], expected[finite], rtol=1e-5, atol=1e-4)


@needs
@torch.no_grad()
def test_a_block_that_was_made_in_double_precision() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        block = _block(8, 32, 8, 1, (nn.ReLU6(), nn.ReLU6(), None)).float()
    finally:
        torch.set_default_dtype(torch.float32)
    x = 20 * random_images(2, 8, 6, 6)  # beyond 6
    torch.testing.assert_close(block(x), block._by_torch(x, None), rtol=1e-5, atol=1e-4)
    assert block._held is not None


@needs
@torch.no_grad()
def test_what_the_kernel_does_not_take_is_done_by_torch() -> None:
    block = _block(8, 32, 8, 1, GATES[0])
    x = random_images(2, 8, 6, 6)
    one = random_images(1, 8, 6, 6)  # a skip for all images
    torch.testing.assert_close(block(x, one), block._by_torch(x, one), rtol=1e-5, atol=1e-4)
    assert torch.equal(block(x.contiguous()), block._by_torch(x.contiguous(), None))


@needs
@needs_x86
@torch.no_grad()
@narrower
def test_narrower_vectors_compute_the_same(less: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, separable, "separable", tmp_path, less)
    for n, ins, wide, outs, h, w, stride in SHAPES:
        block = _block(ins, wide, outs, stride, GATES[0])
        x = random_images(n, ins, h, w)
        torch.testing.assert_close(block(x), block._by_torch(x, None), rtol=1e-4, atol=1e-4)
        assert block._held is not None


def _blocks(model: nn.Module) -> int:
    assert isinstance(model, Answering)
    return sum(isinstance(m, AnsweringSeparable) for m in model.net.modules())


@needs
@needs_wide
@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("mobilenet[16, 32x2, 64x2]", 0),
        ("conv(16) bn relu6 mobilenetv2[16(t=1), 16x2, 32x2]", 4),
        ("conv(80, k=1) relu dwconv relu conv(8, k=1)", 1),
        ("conv(80, k=1) dwconv conv(80, k=1) relu dwconv conv(8, k=1)", 0),  # neither widens and narrows
        ("conv(24, k=1) relu dwconv conv(16, k=1)", 0),  # 24 channels fill no vectors of 16
        ("conv(16, k=1) relu dwconv relu conv(8, k=1) as x add(@x | conv(8)) conv(8, k=1)", 1),
        ("conv(16, k=1) relu dwconv as x relu conv(16, k=1) add(id | @x)", 0),  # something else reads what is between
        ("conv(16, k=1) relu dwconv(k=5) relu conv(8, k=1)", 0),
        ("conv(16, k=1) relu dwconv sigmoid conv(8, k=1)", 0),
        ("conv(16, k=1) relu dwconv relu conv(8, k=1, s=2)", 0),
        ("conv(16, k=1) relu conv(16, groups=4) relu conv(8, k=1)", 0),
        ("conv(16, k=1) relu dwconv relu conv(8)", 0),
    ],
)
def test_blocks_are_found(text: str, blocks: int) -> None:
    model = _net(f"{text} gap linear(10)")
    quick = answering(model, True)
    assert _blocks(quick) == blocks
    x = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(quick(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert isinstance(quick, Answering)
    assert all(m._held is not None for m in quick.net.modules() if isinstance(m, AnsweringSeparable))


@needs
def test_a_skip_comes_from_anywhere_before() -> None:
    """A value of the graph that stands before the sum, and behind the block's first layer."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.two, self.other = nn.Conv2d(16, 32, 1), nn.Conv2d(32, 16, 1), nn.Conv2d(16, 16, 1)
            self.one, self.relu = nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            """A sum with a value that is computed late."""
            y = self.two(self.relu(self.one(self.up(x))))
            late: Tensor = self.other(x)
            out: Tensor = self.relu(late + y)
            return out

    model = fx.symbolic_trace(Net().eval())
    quick, x = answering(model, True), torch.randn(2, 16, 8, 8)
    assert _blocks(quick) == 1
    torch.testing.assert_close(quick(x), model(x), rtol=1e-4, atol=1e-4)
