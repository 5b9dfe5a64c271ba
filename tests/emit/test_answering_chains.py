"""Where chains of layers are found that one kernel knows, in nets as they are built."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.inference import Answering, answering
from archdsl.accelerate.native.dense import AnsweringDense, AnsweringDepthwise, AnsweringPair
from tests.emit.kernels import needs, needs_wide
from tests.emit.test_answering import _net
from tests.emit.test_answering_dense import _filled


@needs
@needs_wide
@pytest.mark.parametrize(
    ("text", "rows", "pairs", "blocks"),
    [
        ("mobilenet[16, 32x2, 64x2] gap", 2, 0, 4),  # the first convolution is of three channels
        ("conv(16) bn relu6 mobilenetv2[16(t=1), 16x2, 32x2] gap", 1, 0, 1),
        ("patch(2, 32) ln convnext[32x2,64x2] gap ln", 9, 4, 0),
        ("patch(4, 32) tokens cls pos vit[32x2](heads=2) ln take", 5, 2, 0),
        ("flatten linear(64) relu linear(32) gelu linear(20) sigmoid", 4, 1, 0),
        ("conv(16) relu conv(32, k=1) silu conv(16, k=1) add(conv(16, k=1) relu | id) relu gap", 4, 1, 0),
        ("conv(16) relu conv(32, k=1) add(id | conv(16) relu conv(32, k=1)) conv(16, k=1) gap", 4, 0, 0),
        ("conv(16) relu conv(2000, k=1) gelu conv(16, k=1) gap", 3, 0, 0),
        ("conv(16) relu conv(32, k=1, s=2) conv(8, k=1) conv(32, k=1, groups=8) gap", 0, 0, 0),
        ("conv(16) relu dwconv relu conv(16, k=1) as x add(@x | conv(8, k=1) conv(16, k=1)) gap", 3, 1, 1),
        (
            "conv(16) relu dwconv as x relu conv(16, k=1) add(id | @x) gap",
            2,
            0,
            0,
        ),  # something else reads what is between
        ("conv(16) relu dwconv(k=5) relu conv(16, k=1) gap", 2, 0, 0),
        ("conv(16) relu dwconv sigmoid conv(16, k=1) gap", 2, 0, 0),
        ("conv(16) ln conv(16, k=1) gelu gap", 2, 0, 0),
        ("conv(16) ln as x conv(16, k=1) add(id | @x) gap", 2, 0, 0),
        ("conv(16) relu conv(16, k=1) ln conv(16, k=1) gap", 3, 0, 0),  # a norm between two layers
    ],
)
def test_layers_are_found(text: str, rows: int, pairs: int, blocks: int) -> None:
    """Those of a net of which none fills a vector are not."""
    model = _net(f"{text} linear(10)")
    _filled(model)
    quick = answering(model, True)
    assert isinstance(quick, Answering)
    kinds = (AnsweringDense, AnsweringPair, AnsweringDepthwise)
    assert [sum(isinstance(m, kind) for m in quick.net.modules()) for kind in kinds] == [rows, pairs, blocks]
    x = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(quick(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert all(m._held is not None for m in quick.net.modules() if isinstance(m, AnsweringDense | AnsweringDepthwise))


@needs
def test_a_skip_comes_from_anywhere_before() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.relu = nn.Linear(32, 32), nn.Linear(32, 32), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            """A sum with a value that is computed late."""
            y = self.one(x)
            late: Tensor = self.two(x)
            out: Tensor = self.relu(late + y)
            return out

    model = fx.symbolic_trace(Net().eval())
    quick, x = answering(model, True), torch.randn(2, 3, 8, 32)
    assert isinstance(quick, Answering)
    assert sum(isinstance(m, AnsweringDense) for m in quick.net.modules()) == 2
    with torch.no_grad():
        torch.testing.assert_close(quick(x), model(x), rtol=1e-4, atol=1e-4)
