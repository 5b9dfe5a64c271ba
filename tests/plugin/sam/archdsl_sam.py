"""Sharpness-aware minimisation as a word of another package: an optimiser with two gradient passes a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from archdsl.registry import train_word
from archdsl.registry.types import Positive, Rate
from archdsl.words.train.kinds import Optimizer


@train_word("sam(0.1)", slot="optimizer", paper="Foret et al. 2021, arXiv:2010.01412")
@dataclass(frozen=True, slots=True)
class Sam(Optimizer):
    """Sharpness-aware minimisation with SGD: the gradient of a step is taken where the loss is highest nearby.

    That is at w + rho·g/‖g‖, where g is the gradient at w and ‖g‖ its norm over all parameters.
    """

    lr: Positive = 0.1
    rho: Positive = 0.05
    momentum: Rate = 0.9
    closure: ClassVar[bool] = True

    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        """The optimiser over the groups, each with its rate."""
        import torch

        rho = self.rho

        class SharpnessAware(torch.optim.SGD):
            """Foret et al. 2021, algorithm 1. Between two steps it keeps what SGD keeps."""

            def step(self, closure: Callable[[], Any]) -> Any:
                live = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
                before = [p.clone() for p in live]
                norm = sum(p.grad.square().sum() for p in live) ** 0.5
                for p in live:
                    p.add_(p.grad * (rho / (norm + 1e-12)))
                loss = closure()  # the gradients are now those at the perturbed weights
                for p, weights in zip(live, before, strict=True):
                    p.copy_(weights)
                super().step()
                return loss

        return SharpnessAware(groups, momentum=self.momentum)
