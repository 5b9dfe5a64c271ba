"""A package of one file: an optimiser that neither torch nor archdsl has. The file knows torch only while it builds it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from archdsl.registry import train_word
from archdsl.registry.types import NonNegative, Positive, Rate
from archdsl.words.train.kinds import Optimizer


@train_word("lars(1)", "lars(2, momentum=0, wd=1e-3)", slot="optimizer", paper="You et al. 2017, arXiv:1708.03888")
@dataclass(frozen=True, slots=True)
class Lars(Optimizer):
    """Momentum for large batches: the rate of a weight follows the ratio of its length to that of its gradient.

    v = momentum·v + lr·λ·(g + wd·w), then w = w - v, where λ = trust·‖w‖ / (‖g‖ + wd·‖w‖); λ is 1 for biases and norms, and
    where a length is 0.
    """

    lr: Positive = 1.0
    momentum: Rate = 0.9
    wd: NonNegative = 0.0
    trust: Positive = 1e-3
    capturable: ClassVar[bool] = True

    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        """The optimiser over the groups, each with its rate."""
        return _made(optim.Optimizer)(groups, {"momentum": self.momentum, "wd": self.wd, "trust": self.trust})


@cache
def _made(base: Any) -> Any:
    import torch

    class Lars(base):  # type: ignore[misc]
        """You et al. 2017, algorithm 1."""

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in (p for p in group["params"] if p.grad is not None):
                    step = p.grad + group["wd"] * p
                    if p.ndim > 1:
                        own, its = p.norm(), p.grad.norm()
                        local = group["trust"] * own / (its + group["wd"] * own)
                        step = step * torch.where((own > 0) & (its > 0), local, 1.0)
                    if not self.state[p]:
                        self.state[p]["velocity"] = torch.zeros_like(p)
                    velocity = self.state[p]["velocity"].mul_(group["momentum"]).add_(step * group["lr"])
                    p.sub_(velocity)

    return Lars
