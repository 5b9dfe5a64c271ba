"""What train mode does otherwise than eval mode is expressed, refused by name, or said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from archdsl.errors import ArchError
from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.nets import attached, modes
from tests.lift.test_lift import SHAPE, body


@pytest.fixture(scope="module")
def nets() -> SimpleNamespace:
    return SimpleNamespace(**vars(modes), **{k: v for k, v in vars(attached).items() if not hasattr(modes, k)})


END = " conv(8) relu gap linear(classes)"
PLAIN = "conv(8) relu" + END
EXPRESSED = {
    "Base": PLAIN,
    "IfTraining": "conv(8) relu drop(0.3)" + END,
    "Never": PLAIN,
    "KeptOff": PLAIN,
    "Attention": "patch(4, 16) tokens res(attention(4, drop=0.3)) gap linear(classes)",
    "AttentionKeptOff": "patch(4, 16) tokens res(attention(4)) gap linear(classes)",
    "FunctionalNorm": "conv(8) relu bn conv(8) relu gap linear(classes)",
    "OfView": "conv(8) relu times(2.0) times(3.0)" + END,
    "OfCopy": "conv(8) relu res(times(3.0))" + END,
}


@pytest.mark.parametrize("name", EXPRESSED)
def test_expressed(name: str, nets: SimpleNamespace) -> None:
    done = spec_of(getattr(nets, name)(), SHAPE, name)
    assert body(done.text) == EXPRESSED[name]
    assert done.report.notes == ()


EVAL, TRAIN = "active in eval mode too", "only in train mode"
REFUSED = {
    "Always": ("", "dropout", EVAL),
    "KeptOn": ("drop", "Dropout", EVAL),
    "EvalNoise": ("", "randn_like", "drawn in eval mode too"),
    "TrainNoise": ("", "randn_like", TRAIN),
    "Unscaled": ("conv2", "Conv2d", "that are not dropout"),
    "Branch": ("", "forward", "drawn in train mode to decide what is computed"),
    "OtherLayer": ("", "forward", "`gelu` (the network itself) where eval mode has `silu`"),
    "EvalSoftmax": ("fc", "forward", "`linear` (fc) where eval mode has `softmax`"),
    "Dictionary": ("", "output", TRAIN),
    "Reversal": ("conv", "gradient", "another gradient reaches its weight"),
    "Detached": ("conv", "gradient", "no gradient reaches its weight"),
    "DetachedInTraining": ("conv", "gradient", "in train mode no gradient reaches its weight"),
    "NoGrad": ("conv", "gradient", "no gradient reaches its weight"),
    "FrozenNorm": ("bn", "BatchNorm2d", "running statistics (frozen)"),
    "Spectral": ("conv2", "SpectralNorm", "`torch.nn.utils.remove_spectral_norm(module)`"),
    "Weight": ("conv2", "WeightNorm", "remove_parametrizations(module, 'weight')"),
    "Pruned": ("conv2", "L1Unstructured", "prune.remove(module, 'weight')"),
    "Doubling": ("conv", "<lambda>", "forward hooks"),
    "RootHook": ("", "<lambda>", "forward pre hooks"),
    "TrainHook": ("conv", "<lambda>", "forward hooks"),
    "BackwardHook": ("conv.weight", "<lambda>", "backward hooks"),
    "Average": ("", "mean", "a buffer that the forward pass changes"),
    "Assigned": ("", "mean", "a buffer that the forward pass changes"),
    "OfPart": ("", "mul_", "another part or view is read later"),
    "OfDropped": ("", "mul_", "another part or view is read later"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, nets: SimpleNamespace) -> None:
    path, operation, reason = REFUSED[name]
    with pytest.raises(Refused) as caught:
        spec_of(getattr(nets, name)(), SHAPE, name)
    (finding,) = caught.value.findings
    assert (finding.path, finding.op) == (path, operation)
    assert reason in finding.reason
    assert caught.value.exit_code == 2


BY_HAND = "Random masks that the source draws by hand, read as dropout: `{}` (the network itself)."
NOTED = {
    "Uniform": ("conv(8) relu drop(0.3)" + END, BY_HAND.format("drop(0.3)")),
    "Path": ("conv(8) relu res(times(0.5) droppath(0.2))" + END, BY_HAND.format("droppath(0.2)")),
    "Bernoulli": ("conv(8) relu res(times(0.5) droppath(0.2))" + END, BY_HAND.format("droppath(0.2)")),
    "Frozen": (PLAIN, "Frozen in the source (requires_grad=False): conv; `train freeze(…)` does so here."),
    "Watched": (PLAIN, "Hooks that changed nothing are left out: `<lambda>` of conv."),
    "Counting": (PLAIN, "The forward pass of the source changes calls; a spec keeps no such state."),
    "Lazy": (
        "conv(8, bias=true) bn relu flatten linear(classes)",
        "Lazy layers (conv, bn, fc) have the sizes that an input of 3x16x16 gives.",
    ),
}


@pytest.mark.parametrize("name", NOTED)
def test_noted(name: str, nets: SimpleNamespace) -> None:
    done = spec_of(getattr(nets, name)(), SHAPE, name)
    text, note = NOTED[name]
    assert body(done.text) == text
    assert done.report.notes == (note,)
    assert note in done.text.replace("\n#  ", "")


def test_a_source_that_cannot_be_trained(nets: SimpleNamespace) -> None:
    """`x += y` under another name is read as torch computes it: four times x, and not x; autograd refuses the source."""
    done = spec_of(nets.AddInPlace(), SHAPE, "AddInPlace")
    assert body(done.text) == "conv(8) relu res(times(3.0))" + END
    assert done.report.notes == () or "cannot be trained" in done.report.notes[0]


@pytest.mark.parametrize("name", ["TrainNoise", "Dictionary", "OtherLayer", "FrozenNorm", "Detached"])
def test_left_out_by_choice(name: str, nets: SimpleNamespace) -> None:
    """With --unused only eval mode must be equal; the head says what was left out."""
    done = spec_of(getattr(nets, name)(), SHAPE, name, unused=True)
    assert done.report.difference <= 1e-5
    assert REFUSED[name][2] in done.report.notes[0]
    assert "# Left out, what only" in done.text


def test_lazy_layers_that_do_not_take_the_input(nets: SimpleNamespace) -> None:
    with pytest.raises(ArchError, match="get their sizes by a first run, and that fails for an input 16") as caught:
        spec_of(nets.Lazy(), (16,), "Lazy")
    assert caught.value.help == "--input says what arrives"


def test_a_module_that_arrives_in_train_mode(nets: SimpleNamespace) -> None:
    module = nets.IfTraining().train()
    assert body(spec_of(module, SHAPE, "IfTraining").text) == EXPRESSED["IfTraining"]
    assert not module.training


def test_importing_leaves_chance_alone(nets: SimpleNamespace) -> None:
    module = nets.Watched()
    torch.manual_seed(5)
    spec_of(module, SHAPE, "Watched")
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
