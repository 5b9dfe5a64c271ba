"""Every spec of the repository, and the sentences of the language's contract: laid out, counted, built and run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.api import Spec, load
from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs, zero_inputs
from archdsl.errors import SpecError
from archdsl.expand import Completed, complete
from archdsl.expand import expand as expand_file
from archdsl.ir.cost import cost
from archdsl.registry.shapes import batch_of
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse

ROOT = Path(__file__).resolve().parents[2]
ALL = sorted(p for p in (ROOT / "specs").rglob("*.arch") if p.parent.name != "spaces")
SMALL = sorted((ROOT / "specs").glob("*.arch"))
NAMES = {
    "airbench94",
    "alexnet",
    "convnext",
    "densenet",
    "efficientnet",
    "gpt",
    "gru",
    "inception",
    "lenet5",
    "mlp",
    "mobilenet",
    "ode",
    "plain20",
    "plain56",
    "preresnet20",
    "resnet110",
    "resnet18",
    "resnet20",
    "resnet56",
    "resnext",
    "shufflenet",
    "squeezenet",
    "unet",
    "vgg",
    "vgg-res",
    "vit",
    "wrn16-2",
}
PUBLISHED = {  # on 3x32x32: the parameters that the papers or their authors' code have
    "densenet": 176_122,
    "resnet18": 11_173_962,
    "resnet20": 272_474,
    "resnet56": 855_770,
    "resnet110": 1_730_714,
}


def named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[str(p.relative_to(ROOT / "specs")) for p in paths])


def test_the_list_is_whole() -> None:
    assert {p.stem for p in SMALL} >= NAMES


@named(ALL)
def test_layout(path: Path) -> None:
    text = path.read_text("utf-8")
    assert format(text) == text
    assert text.startswith("# ")


@named(ALL)
def test_counts_as_it_says(path: Path) -> None:
    spec = load(path)
    assert f"# {spec.cost.params:,} parameters" in spec.text
    warned = {n.code for n in spec.notes if n.severity == "warning"}
    # torchvision's VGG has those biases, airbench's poolings drop those rows
    assert warned <= ({"A502"} if path.stem.endswith("_bn") else {"A504"} if path.stem == "airbench94" else set())
    assert built(spec) == spec.cost.params


@named(ALL)
def test_hash_is_of_the_meaning(path: Path) -> None:
    """Neither comments nor the way of writing are in the hash; the canonical text says the same."""
    spec = load(path)
    assert load(spec.canonical).hash == spec.hash == load(path).hash
    assert load("# another\n\n" + spec.text).hash == spec.hash


@named(SMALL)
def test_takes_a_training_step(path: Path) -> None:
    step(load(path))


@named([p for p in SMALL if load(p).task.simple])  # the others are not of one class an image
def test_takes_other_data(path: Path) -> None:
    """Nothing in a spec is bound to 28 pixels, one channel or ten classes."""
    spec = load(path, data="cifar100")
    assert (spec.input, spec.classes) == ((3, 32, 32), 100)
    assert built(spec) == spec.cost.params
    if path.stem in PUBLISHED:
        assert load(path, data="cifar10").cost.params == PUBLISHED[path.stem]


def built(spec: Spec) -> int:
    """The parameters of the network as torch has them; its result has the right shape. No numbers are needed, except
    where a solver looks at them."""
    adaptive = any("adaptive" in r.op.entry.traits for r in spec.trace.rows)
    with torch.device("cpu" if adaptive else "meta"):
        model = build(spec.trace)
        shape = spec.task.output(spec.input, spec.classes)
        assert tuple(model(zero_inputs(batch_of(spec.input, 2))).shape[1:]) == shape
    return sum(p.numel() for p in model.parameters())


def step(spec: Spec | Completed) -> None:
    """A forward and a backward pass on two images, which reach every weight."""
    torch.manual_seed(0)
    model = build(spec.trace)
    logits = model(random_inputs(batch_of(spec.input, 2)))
    rows = spec.task.rows(logits)
    nn.functional.cross_entropy(rows, torch.arange(len(rows)) % spec.classes).backward()
    assert logits.isfinite().all()
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(g is not None and g.isfinite().all() for g in grads)


INCEPTION = (
    "cat(conv(64,1) relu | conv(96,1) relu conv(128,3) relu | conv(16,1) relu conv(32,5) relu"
    " | maxpool(3,s=1,p=1) conv(32,1) relu)"
)
SENTENCES = [
    "vgg[64x2,128x2] +res +bn drop(0.3,late)",
    "conv(16) bn relu plain[16x9(s=1),32x9,64x9] gap linear(10)",
    "conv(16) bn relu plain[16x9(s=1),32x9,64x9] +res gap linear(10)",
    INCEPTION,
    "(bn relu conv(16,3) as a  cat(id | @a))",
    "patch(4,96) ln convnext[96x3,192x3,384x9,768x3] gap ln linear(1000)",
    "conv(64) bn relu ode(conv(64) bn relu conv(64), t=1) gap linear(10)",
]
SPACES = ["vgg[64x{1..3}^{1..4}]", "vgg[64x2^3] {norm: +bn | +ln | +gn(8) | } {+res | }"]


@pytest.mark.parametrize("text", SENTENCES)
def test_sentence(text: str) -> None:
    spec = complete(expand_file(parse(text)), (3, 64, 64), 1000 if "1000" in text else 10)
    assert format(format(text)) == format(text)
    with torch.device("meta"):
        assert sum(p.numel() for p in build(spec.trace).parameters()) == cost(spec.trace).params
    step(spec)


@pytest.mark.parametrize("text", SPACES)
def test_space(text: str) -> None:
    """A sentence with holes parses and keeps its layout; it is no one network."""
    assert format(format(text)) == format(text)
    with pytest.raises(SpecError, match="choice is still open"):
        expand_file(parse(text))


def test_convnext_sentence_is_convnext_t() -> None:
    spec = load(SENTENCES[5], input=(3, 224, 224), classes=1000)
    assert spec.cost.params == 28_589_128
    peer = load(ROOT / "specs" / "imagenet" / "convnext_tiny.arch")
    weights = [[*r.layer.weights.values()] for r in peer.trace.rows if r.layer.weights]
    assert [[*r.layer.weights.values()] for r in spec.trace.rows if r.layer.weights] == weights


@pytest.mark.parametrize("depth", [20, 56])
def test_the_heads_of_resnets_say_what_the_paper_lacks(depth: int) -> None:
    """He et al. 2015, section 4.2: nets with shortcuts have exactly the parameters of the plain ones."""
    spec, plain = (load(ROOT / "specs" / f"{name}{depth}.arch") for name in ("resnet", "plain"))
    assert f"{spec.cost.params - plain.cost.params:,} of them in the 1x1 convolutions of two shortcuts" in spec.text
