"""A state dict as a row of units: what one layer keeps, its kind told by the tensors alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

Size = tuple[int, ...]
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Unit:
    """The tensors of a layer: ``keys`` in the state dict by their last name (a tensor that is alone has the name
    ``tensor``), and their ``sizes``. ``kind`` is ``conv``, ``linear``, ``bn``, ``norm``, ``attention``, or ``tensor``.
    """

    path: str
    kind: str
    keys: dict[str, str]
    sizes: dict[str, Size]

    @property
    def main(self) -> Size:
        """The size of the tensor that makes the layer what it is."""
        return next(iter(self.sizes.values()))

    def same(self, other: Unit) -> bool:
        """Whether one serves as the other; a bias may be missing."""
        return self.kind == other.kind and self.main == other.main


def units_of(state: Mapping[str, Tensor]) -> list[Unit]:
    """The units of a state dict, in its order."""
    groups: dict[str, list[str]] = {}
    for key in state:
        groups.setdefault(key.rpartition(".")[0], []).append(key)
    found = []
    for path, names in groups.items():
        parts = {n.rpartition(".")[2].removeprefix("in_proj_"): n for n in names}
        kind = _kind({n: state[k] for n, k in parts.items()}, names[0])
        if path and kind != "tensor":
            order = sorted(parts, key=lambda n: n != "weight")
            found.append(_unit(path, kind, {n: parts[n] for n in order}, state))
        else:
            found += [_unit(k, "tensor", {"tensor": k}, state) for k in names]
    place = {key: number for number, key in enumerate(state)}
    return sorted(found, key=lambda u: min(place[k] for k in u.keys.values()))


def _unit(path: str, kind: str, keys: dict[str, str], state: Mapping[str, Tensor]) -> Unit:
    return Unit(path, kind, keys, {n: tuple(state[k].shape) for n, k in keys.items()})


def _kind(parts: Mapping[str, Tensor], name: str) -> str:
    if "running_mean" in parts:
        return "bn"
    if "in_proj_" in name or "qkv." in name:  # one matrix for queries, keys and values, as torch and as timm name it
        return "attention"
    weight, bias = parts.get("weight"), parts.get("bias")
    if weight is None or weight.ndim not in (1, 2, 3, 4) or (weight.ndim == 1 and bias is None):
        return "tensor"
    if weight.ndim == 3 and (bias.ndim == 3 if bias is not None else weight.shape[1:] == (1, 1)):
        return "tensor"  # a number for each channel
    return {1: "norm", 2: "linear", 3: "conv", 4: "conv"}[weight.ndim]


def count(sizes: Iterable[tuple[str, Size]]) -> int:
    """Numbers in the parameters among these tensors; statistics and counters are none."""
    total = 0
    for name, size in sizes:
        number = 1
        for n in size:
            number *= n
        total += number if name not in BUFFERS else 0
    return total
