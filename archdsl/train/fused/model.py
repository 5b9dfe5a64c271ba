"""Several copies of one network as one network: a lowering of its rows.

The copies' values lie side by side in dimension 1: (N, C, H, W) of each becomes (N, S·C, H, W). A convolution becomes one
with S times the groups, batch norm one over S·C channels, a linear layer a batched product; layers without weights
stay as they are. No copy sees another one, forwards or backwards. What has no such form is asked copy by copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from archdsl.emit.build import attach, module_of
from archdsl.emit.layers.pool import GlobalAvgPool2d, GlobalMaxPool2d
from archdsl.ir.trace import Row, Trace

ALIKE = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.ZeroPad2d,
    nn.Upsample,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
)


class Dice:
    """The state of torch's global generator for each copy, so that layers draw what they draw in a run of their own."""

    def __init__(self, device: torch.device) -> None:
        self._room: Any = torch.cuda if device.type == "cuda" else torch.random
        self.states: list[Tensor] = []

    def begin(self, seeds: Sequence[int]) -> None:
        """Seed each copy's draws."""
        self.states = []
        for seed in seeds:
            self._room.manual_seed(seed)
            self.states.append(self._room.get_rng_state())

    def call(self, copy: int, module: nn.Module, *values: Tensor) -> Any:
        """A module with the draws of one copy."""
        if not self.states:
            return module(*values)
        self._room.set_rng_state(self.states[copy])
        result = module(*values)
        self.states[copy] = self._room.get_rng_state()
        return result


class Copies(nn.Module):
    """A layer of each copy by itself, on its own part of each value that arrives."""

    def __init__(self, copies: Sequence[nn.Module], dice: Dice) -> None:
        super().__init__()
        self.copies = nn.ModuleList(copies)
        self._dice = dice

    def forward(self, *values: Tensor) -> Tensor:
        parts = [x.chunk(len(self.copies), 1) for x in values]
        # A clone has the memory layout of the copy's own value, and the layout is the order of the draws.
        made = [self._dice.call(n, m, *(part[n].clone() for part in parts)) for n, m in enumerate(self.copies)]
        return torch.cat(made, 1)


class Linears(nn.Module):
    """S linear layers: (N, S·in) to (N, S·out). The weights are stacked, (S·out, in)."""

    def __init__(self, count: int, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.count = count
        self.weight = nn.Parameter(torch.empty(count * outputs, inputs))
        self.bias = nn.Parameter(torch.empty(count * outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weights = self.weight.unflatten(0, (self.count, -1)).transpose(1, 2)
        y = torch.bmm(x.unflatten(1, (self.count, -1)).transpose(0, 1), weights).transpose(0, 1).flatten(1)
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, eq=False)
class Fused:
    """``net`` computes ``count`` copies. ``places``: for each name of a copy's state, the name in the net and whether
    the copies are stacked in it (else each has a tensor of its own, by number).
    """

    net: fx.GraphModule
    count: int
    places: dict[str, tuple[str, bool]]
    dice: Dice
    own: int  # layers that are asked copy by copy

    def of(self, copy: int, name: str, values: dict[str, Tensor]) -> Tensor:
        """A copy's part of a tensor that is named as the net's state."""
        place, shared = self.places[name]
        if not shared:
            return values[place.replace("#", str(copy))]
        whole = values[place]
        return whole.chunk(self.count)[copy] if whole.ndim else whole

    @torch.no_grad()
    def take(self, copies: Sequence[nn.Module]) -> None:
        """Give the net the copies' state."""
        self._each(copies, lambda mine, theirs: mine.copy_(theirs))

    @torch.no_grad()
    def give(self, copies: Sequence[nn.Module]) -> None:
        """Give the copies the net's state."""
        self._each(copies, lambda mine, theirs: theirs.copy_(mine))

    def _each(self, copies: Sequence[nn.Module], move: Any) -> None:
        state = self.net.state_dict()
        for number, copy in enumerate(copies):
            for name, value in copy.state_dict().items():
                move(self.of(number, name, state), value)


def fuse(trace: Trace, count: int, device: torch.device) -> Fused:
    """The network of a trace ``count`` times over, as one module in training mode on a device; its weights are to be taken
    from copies. It takes (N, count·C, H, W) and gives (N, count·classes).
    """
    root, graph, dice = nn.Module(), fx.Graph(), Dice(device)
    tracer = fx.proxy.GraphAppendingTracer(graph)
    values = {-1: graph.placeholder("x")}
    places: dict[str, tuple[str, bool]] = {}
    own, made = 0, set[str]()
    for index, row in enumerate(trace.rows):
        given = [values[i] for i in row.inputs]
        if row.layer.module is None:
            values[index] = _call(row, trace, [fx.Proxy(v, tracer) for v in given], count)
            continue
        home = row.module or row.path
        if home in made:
            values[index] = graph.call_module(home, tuple(given))
            continue
        made.add(home)
        copy = module_of(row)
        module = _wide(copy, row, trace, count)
        shared = module is not None
        if module is None:
            own += 1
            module = Copies([copy, *(module_of(row) for _ in range(count - 1))], dice)
        attach(root, home, module)
        values[index] = graph.call_module(home, tuple(given))
        places |= dict(_names(home, copy, shared))
    graph.output(values[trace.output])
    return Fused(fx.GraphModule(root, graph, "Fused").to(device), count, places, dice, own)


def _names(path: str, copy: nn.Module, shared: bool) -> Iterator[tuple[str, tuple[str, bool]]]:
    for name in copy.state_dict():
        yield f"{path}.{name}", (f"{path}.{name}" if shared else f"{path}.copies.#.{name}", shared)


def _wide(module: nn.Module, row: Row, trace: Trace, count: int) -> nn.Module | None:
    """The layer that computes ``count`` of this one; None where there is none."""
    image = len(trace.shape(row.inputs[0])) == 3
    kind = type(module)
    if kind in ALIKE:
        return module
    if isinstance(module, nn.Conv2d) and kind is nn.Conv2d and image and module.padding_mode == "zeros":
        made: Any = nn.Conv2d  # whose annotations know pairs alone, and not what it keeps
        wide: nn.Module = made(
            count * module.in_channels,
            count * module.out_channels,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            count * module.groups,
            module.bias is not None,
        )
        return wide
    if isinstance(module, nn.BatchNorm2d) and kind is nn.BatchNorm2d and image:
        return nn.BatchNorm2d(count * module.num_features, module.eps, module.momentum, module.affine)
    if isinstance(module, nn.GroupNorm) and kind is nn.GroupNorm and image:
        return nn.GroupNorm(count * module.num_groups, count * module.num_channels, module.eps, module.affine)
    if isinstance(module, nn.Linear) and kind is nn.Linear and len(trace.shape(row.inputs[0])) == 1:
        return Linears(count, module.in_features, module.out_features, module.bias is not None)
    return None


def _aligned(arriving: list[tuple[int, ...]]) -> bool:
    """Whether the copies of all values are side by side along the same axis of the product: not so for a gate of one channel,
    and for a vector that is a gate of tokens."""
    return len({shape[0] for shape in arriving}) == 1 and {len(shape) for shape in arriving} != {1, 2}


def _call(row: Row, trace: Trace, given: list[Any], count: int) -> fx.Node:
    """A layer without a module."""
    arriving = [trace.shape(i) for i in row.inputs]
    call = row.layer.call
    assert call is not None
    if "pointwise" in row.op.entry.traits and _aligned(arriving):
        node: fx.Node = call(torch, *given).node
        return node
    parts = [[v.chunk(count, 1)[n] for v in given] for n in range(count)]
    joined: fx.Node = torch.cat([call(torch, *part) for part in parts], 1).node  # type: ignore[attr-defined]
    return joined
