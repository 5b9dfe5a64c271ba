"""Every word as ONNX: a net of each kind at once, each word by itself among the slow tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import Spec, load
from archdsl.emit.build import build
from archdsl.errors import ArchError
from archdsl.laws.law import NotTried
from archdsl.registry import Entry, entries, find
from tests.examples import input_of

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export.deploy import Form  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import OPSET, export  # noqa: E402
from archdsl.laws.files import an_onnx_file_answers_as_torch_does  # noqa: E402

# Words whose first example has no ONNX form, and why; a word that gains one must leave this list.
WITHOUT = {"ode": "dopri5 chooses its steps by the values that arrive"}

# Examples whose logits do not depend on the image: without attention the class token knows nothing of it, and torch's
# initial weights let nothing through fifty-four layers without normalisation. A word whose logits do must leave this list.
CONSTANT = {"cls", "take", "plain"}

TOGETHER = {
    "image": "conv(8, ws=standard) in conv(8, ws=scaled) ln prelu spatial(0.1) lrn(3) blurpool shuffle(2) l2norm "
    "cat(slice(0, 4) silu | slice(4) hardswish) se(4) resize(3x2) dropblock(0.1, 3) upsample gmp "
    "linear(10)",
    "tokens": "patch(8, 32) tokens cls pos add(id | ln attention(4) droppath(0.1)) ln take linear(10)",
    "attention": "patch(2, 24) add(id | ln attention(3, window=4, shift=2, relpos)) attention(2, grid=4, rotary, qknorm=ln) "
    "attention(2, reduce=2) tokens attention(4, kv=2, talk) xca(2) classattention(2) take linear(10)",
    "axes": "conv(8) mul(id | cat(reduce(mean) | reduce(max)) conv(1, 7) sigmoid) roll(-2, 3) affine grn sub(id | tanh) "
    "upsample(2, bilinear) resize(5, bilinear) tokens mul(id | linear(1)) grn affine res(transpose linear(25) transpose) "
    "cat(part(1, 2) | id, channels) scale(2, one) gap stack(id | tanh) transpose gap linear(10)",
    "spread": "conv(8, ws=norm) dwconv(3, ws=norm) add(gap | reduce(mean)) abs linear(8, each, ws=norm) sub(id | gap) relu "
    "tokens conv1(8, 3, ws=norm) conv1(8, 3, causal, ws=norm) add(id | gap) gap linear(10, ws=norm)",
    "nested": "conv(8) as a shared(conv(8) relu, 2) ode(conv(8) tanh conv(8), solver=rk4, steps=2) add(id | @a) "
    "dropconnect(conv(8), 0.3) gap linear(10)",
}

pytestmark = pytest.mark.usefixtures("one_registry")


def answers(path: Path, x: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"input": x.numpy()})[0]
    return found


@pytest.mark.parametrize("kind", TOGETHER)
def test_many_words_at_once(kind: str, made: Callable[..., tuple[Spec, nn.Module]], tmp_path: Path) -> None:
    spec, model = made(TOGETHER[kind])
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 10))
    assert report.agreement.spread > 1e-3  # what is compared depends on what arrives
    x = torch.randn(4, *spec.input)
    with torch.no_grad():
        wanted = model.eval()(x).numpy()
    np.testing.assert_allclose(answers(tmp_path / "x.onnx", x), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_the_page_lists_the_words_without_an_onnx_form(repo: Path) -> None:
    page = (repo / "docs" / "export.md").read_text("utf-8")
    section = page.split("## Words without an ONNX form", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    assert {row[1].strip(" `") for row in rows} == WITHOUT.keys()
    assert WITHOUT.keys() <= {entry.name for entry in entries("net")}


def test_vectors(made: Callable[..., tuple[Spec, nn.Module]], tmp_path: Path) -> None:
    spec, model = made("linear(8) bn relu linear(10)", (5,))
    assert export(model, tmp_path / "x.onnx", Form(spec.input, 10)).difference < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("entry", entries("net"), ids=lambda e: e.name)
def test_each_words_first_example(entry: Entry) -> None:
    """`archdsl words --check WORD` tries all examples."""
    untried = WITHOUT.get(entry.name) or ("answers of torch do not depend" if entry.name in CONSTANT else "")
    if not untried:
        an_onnx_file_answers_as_torch_does(entry.examples[0])
        return
    with pytest.raises(NotTried, match=untried):
        an_onnx_file_answers_as_torch_does(entry.examples[0])


@pytest.mark.parametrize("name", WITHOUT)
def test_a_word_without_an_onnx_form_leaves_no_file(
    name: str, shaken: Callable[[nn.Module], nn.Module], tmp_path: Path
) -> None:
    entry = find("net", name)
    assert entry is not None
    spec = load(entry.examples[0], input=input_of(entry.examples[0]), classes=10)
    with pytest.raises(ArchError, match=WITHOUT[name]):
        export(shaken(build(spec.trace)), tmp_path / "x.onnx", Form(spec.input, 10))
    assert not os.listdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("opset", range(18, OPSET + 4))
def test_each_opset(opset: int, made: Callable[..., tuple[Spec, nn.Module]], tmp_path: Path) -> None:
    spec, model = made("conv(8) bn relu gn(4) se(4) gap linear(10)")
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 10), opset=opset)
    assert report.opset == opset


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "vgg[8x2,16x2] +res +bn drop(0.3,late)",
        "conv(16) bn relu plain[16x3(s=1),32x3] +res gap linear(10)",
        "patch(4,16) ln convnext[16x1,32x1] gap ln linear(10)",
        "conv(8) bn relu ode(conv(8) bn relu conv(8), solver=rk4) gap linear(10)",
        TOGETHER["tokens"],
    ],
)
def test_a_hundred_random_inputs(
    text: str, shaken: Callable[[nn.Module], nn.Module], made: Callable[..., tuple[Spec, nn.Module]], tmp_path: Path
) -> None:
    spec, model = made(text, (3, 32, 32))
    export(model, tmp_path / "x.onnx", Form(spec.input, 10))
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    model.eval()
    for number in range(100):
        generator = torch.Generator().manual_seed(number)
        batch = 1 + number % 9
        x = torch.randn(batch, *spec.input, generator=generator) * 10 ** ((number % 5) - 2)
        with torch.no_grad():
            wanted = model(x).numpy()
        found = session.run(None, {"input": x.numpy()})[0]
        scale = np.abs(wanted).max()
        assert np.abs(found - wanted).max() <= 1e-4 * scale
        assert (wanted.max(1) - wanted[np.arange(batch), found.argmax(1)] <= 1e-5 * scale).all()
