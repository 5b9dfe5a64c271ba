"""Specs against their peers: the published networks as torchvision or timm define them.

The head of a spec names its peer, ``# parity: torchvision.resnet18``. Four things are compared: the number of
parameters, the shapes of everything in the state dict in order, the MACs at the published size, and the logits of
random images with the same random weights. The first three need no numbers, so they run on the meta device.

That the logits tell is a matter of the weights: running statistics are near those of the images, so that no activation
dies, and scales are large enough to reach the bend of a `relu6`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archdsl.emit.build import build
from archdsl.emit.vision import import_torchvision
from archdsl.errors import Source
from archdsl.expand import Completed, complete, expand
from archdsl.ir.cost import cost
from archdsl.syntax.parse import parse
from archdsl.transfer.peers import arranged

SPECS = Path(__file__).resolve().parents[2] / "specs" / "imagenet"
LINE = re.compile(r"^# parity: (torchvision|timm)\.(\w+)$", re.MULTILINE)
TOLERANCE = 1e-4  # of the largest logit

# What a peer must be told to be the network of the paper without auxiliary heads, and fast to make.
SETTINGS: dict[str, dict[str, object]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}

State: TypeAlias = list[tuple[str, Tensor]]


def specs(library: str) -> list[Path]:
    """The specs whose peer is in ``torchvision`` or ``timm``."""
    return [p for p in sorted(SPECS.glob("*.arch")) if peer_name(p)[0] == library]


def peer_name(path: Path) -> tuple[str, str]:
    """The library and the name of a spec's peer; empty strings where it names none."""
    found = LINE.search(path.read_text("utf-8"))
    return (found[1], found[2]) if found else ("", "")


@cache
def completed(path: Path, size: int | None = None) -> Completed:
    """The spec's network, at its own input or at a smaller one."""
    graph = expand(parse(Source(str(path), path.read_text("utf-8"))))
    return complete(graph, (3, size, size) if size else None)


def peer(path: Path, device: str = "meta") -> nn.Module:
    """The spec's peer in eval mode."""
    library, name = peer_name(path)
    import_torchvision()  # timm imports it, too
    with torch.device(device):
        if library == "timm":
            import timm

            model: nn.Module = timm.create_model(name, **SETTINGS.get(name, {}))
        else:
            from torchvision import models

            model = getattr(models, name)(**SETTINGS.get(name, {}))
    return model.eval()


def state(model: nn.Module, net: str = "") -> State:
    """What a model keeps, in order; that of the peer ``net`` in the order in which its layers work."""
    held = model.state_dict()
    return [(name, held[name]) for name in arranged(net, held)]


def flops(model: nn.Module, input: tuple[int, ...]) -> int:
    """What torch counts in one pass over one example, on the device of the model."""
    torch.backends.mha.set_fastpath_enabled(False)  # which torch does not count
    counter = FlopCounterMode(display=False)
    device = next(model.requires_grad_(False).parameters()).device  # the counter cannot follow a bare parameter
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(torch.empty(1, *input, device=device))
    return int(counter.get_total_flops())


def check_counts(path: Path) -> None:
    """The parameters and the MACs that we count without torch are those of the peer."""
    ours, theirs = completed(path), peer(path)
    counted = cost(ours.trace)
    assert counted.params == sum(p.numel() for p in theirs.parameters())
    assert counted.flops == flops(theirs, ours.input)


def check_shapes(path: Path) -> None:
    """The state dict of the built network has the shapes of the peer's, in order."""
    with torch.device("meta"):
        ours = build(completed(path).trace)
    mine, theirs = state(ours), state(peer(path), peer_name(path)[1])
    for (name, a), (other, b) in zip(mine, theirs, strict=False):  # the first difference tells most
        assert a.shape == b.shape, f"{name} {tuple(a.shape)} is not {other} {tuple(b.shape)}"
    assert len(mine) == len(theirs)


def check_logits(path: Path, size: int | None = None) -> None:
    """With the same weights both give the same logits, in eval mode, for two images of ``size`` pixels."""
    trace = completed(path, size).trace
    images = torch.randn(2, *trace.input, generator=torch.Generator().manual_seed(1))
    theirs = peer(path)
    constants = constants_of(theirs)
    theirs = peer(path, "cpu") if constants else theirs.to_empty(device="cpu")  # a table of distances is not random
    randomise(theirs, constants)
    with torch.no_grad():
        calibrate(theirs, images)
        expected = theirs(images)
        with torch.device("meta"):
            ours = build(trace).eval()
        names = list(ours.state_dict())
        values = [value for _, value in state(theirs, peer_name(path)[1])]
        ours.load_state_dict(dict(zip(names, values, strict=True)), assign=True)
        del theirs
        found = ours(images)
    scale = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 0.01 * scale, "the peer does not look at its input"
    assert (found - expected).abs().max() <= TOLERANCE * scale


def constants_of(model: nn.Module) -> list[str]:
    """The names of what a net computes for itself, such as masks and tables of distances: it is not random."""
    return [n for n, _ in model.named_buffers() if not n.rpartition(".")[2].startswith(("running_", "num_"))]


def randomise(model: nn.Module, constants: Collection[str] = ()) -> None:
    """Random weights that keep a signal's scale, everywhere different."""
    torch.manual_seed(0)
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        with torch.no_grad():
            if name in constants:
                continue
            if name.endswith("num_batches_tracked"):
                value.zero_()
            elif value.ndim > 1:
                value.normal_(0, (2 * value.shape[0] / value.numel()) ** 0.5)
            elif name.endswith(("weight", "running_var")):
                value.uniform_(0.5, 2.5)
            else:
                value.normal_(0, 0.1)


def calibrate(model: nn.Module, images: Tensor) -> None:
    """Running statistics near those of the images, so that nothing saturates in deep networks."""

    def look(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(args[0], (0, 2, 3), correction=0)
        for value, seen in ((module.running_mean, mean), (module.running_var, variance + 0.1)):
            assert isinstance(value, Tensor)
            value.copy_(seen * (1 + 0.1 * torch.rand_like(seen)))

    handles = [m.register_forward_pre_hook(look) for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    model(images)
    for handle in handles:
        handle.remove()
