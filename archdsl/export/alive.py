"""Dropout that stays alive in eval mode, for Monte Carlo dropout (Gal & Ghahramani 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from archdsl.emit.layers.drop import GaussianNoise
from archdsl.errors import ArchError


def drawing(model: nn.Module) -> list[nn.Module]:
    """The layers of a net that draw at random while training: dropout and its kin, with a rate above 0."""
    return [m for m in model.modules() if _rate(m) > 0]


def _rate(module: nn.Module) -> float:
    """The nominal rate, whatever the phase of training; 0 for layers that do not draw. A layer that drops as one of its steps has
    the rate as its number ``drop``."""
    if isinstance(module, GaussianNoise):
        return module.sigma
    if isinstance(module, nn.RNNBase):  # between its layers
        return float(module.dropout) if module.num_layers > 1 else 0.0
    if isinstance(module, _DropoutNd) or hasattr(module, "set_progress"):
        return float(getattr(module, "p", 0.0))
    drop = getattr(module, "drop", 0.0)
    return float(drop) if isinstance(drop, float | int) else 0.0


def enliven(model: nn.Module) -> int:
    """Put the net into eval mode with its dropout alive at full rate, for good; gives the number of such layers.

    A layer with a phase (``early``, ``late``) takes its nominal rate.

    Raises:
        ArchError: the net has no such layer.
    """
    layers: list[Any] = drawing(model)
    if not layers:
        raise ArchError(
            "no layer of this net draws at random, so all passes would be equal",
            help="leave --mc out, or train a net with drop, spatial or droppath in it",
        )
    model.eval()
    for layer in layers:
        layer.training = True  # not train(): the network inside a dropconnect stays in eval mode
        if hasattr(layer, "rate"):
            _set_rate(layer, layer.p)
    return len(layers)


@contextmanager
def alive(model: nn.Module) -> Iterator[int]:
    """``enliven`` for the length of a block; modes and rates are put back at its end.

    Raises:
        ArchError: the net has no layer that draws.
    """
    modes = {m: m.training for m in model.modules()}
    rates: dict[Any, float] = {m: m.rate for m in drawing(model) if hasattr(m, "rate")}  # type: ignore[misc]
    try:
        yield enliven(model)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for layer, rate in rates.items():
            _set_rate(layer, rate)


def _set_rate(layer: Any, rate: float) -> None:
    layer.rate = rate
    if isinstance(getattr(layer, "level", None), Tensor):  # the same number where compiled code reads it
        layer.level.fill_(rate)
