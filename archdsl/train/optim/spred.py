"""Weights as products (Ziyin & Wang 2022, "spred: solving L1 penalty with SGD", arXiv:2210.01212)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


class Product(nn.Module):
    """w = a ⊙ b. It begins at a = w, b = 1: from |a| = |b| gradients would keep the two alike, and no weight could ever
    change its sign.
    """

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b

    def right_inverse(self, w: Tensor) -> tuple[Tensor, Tensor]:
        return w, torch.ones_like(w)


def reparametrise(model: nn.Module) -> None:
    """Make the weight of every convolution and linear layer that is trained a product of two parameters of its shape.

    With weight decay on both, the minima are those of an L1 penalty on the weight (Ziyin & Wang 2022, arXiv:2210.01212). The
    model is changed in place; its weights are as they were.
    """
    for module in list(model.modules()):
        if isinstance(module, WEIGHTED) and not parametrize.is_parametrized(module) and module.weight.requires_grad:
            parametrize.register_parametrization(module, "weight", Product())


def count(model: nn.Module) -> int:
    """The parameters of the model; a weight that is a product counts once."""
    return sum(p.numel() for n, p in model.named_parameters() if not n.endswith(".parametrizations.weight.original1"))


@torch.no_grad()
def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The model's state dict with plain weights: keys and shapes as if it had never been reparametrised."""
    state = {k: v for k, v in model.state_dict().items() if ".parametrizations." not in f".{k}"}
    plain: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        if parametrize.is_parametrized(module):
            name = f"{path}.weight" if path else "weight"
            plain[name] = module.weight  # type: ignore[assignment]
    return {**plain, **state} if not plain else _in_order(model, state, plain)


def _in_order(model: nn.Module, state: dict[str, Tensor], plain: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the net has them: a layer's weight before its bias."""
    found: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        own = f"{path}." if path else ""
        if f"{own}weight" in plain:
            found[f"{own}weight"] = plain[f"{own}weight"]
        for name in (*module._parameters, *module._buffers):
            if own + name in state:
                found[own + name] = state[own + name]
    return found
