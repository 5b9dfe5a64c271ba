"""Which convolutions of a net torch does faster than our kernels on this processor, measured layer by layer."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy

import torch
from torch import Tensor, nn

from archdsl.accelerate.native.conv import FastConv, layer_name, takes
from archdsl.accelerate.native.joint import JointNorm
from archdsl.accelerate.native.norm import FusedNorm
from archdsl.emit.inputs import random_inputs

TRIES = 6  # forward and backward passes of each form; the first one is not counted
MARGIN = 1.05  # what torch's kernel must gain to be taken


def layers_by_torch(
    model: nn.Module, shape: tuple[int, ...], half: bool, threads: int, amx: bool = False
) -> tuple[str, ...]:
    """The names (``layer_name``) of the convolutions that torch does faster; none where the net cannot run so. The model, the
    random state and the number of threads stay as they are.

    Args:
        shape: (N, C, H, W) of a training batch.
        half: in bf16 under autocast; else in fp32.
        amx: our kernels are those for tiles.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            found = _distinct(model, shape, amx)
            return tuple(sorted(name for name, (conv, size) in found.items() if _by_torch(conv, size, half, amx)))
    except RuntimeError:  # no memory, or an op without this type: the run itself will say what is wrong
        return ()
    finally:
        torch.set_num_threads(before)


def _distinct(model: nn.Module, shape: tuple[int, ...], amx: bool) -> dict[str, tuple[nn.Conv2d, tuple[int, ...]]]:
    """One convolution of each kind that our kernels know, with the shape of what it takes."""
    copy = deepcopy(model).train()
    copy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found: dict[str, tuple[nn.Conv2d, tuple[int, ...]]] = {}

    def note(layer: nn.Conv2d, given: tuple[Tensor, ...], made: Tensor) -> None:
        found.setdefault(layer_name(layer, given[0]), (layer, tuple(given[0].shape)))

    handles = [m.register_forward_hook(note) for m in copy.modules() if takes(m, amx)]
    with torch.no_grad():
        copy(random_inputs(shape).contiguous(memory_format=torch.channels_last))
    for handle in handles:
        handle.remove()
    return found


def _by_torch(conv: nn.Conv2d, size: tuple[int, ...], half: bool, amx: bool) -> bool:
    kind = torch.bfloat16 if half else torch.float32
    x = torch.randn(size).to(kind).contiguous(memory_format=torch.channels_last).requires_grad_()
    ours, theirs = FastConv(conv, amx=amx), conv
    forms: dict[str, nn.Module] = {"ours": ours, "torch": theirs}
    if amx and conv.bias is None:  # a norm is behind it, which our kernel takes with it
        norms = [FusedNorm(nn.BatchNorm2d(conv.out_channels), relu=True).train() for _ in forms]
        forms = {"ours": JointNorm(ours, norms[0]), "torch": nn.Sequential(theirs, norms[1])}
    least = dict.fromkeys(forms, float("inf"))
    for number in range(TRIES):
        for name, form in forms.items():
            begun = time.perf_counter()
            with _precision(half):
                made = form(x)
            made.backward(torch.ones_like(made))
            if number:
                least[name] = min(least[name], time.perf_counter() - begun)
    return MARGIN * least["torch"] < least["ours"]


def _precision(half: bool) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if half else nullcontext()
