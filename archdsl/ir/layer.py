"""What an op says about itself once the arriving shape is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from archdsl.registry.types import Shape


class Window(NamedTuple):
    """How an op looks at an image: kernel (dilated extent), stride and padding before, each as (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]


GLOBAL = Window((0, 0), (0, 0), (0, 0))  # sees everything that arrives


class Layer(NamedTuple):
    """The one answer of an op.

    out: shape of the result, without the batch.
    module: makes the module through an injected ``nn`` (torch.nn with ``archdsl.emit.layers`` on top); bodies, built,
        follow as arguments. None where ``call`` serves.
    call: a stateless function of an injected ``torch`` and the arriving values.
    weights, buffers: names (as in the module's state dict) and shapes, in order.
    macs: multiply-accumulates of one example, matrix products and convolutions alone, so that FLOPs = 2 × MACs is what
        torch's FlopCounterMode counts.
    window: how it looks at an image, for the receptive field; None is point-wise.
    """

    out: Shape
    module: Callable[..., Any] | None = None
    call: Callable[..., Any] | None = None
    weights: dict[str, Shape] = {}  # noqa: RUF012 - never written to
    buffers: dict[str, Shape] = {}  # noqa: RUF012
    macs: int = 0
    window: Window | None = None


class Misfit(Exception):
    """Raised by an op that cannot take what arrives; the trace gives it a place.

    ``code`` is an A3xx code, ``help`` the remedy.
    """

    def __init__(self, message: str, code: str = "A302", help: str = "") -> None:
        super().__init__(message)
        self.code, self.help = code, help


def words(shape: Shape) -> str:
    """A shape in words: ``an image 3x32x32``, ``196 tokens of 768``, ``a vector of 512``."""
    if len(shape) == 3:
        return "an image " + "x".join(map(str, shape))
    return f"{shape[0]} tokens of {shape[1]}" if len(shape) == 2 else f"a vector of {shape[0]}"
