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

from archdsl.emit.deploy import Form
from archdsl.emit.onnx import export
from archdsl.errors import ArchError

pytestmark = pytest.mark.usefixtures("one_registry")

ROOT = specs()[0].parent
QUICK = {"lenet5.arch", "mlp.arch", "ode.arch"}
NAMES = sorted(str(path.relative_to(ROOT)) for path in specs())

# Shipped specs that have no ONNX form, what is said of them, and the change that gives them one.
WITHOUT = {"ode.arch": ("dopri5 chooses its steps", "t=1)", "t=1, solver=rk4, steps=2)")}

# Fifty-six layers without skips amplify rounding: with weights that let an image through, torch's own float32 is 6e-4 of
# the largest logit away from its float64, and no file could be nearer. Its fresh weights let nothing through, so that
# agreement says little; `plain20.arch` is the same graph, less deep.
RESTLESS = {"plain56.arch"}


def passes(name: str, lived: Any, folder: Path) -> None:
    spec = load(ROOT / name)
    if name in WITHOUT:
        message, before, after = WITHOUT[name]
        with pytest.raises(ArchError, match=message):
            export(build(spec.trace), folder / "x.onnx", Form(spec.input, spec.classes))
        spec = load((ROOT / name).read_text("utf-8").replace(before, after))
    model = build(spec.trace)
    initialise(model, 0)
    if name not in RESTLESS:
        lived(model, spec.input)
    report = export(model, folder / "x.onnx", Form(spec.input, spec.classes))
    assert list(report.agreement.differences) == [1, 2, 7]
    assert report.difference <= 1e-4
    assert report.agreement.spread > 1e-2 or name in RESTLESS  # what agrees depends on the image


def test_the_quick_ones_are_shipped() -> None:
    assert set(NAMES) >= QUICK | WITHOUT.keys() | RESTLESS


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_quick_spec_passes_the_gate(name: str, lived: Any, tmp_path: Path) -> None:
    passes(name, lived, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in QUICK])
def test_a_large_spec_passes_the_gate(name: str, lived: Any, tmp_path: Path) -> None:
    passes(name, lived, tmp_path)
