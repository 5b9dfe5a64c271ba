"""The kernels in vectors that are narrower than this processor's, as others have them."""

from __future__ import annotations

import platform
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.accelerate.native import answering, available, conv, norm
from archdsl.accelerate.native.conv import FastConv, takes
from archdsl.accelerate.native.norm import FusedNorm
from tests.train.libraries import compiled
from tests.train.test_native import norms
from tests.train.test_native_conv import both, check, exact, layer

LAST = torch.channels_last
needs = pytest.mark.skipif(
    not available("bf16") or platform.machine() not in ("x86_64", "AMD64"),
    reason="needs Linux and a C compiler; the flags are those of x86",
)


@needs
@pytest.mark.parametrize("less", ["-mno-avx512f", pytest.param("-mno-avx", marks=pytest.mark.slow)])
def test_narrower_vectors_compute_the_same(less: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    made = partial(compiled, compiler, tmp_path)
    narrow, half, lanes = made("conv", less), made("conv", less, "-DBF16"), made("batch", less).lanes()
    assert lanes == {"-mno-avx512f": 8, "-mno-avx": 4}[less] or "avx" not in Path("/proc/cpuinfo").read_text()
    for name in ("kernels", "loaded"):
        monkeypatch.setattr(conv, name, lambda part, kind, _=False: narrow if kind is torch.float32 else half)
    monkeypatch.setattr(conv, "narrow", conv.narrow.__wrapped__)
    monkeypatch.setattr(conv, "lanes", lambda: lanes)
    for n, ins, outs, h, w, pad in ((3, 16, 24, 9, 8, 1), (2, 8, 8, 5, 6, 0), (1, 160, 168, 4, 4, 1)):
        mine = layer(ins, outs, pad)
        assert takes(mine)
        x = torch.randn(n, ins, h, w).to(memory_format=LAST)
        check(both(FastConv(mine), exact(mine), x))
        with torch.autocast("cpu", torch.bfloat16):
            y = FastConv(mine)(x.bfloat16())
        right = functional.conv2d(x.bfloat16().double(), mine.weight.double(), mine.bias.double(), padding=pad)
        torch.testing.assert_close(y.double(), right, rtol=2**-8 * 1.001, atol=1e-4)


@needs
@torch.no_grad()
@pytest.mark.parametrize("less", ["-mno-avx512f", "-mno-avx512bw", pytest.param("-mno-avx", marks=pytest.mark.slow)])
def test_channels_that_fill_no_vectors_by_narrower_ones(
    less: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    partial_one = compiled(compiler, tmp_path, "partial", less, "-DPARTIAL")
    lanes = compiled(compiler, tmp_path, "batch", less).lanes()
    for room in (answering, conv):
        monkeypatch.setattr(room, "loaded", lambda part, kind, _: partial_one)
        monkeypatch.setattr(room, "library", lambda *channels: ("partial", torch.float32, False))
        monkeypatch.setattr(room, "lanes", lambda: lanes)
    for n, ins, outs, h, w in ((3, 12, 9, 9, 8), (2, 7, 20, 5, 6), (1, 33, 50, 4, 4)):
        mine = nn.Conv2d(ins, outs, 3, padding=1)
        x, skip = (torch.randn(n, c, h, w).to(memory_format=LAST) for c in (ins, outs))
        found = answering.AnsweringConv(mine, 6.0)(x, skip)
        torch.testing.assert_close(found, (mine(x) + skip).clamp(0, 6), rtol=1e-4, atol=1e-4)


@needs
@pytest.mark.parametrize("less", ["-mavx512f", "-mno-avx512vl", "-mno-avx512bf16"])
@pytest.mark.parametrize("kind", ["-DFP32", "-DBF16"])
def test_narrow_vectors_are_half_as_wide_on_every_processor(less: str, kind: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    for flag, lanes in (("-DNARROW", 8), ("-DWIDE", 16)):
        flags = ("-O0", "-mavx512f", less, kind, flag)
        assert compiled(compiler, tmp_path, "batch", *flags).lanes() == lanes
        assert compiled(compiler, tmp_path, "conv", *flags).winograd_workspace(1, lanes, lanes, 1) > 0


@needs
@pytest.mark.parametrize("less", ["-mno-avx512f", pytest.param("-mno-avx", marks=pytest.mark.slow)])
def test_narrower_vectors_normalise_the_same(less: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    found = {}
    for kind, flags in ((torch.float32, ()), (torch.bfloat16, ("-DBF16",))):
        found[kind] = compiled(compiler, tmp_path, "norm", less, *flags)
    for channels, pool in ((3, False), (12, True), (20, True), (40, False), (130, True)):
        for kind in found:
            x = torch.randn(3, channels, 6, 10).to(kind).to(memory_format=LAST)
            wide = backward(channels, x, pool)
            with monkeypatch.context() as patch:
                patch.setattr(norm, "loaded", lambda part, kind: found[kind])
                for mine, right in zip(backward(channels, x, pool), wide, strict=True):
                    torch.testing.assert_close(mine.float(), right.float(), rtol=2**-7, atol=1e-4)


def backward(channels: int, x: Tensor, pool: bool) -> tuple[Tensor, ...]:
    """The output, and the gradients of the images, the skip and the weights."""
    torch.manual_seed(channels)
    layer, a, skip = norms(channels)[0], x.clone().requires_grad_(), torch.randn_like(x).requires_grad_()
    y = FusedNorm(layer, True, nn.MaxPool2d(2) if pool else None)(a, skip)
    y.backward(torch.randn_like(y))
    assert a.grad is not None
    assert skip.grad is not None
    assert layer.weight.grad is not None
    return y.detach(), a.grad, skip.grad, layer.weight.grad
