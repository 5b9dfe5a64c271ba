"""Published weights in the nets of specs/imagenet: files as torchvision and timm lay them out give the libraries' logits.

The files are written here, with random weights and statistics, under the names and in the formats of the published ones
(the two with auxiliary heads have them, as the published files do).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archdsl.emit.build import build
from archdsl.train.init import initialise
from archdsl.transfer.begin import transferred
from archdsl.transfer.copy import copy_weights
from archdsl.transfer.peers import AUXILIARY, COMPUTED, REMARKS, arranged
from archdsl.transfer.read import Weights, read_weights
from tests.parity.harness import SPECS, calibrate, completed, constants_of, peer_name, randomise, specs

EVERY = [*specs("torchvision"), *specs("timm")]
# A few that are small: one from timm, one with an auxiliary head; the others take long and much memory.
QUICK = {"resnet18", "mobilenet_v1", "mobilenet_v3_small", "googlenet"}
# Take images of one size alone.
FIXED = ("alexnet", "vgg", "vit", "deit", "swin", "cait", "maxvit", "focal", "gmlp", "mixer", "mobilevit_", "resmlp")
TOLERANCE = 1e-5  # of the largest logit

every = pytest.mark.parametrize("path", EVERY, ids=[p.stem for p in EVERY])
most = pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=[] if p.stem in QUICK else [pytest.mark.slow]) for p in EVERY]
)


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose only weights are those of the test."""
    monkeypatch.setenv("ARCHDSL_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    yield tmp_path
    for file in tmp_path.iterdir():
        if file.is_file():
            file.unlink()


def published(library: str, name: str) -> nn.Module:
    """The library's net as its published weights have it: with auxiliary heads, and with its change of the images."""
    from archdsl.emit.vision import import_torchvision

    import_torchvision()
    if library == "timm":
        import timm

        model: nn.Module = timm.create_model(name)
    else:
        from torchvision import models

        more = {"init_weights": False, "transform_input": True} if name in AUXILIARY else {}
        model = getattr(models, name)(**more)
    return model.eval()


def write(model: nn.Module, library: str, name: str, folder: Path) -> str:
    """The model's weights under the published name; the source as a user writes it."""
    if library == "timm":
        import timm
        from safetensors.torch import save_file

        tag = timm.get_pretrained_cfg(name).tag
        save_file(model.state_dict(), folder / f"{name}{tag and '.' + tag}.safetensors")
    else:
        from torchvision import models

        file = folder / models.get_model_weights(name).DEFAULT.url.rpartition("/")[2]
        torch.save(model.state_dict(), file)
    return f"{library}:{name}"


@every
def test_every_weight_has_its_place(path: Path) -> None:
    """Without numbers: each of the spec's tensors gets one of the peer's, and none is left over."""
    library, name = peer_name(path)
    with torch.device("meta"):
        theirs, ours = published(library, name).state_dict(), build(completed(path).trace).state_dict()
    source = Weights(name, {n: theirs[n] for n in arranged(name, theirs)}, "")
    found = copy_weights(ours, completed(path).trace, source)
    assert {line.status for line in found.lines} == {"exact"}
    assert [line.key for line in found.lines] == list(ours)
    left = set(theirs) - {line.source for line in found.lines}
    left -= {n for n in left if n.endswith(COMPUTED)}
    assert all(n.startswith(AUXILIARY.get(name, ())) for n in left)
    assert bool(left) == (name in AUXILIARY)


@most
def test_the_published_weights_give_the_published_logits(path: Path, offline: Path) -> None:
    library, name = peer_name(path)
    size = None if path.stem.startswith(FIXED) else 107 if name in ("inception_v3", "nasnetalarge") else 80
    trace = completed(path, size).trace
    images = torch.randn(2, *trace.input, generator=torch.Generator().manual_seed(1))
    theirs = published(library, name)
    randomise(theirs, constants_of(theirs))
    with torch.no_grad():
        calibrate(theirs, images)
        expected = theirs(images)
        text = write(theirs, library, name, offline)
        del theirs
        ours = build(trace)
        found = transferred(ours, trace, read_weights(text))
        got = ours.eval()(halved(images) if name in REMARKS else images)
    assert found.totals == {"exact": sum(p.numel() for p in ours.parameters()), "reshaped": 0, "new": 0, "dropped": 0}
    assert [bool(found.notes), found.source] == [name in REMARKS, text]
    scale = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 0.01 * scale, "the peer does not look at its input"
    assert (got - expected).abs().max() <= TOLERANCE * scale


def halved(images: Tensor) -> Tensor:
    """Images normalised as ImageNet's, renormalised with mean and standard deviation 0.5; rounded as torchvision does it."""
    pairs = zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    channels = [images[:, n] * (std / 0.5) + (mean - 0.5) / 0.5 for n, (mean, std) in enumerate(pairs)]
    return torch.stack(channels, 1)


def test_files_from_before_batch_norm_counted(offline: Path) -> None:
    """Old files of torchvision lack ``num_batches_tracked``."""
    path = SPECS / "resnet18.arch"
    theirs = published("torchvision", "resnet18")
    held = {n: v for n, v in theirs.state_dict().items() if not n.endswith("num_batches_tracked")}
    file = offline / "resnet18-f37072fd.pth"
    torch.save(held, file)
    ours = build(completed(path).trace)
    initialise(ours, 0)
    found = transferred(ours, completed(path).trace, read_weights("torchvision:resnet18:IMAGENET1K_V1"))
    assert found.totals["new"] == found.totals["dropped"] == 0
    assert {line.key.rpartition(".")[2] for line in found.lines if line.status == "new"} == {"num_batches_tracked"}
    for mine, value in zip((v for n, v in ours.state_dict().items() if "num_" not in n), held.values(), strict=True):
        assert torch.equal(mine, value)
