"""What a CUDA graph or torch.compile would save a run, against what it costs: estimates, made before the first step.

The constants are orders of magnitude. Each says where it comes from; none was measured on a GPU here.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.conv import _ConvNd

from archdsl.emit.inputs import zero_inputs

LAUNCH = 7e-6  # seconds of the host for one operator under autograd: 5 to 10 µs on the machines of published traces
STEP = 60  # operators of a step outside of the net: gather, augmentation, loss, sums, update
# Of an H100 with 132 multiprocessors: half its bf16 peak (TF32 has half of that), three quarters of its memory's rate; other
# GPUs by their number of multiprocessors.
FLOPS, BYTES, PROCESSORS = 4e14, 2.5e12, 132
CAPTURE = 1.0  # seconds: three steps of warm-up, the capture, its memory
# 14 to 19 % of airbench's step (performance figures of Jordan 2024, compiled against eager); on two CPU cores between -5 and
# 10 % with a median of 0 (docs/benchmarks/README.md), so there it is never taken unasked.
GAIN = {"cuda": 0.15, "cpu": 0.0, "mps": 0.0}
# Seconds to compile a net's forward and backward, and for each of its layers. CPU: 31 to 75 s for nets of 9 and 16 layers
# (docs/benchmarks/README.md). GPU: a published ResNet-18, of 62 layers, lost 107 s.
COMPILE = {"cuda": (15.0, 1.7), "cpu": (25.0, 2.0), "mps": (25.0, 2.0)}
MARGIN = 1.5  # a saving must be so many times its cost: both are guesses


@dataclass(frozen=True, slots=True)
class Size:
    """A forward pass of one batch: floating-point operations, numbers read and written, operators, layers."""

    flops: float
    numbers: float
    operators: int
    layers: int

    @property
    def launching(self) -> float:
        """Seconds in which the host launches a whole step, operator by operator: a backward pass has twice as many."""
        return (3 * self.operators + STEP) * LAUNCH

    def working(self, half: bool = True, processors: int = PROCESSORS) -> float:
        """Seconds in which a GPU does the work of a whole step, three times the forward pass; ``half`` in bf16."""
        rate, width = (FLOPS, 2) if half else (FLOPS / 2, 4)
        return 3 * max(self.flops / rate, self.numbers * width / BYTES) * PROCESSORS / processors


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that are saved over a run, and that it costs; and in words."""

    saving: float
    cost: float
    words: str

    @property
    def pays(self) -> bool:
        return self.saving > MARGIN * self.cost


def size(model: nn.Module, shape: tuple[int, ...]) -> Size:
    """The size of a net on a batch of this shape, found on the meta device, without memory or arithmetic. Operations are
    those of convolutions and linear layers; operators between layers count, and their numbers do not.

    Raises:
        RuntimeError: the net cannot run without numbers, such as one whose steps depend on them.
    """
    copy = deepcopy(model).to("meta").train()
    leaves = [m for m in copy.modules() if not any(True for _ in m.children())]
    between = sum(n.op in ("call_function", "call_method") for m in copy.modules() for n in _nodes(m))
    found: list[tuple[float, int]] = []

    def note(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        own = list(layer.parameters())
        # Each number of the result takes as many products as a filter has numbers.
        multiplies = isinstance(layer, nn.Linear | _ConvNd)
        flops = 2.0 * made.numel() * own[0].numel() / own[0].shape[0] if multiplies else 0.0
        # A layer may be given other things than numbers, such as None for a mask that it does not have.
        found.append((flops, sum(v.numel() for v in (*given, made, *own) if isinstance(v, Tensor))))

    for layer in leaves:
        layer.register_forward_hook(note)
    with torch.no_grad():
        copy(zero_inputs(shape, "meta"))
    return Size(sum(f for f, _ in found), sum(n for _, n in found), len(found) + between, len(leaves))


def _nodes(module: nn.Module) -> list[fx.Node]:
    return list(module.graph.nodes) if isinstance(module, fx.GraphModule) else []


def graph_worth(of: Size, steps: int, working: float) -> Estimate:
    """A CUDA graph of the step: it saves the time by which launching outlasts the ``working`` seconds of the GPU."""
    launching = of.launching
    kernels = 3 * of.operators + STEP
    words = f"a step launches about {kernels} kernels in {1e3 * launching:.1f} ms for {1e3 * working:.1f} ms of work"
    return Estimate(steps * max(0.0, launching - working), CAPTURE, words)


def compile_worth(of: Size, steps: int, seconds: float, kind: str) -> Estimate:
    """torch.compile of the net, for steps of so many seconds."""
    base, each = COMPILE[kind]
    cost, saving = base + each * of.layers, steps * seconds * GAIN[kind]
    return Estimate(
        saving, cost, f"torch.compile would save about {saving:.0f} s of {steps * seconds:.0f} and cost {cost:.0f}"
    )
