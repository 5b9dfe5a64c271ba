"""Single layers of the form in which trained nets answer, against torch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from archdsl.accelerate.native import available
from archdsl.accelerate.native.answering import AnsweringConv, AnsweringNorm, AnsweringPool, answers, norms, pools
from archdsl.accelerate.packed import PackedConv, PackedLinear, known, packed, top_of
from archdsl.emit.layers import PixelLinear
from archdsl.errors import EnvError

LAST = torch.channels_last
GATES = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.LeakyReLU(0.2),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Hardswish(),
    nn.Sigmoid(),
    nn.Tanh(),
]
needs_kernels = pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")


def _image(*shape: int) -> Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=LAST)


@needs_onednn
@torch.no_grad()
@pytest.mark.parametrize("gate", [None, *GATES], ids=repr)
@pytest.mark.parametrize("layer", [nn.Conv2d(6, 8, 3, 2, 1), nn.Linear(9, 24), PixelLinear(6, 8)], ids=repr)
def test_a_layer_and_its_gate_by_onednn(layer: nn.Module, gate: nn.Module | None) -> None:
    x = _image(2, 6, 7, 9)
    form = packed(layer, gate)
    assert form is not None
    for given in (x, x[:1]):  # another batch than that of the packed weights
        expected = layer(given) if gate is None else gate(layer(given))
        torch.testing.assert_close(form(given), expected, rtol=1e-5, atol=1e-5)
    assert form.works  # nothing fell back
    broken = x.clone()
    broken[0, :, 0, 0] = math.nan
    assert form(broken).isnan().any()


@needs_onednn
@torch.no_grad()
def test_weights_are_packed_for_several_rows_though_the_first_batch_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    pack = torch.ops.mkldnn._reorder_linear_weight
    monkeypatch.setattr(
        torch.ops.mkldnn, "_reorder_linear_weight", lambda weight, n: rows.append(n) or pack(weight, n), raising=False
    )
    form = packed(nn.Linear(9, 24))
    assert form is not None
    for n in (1, 5):
        x = torch.randn(n, 9)
        torch.testing.assert_close(form(x), form.layer(x), rtol=1e-5, atol=1e-5)
    assert rows == [2]


def test_a_linear_layer_of_few_outputs_stays_torchs() -> None:
    """oneDNN's call costs more than all of its work; behind a gate it saves one."""
    assert packed(nn.Linear(512, 10)) is None
    assert packed(nn.Linear(512, 10), nn.GELU()) is not None
    assert packed(nn.Linear(512, 16)) is not None


@torch.no_grad()
@pytest.mark.parametrize("layer", [nn.Conv2d(6, 8, 3), nn.Linear(9, 8)], ids=repr)
def test_a_build_of_torch_that_lacks_the_operator(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    x = _image(2, 6, 7, 9)

    def missing(self: object, x: Tensor, *_: object) -> Tensor:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute")

    monkeypatch.setattr(PackedConv, "fused", missing)
    monkeypatch.setattr(PackedLinear, "fused", missing)
    form = packed(layer, nn.ReLU())
    assert form is not None
    assert torch.equal(form(x), layer(x).relu())
    assert not form.works


def test_what_onednn_gets() -> None:
    assert packed(nn.Conv2d(4, 4, 3, padding="same")) is None
    assert packed(nn.Conv2d(4, 4, 3, padding_mode="reflect")) is None
    assert packed(nn.Conv1d(4, 4, 3)) is None
    assert not known(nn.Softplus())
    assert all(map(known, GATES))
    assert [top_of(m) for m in (None, nn.ReLU(), nn.ReLU6(), nn.GELU())] == [-1.0, math.inf, 6.0, None]


@torch.no_grad()
def test_memory_that_does_not_suffice_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, x: Tensor, *_: object) -> Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(PackedConv, "fused", full)
    form = packed(nn.Conv2d(6, 8, 3))
    assert form is not None
    with pytest.raises(EnvError, match="memory"):
        form(_image(2, 6, 7, 9))


@needs_kernels
@torch.no_grad()
@pytest.mark.parametrize("top", [-1.0, math.inf, 6.0])
@pytest.mark.parametrize(
    ("channels", "outs"),
    [(8, 8), (16, 16), (24, 24), (48, 48), (12, 12), (24, 12), (7, 20), (50, 100), (33, 16), (16, 9)],
)
def test_a_convolution_and_its_gate(channels: int, outs: int, top: float) -> None:
    """Of any channels; with a skip and without one."""
    conv = nn.Conv2d(channels, outs, 3, padding=1).to(memory_format=LAST)  # type: ignore[call-overload]
    form = AnsweringConv(conv, top)
    assert answers(conv)
    for height, width in ((16, 16), (7, 9), (4, 5)):
        x, skip = 20 * _image(2, channels, height, width), _image(2, outs, height, width)
        assert form._fits(x)
        for more in (None, skip):
            expected = conv(x) if more is None else conv(x) + more
            expected = expected if top < 0 else expected.clamp(0, top)
            torch.testing.assert_close(form(x, more), expected, rtol=1e-4, atol=1e-3)
    x[0, 0, 1, 1] = math.nan
    assert torch.equal(
        form(x).isnan().any(dim=1)[0, :3, :3], torch.ones(3, 3, dtype=torch.bool)
    )  # through the gate, too


@needs_kernels
@torch.no_grad()
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("channels", [3, 16, 70])
def test_a_batch_norm_and_its_gate(channels: int, affine: bool) -> None:
    norm = nn.BatchNorm2d(channels, affine=affine).eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    if affine:
        norm.weight.normal_()
        norm.bias.normal_()
    assert norms(norm)
    form, x = AnsweringNorm(norm), _image(2, channels, 5, 7)
    assert form._fits(x)
    torch.testing.assert_close(form(x), norm(x).relu(), rtol=1e-5, atol=1e-5)
    turned = x.contiguous()
    torch.testing.assert_close(form(turned), norm(turned).relu(), rtol=1e-5, atol=1e-5)
    x[0, 0, 0, 0] = math.nan
    assert form(x)[0, 0, 0, 0].isnan()


@needs_kernels
@torch.no_grad()
def test_channels_that_fill_no_vectors_touch_nothing_beside_them() -> None:
    """What is read and written stands at the very ends of its memory."""
    conv, (n, c, h, w), k = nn.Conv2d(7, 9, 3, padding=1), (2, 7, 5, 6), 9
    form = AnsweringConv(conv)
    room = torch.full((n * c * h * w + 64,), math.nan)
    x = room[: n * c * h * w].view(n, h, w, c).permute(0, 3, 1, 2)
    x.copy_(_image(n, c, h, w))
    assert form._fits(x)
    found = form(x)
    torch.testing.assert_close(found, conv(x), rtol=1e-4, atol=1e-4)
    assert found.shape == (n, k, h, w)
    assert room[n * c * h * w :].isnan().all()


def test_other_convolutions_are_left_to_torch() -> None:
    assert not answers(nn.Conv2d(3, 64, 3))  # 3 of 8 or 16 lanes
    assert not answers(nn.Conv2d(16, 16, 5))
    assert not answers(nn.Conv2d(16, 16, 3, stride=2))
    assert not answers(None)


def test_other_batch_norms_are_left_to_torch() -> None:
    assert not norms(nn.BatchNorm2d(4))  # in training mode
    assert not norms(nn.BatchNorm2d(4, track_running_stats=False).eval())
    assert not norms(nn.BatchNorm1d(4).eval())


@needs_kernels
@torch.no_grad()
@pytest.mark.parametrize("channels", [3, 16, 19, 40])
@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 1, 1),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d((3, 3), (2, 2)),
        nn.MaxPool2d(5, 3, 2),
    ],
    ids=repr,
)
def test_a_pooling(pool: nn.MaxPool2d, channels: int) -> None:
    assert pools(pool)
    form = AnsweringPool(pool)
    for height, width in ((16, 16), (7, 9), (5, 6)):
        x = _image(2, channels, height, width)
        assert form._fits(x) == (channels >= 16)
        assert torch.equal(form(x), pool(x))
    x[0, 0, 1, 1], x[1, 1] = math.nan, -math.inf
    assert torch.equal(form(x).nan_to_num(99), pool(x).nan_to_num(99))
    turned = x.contiguous()  # in the other layout it is torch that pools
    assert torch.equal(form(turned).nan_to_num(99), pool(turned).nan_to_num(99))


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d((2, 3)),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(2),
        None,
    ],
    ids=repr,
)
def test_other_poolings_are_left_to_torch(pool: nn.Module | None) -> None:
    assert not pools(pool)
