"""Every shipped spec as ONNX, through the whole gate: the quick ones always, the others among the slow tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.files import specs
from archdsl.train.init import initialise

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from archdsl.export.deploy import Form
from archdsl.export.onnx import export

pytestmark = pytest.mark.usefixtures("one_registry")

ROOT = specs()[0].parent
QUICK = {"lenet5.arch", "mlp.arch", "ode.arch"}
NAMES = sorted(str(path.relative_to(ROOT)) for path in specs())

# Depth amplifies rounding. With weights that let an image through, torch's own float32 is 6e-4 of the largest logit away from
# its float64 in plain56, which has no skips, and 1.1e-4 in ResNet-152: no file could be nearer. Their fresh weights let next to
# nothing through, so that agreement says little; plain20 and ResNet-101 are the same graphs, less deep.
RESTLESS = {"plain56.arch", "imagenet/resnet152.arch"}


def passes(name: str, lived: Any, folder: Path) -> None:
    spec = load(ROOT / name)
    model = build(spec.trace)
    initialise(model, 0)
    if name not in RESTLESS:
        lived(model, spec.input)
    report = export(model, folder / "x.onnx", Form(spec.input, spec.classes, task=spec.task, shape=spec.trace.out))
    assert list(report.agreement.differences) == [1, 2, 7]
    assert report.difference <= 1e-4
    assert report.agreement.spread > 1e-2 or name in RESTLESS  # what agrees depends on the image


def test_the_quick_ones_are_shipped() -> None:
    assert set(NAMES) >= QUICK | RESTLESS


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_quick_spec_passes_the_gate(name: str, lived: Any, tmp_path: Path) -> None:
    passes(name, lived, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in QUICK])
def test_a_large_spec_passes_the_gate(name: str, lived: Any, tmp_path: Path) -> None:
    passes(name, lived, tmp_path)
