"""Averages: of the weights over the steps, and of batch norm's statistics over the images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from archdsl.words.evaluation.statistics import estimate
from archdsl.words.train.recipe import Lookahead


class Kept:
    """A copy of all that ``state_dict`` holds, beside the model, which the model may be given for a while."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._copy = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The model with the copy's values, for the length of a block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self._model.state_dict().items():
            kept = value.clone()
            value.copy_(self._copy[name])
            self._copy[name].copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """The copy."""
        return self._copy

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from such a copy."""
        for name, value in state.items():
            self._copy[name].copy_(value)

    @torch.no_grad()
    def _approach(self, share: float) -> list[tuple[Tensor, Tensor]]:
        """Move the copy towards the model's present values by a share; counters are copied. Gives the pairs that moved."""
        now = self._model.state_dict()
        pairs = [(self._copy[k], v) for k, v in now.items() if v.is_floating_point()]
        torch._foreach_lerp_([kept for kept, _ in pairs], [v for _, v in pairs], share)
        for name, value in now.items():
            if not value.is_floating_point():
                self._copy[name].copy_(value)
        return pairs


class Average(Kept):
    """An exponential moving average (Polyak & Juditsky 1992; Tarvainen & Valpola 2017)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model)
        self._decay = decay

    def update(self) -> None:
        """Move the average towards the model's present weights."""
        self._approach(1 - self._decay)


class Slow(Kept):
    """The slow weights of look-ahead (Zhang et al. 2019, algorithm 1), batch norm's statistics among them."""

    def __init__(self, model: nn.Module, settings: Lookahead, steps: int) -> None:
        super().__init__(model)
        self._settings, self._steps = settings, steps

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After so many steps of the run: where it is time, move, and let the model begin anew from there."""
        if step % self._settings.every:
            return
        pairs = self._approach(self._settings.share(step, self._steps))
        torch._foreach_copy_([v for _, v in pairs], [kept for kept, _ in pairs])


def precise_bn(model: nn.Module, batches: Iterable[Tensor], hold: Callable[[], object] = lambda: None) -> None:
    """Batch norm's statistics as the mean over the images of these batches: ``archdsl.words.evaluation.statistics``.

    Args:
        hold: called once the model is in training mode; batch norm that it puts into eval mode keeps its statistics.
    """
    mode = model.training
    model.train()
    hold()
    estimate(torch, model, [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training], batches)
    model.train(mode)
