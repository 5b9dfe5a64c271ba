"""Our own specs built, traced and lifted again: the same network comes out."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.canonical import canonical
from archdsl.errors import Source
from archdsl.importer.importing import spec_of
from tests.conftest import REPO

FAST = ("alexnet", "lenet5", "mlp", "vgg", "squeezenet")
SLOW = ("densenet", "inception", "mobilenet", "plain20", "preresnet20", "resnet18", "resnext", "shufflenet", "wrn16-2")


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)])
def test_our_own(name: str) -> None:
    spec = load(str(REPO / "specs" / f"{name}.arch"))
    again = load(Source(name, spec_of(build(spec.trace), spec.input, name).text))
    assert canonical(again.trace, again.classes) == canonical(spec.trace, spec.classes)


TEXTS = [
    "conv(8) bn relu (conv(8) bn relu)*3 +res gap linear(10)",
    "conv(8) gn(4) silu maxpool(3, s=2, p=1) cat(conv(4, 1) | conv(4, 1x3) elu | maxpool(3, s=1, p=1)) gap linear(10)",
    "conv(8, p=0) as a relu conv(8) as b add(@a | @b) leaky(0.2) cat(@b | id) upsample(2) gap linear(10)",
    "spacetodepth(2) conv(16, 1) depthtospace(2) zeropad(1, 0, 2, 0) trim(1) ln hardswish flatten linear(10)",
    "conv(8) in prelu padchannels(12) lrn(3) avgpool(2, ceil) softplus resize(3) flatten mlp[16] linear(10)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words(text: str) -> None:
    spec = load(text, input=(3, 16, 16), classes=10)
    again = load(Source("again", spec_of(build(spec.trace), spec.input, "text").text))
    assert canonical(again.trace, 10).splitlines()[-3:] == canonical(spec.trace, 10).splitlines()[-3:]
    assert again.cost.params == spec.cost.params
    assert again.cost.macs == spec.cost.macs
