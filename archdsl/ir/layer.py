"""What an op says about itself once the arriving shape is known."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.errors import Refusal, fail
from archdsl.ir.window import GLOBAL, Along, Sight, Window
from archdsl.limits import Limits
from archdsl.registry.guard import wrong
from archdsl.registry.shapes import Ids
from archdsl.registry.types import Shape

if TYPE_CHECKING:
    from archdsl.errors import Span
    from archdsl.registry.entry import Entry

__all__ = [
    "GLOBAL",
    "ONCE",
    "Along",
    "Layer",
    "Misfit",
    "Run",
    "Sight",
    "Window",
    "check_ids",
    "check_layer",
    "check_size",
    "with_time",
    "words",
]


class Run(NamedTuple):
    """How an op runs the network among its arguments.

    passes: how many times, one after the other, each on the result of the one before.
    states: whether each pass is added to the state that it was given, which is a value of its own.
    held: numbers that are kept beside a pass while it runs.
    kept: passes whose results the backward pass needs; None for all.
    made: numbers of the value that each pass is given, where it is made of the state; 0 where it is the state.
    """

    passes: int = 1
    states: bool = False
    held: int = 0
    kept: int | None = None
    made: int = 0


ONCE = Run()


class Layer(NamedTuple):
    """The one answer of an op.

    out: shape of the result, without the batch.
    module: makes the module through an injected ``nn`` (torch.nn with ``archdsl.emit.layers`` on top); bodies, built,
        follow as arguments. None where ``call`` serves.
    call: a stateless function of an injected ``torch`` and the arriving values.
    weights, buffers: names (as in the module's state dict) and shapes, in order.
    macs: multiply-accumulates of one example, matrix products and convolutions alone, so that FLOPs = 2 × MACs is what
        torch's FlopCounterMode counts.
    window: how it looks at an image, or along tokens, for the receptive field; None is point-wise.
    depth: layers with weights in a row that it stands for, where the word has the trait ``weighted``.
    run: how often it runs the network among its arguments, where it has one.
    """

    out: Shape
    module: Callable[..., Any] | None = None
    call: Callable[..., Any] | None = None
    weights: dict[str, Shape] = {}  # noqa: RUF012 - never written to
    buffers: dict[str, Shape] = {}  # noqa: RUF012
    macs: int = 0
    window: Window | Sight | Along | None = None
    run: Run = ONCE
    depth: int = 1


class Misfit(Refusal):
    """Raised by an op that cannot take what arrives; the trace gives it a place.

    ``code`` is an A3xx code, ``help`` the remedy.
    """

    def __init__(self, message: str, code: str = "A302", help: str = "") -> None:
        super().__init__(message)
        self.code, self.help = code, help


def with_time(shape: Shape) -> Shape:
    """The shape of a value with the time as one channel more."""
    return (shape[0] + 1, *shape[1:]) if len(shape) == 3 else (*shape[:-1], shape[-1] + 1)


def words(shape: Shape) -> str:
    """A shape in words: ``an image 3x32x32``, ``196 tokens of 768``, ``a vector of 512``, ``128 ids below 256``."""
    if isinstance(shape, Ids):
        return f"{shape.length} ids below {shape.vocabulary}"
    if len(shape) == 3:
        return "an image " + "x".join(map(str, shape))
    return f"{shape[0]} tokens of {shape[1]}" if len(shape) == 2 else f"a vector of {shape[0]}"


def check_ids(entry: Entry, shape: Any) -> None:
    """Refuse ids where a layer does not say that it takes them (the trait ``ids``): no sum or product of them has a meaning.

    Args:
        shape: what arrives, or for a join the shapes of all branches.

    Raises:
        Misfit: A301.
    """
    ids = shape if isinstance(shape, Ids) else next((s for s in shape if isinstance(s, Ids)), None)
    if ids is not None and "ids" not in entry.traits:
        raise Misfit(
            f"`{entry.name}` takes numbers, and here arrive {words(ids)}",
            "A301",
            "write `embed(64)` before it: a learnt vector for each id",
        )


def check_layer(entry: Entry, layer: object) -> None:
    """Refuse what a word gives in the place of a layer.

    Raises:
        WordFault: it says what the word gives.
    """
    if not isinstance(layer, Layer):
        raise wrong(entry, entry.make, layer)
    for shape in (layer.out, *layer.weights.values(), *layer.buffers.values()):
        sizes: object = shape
        if not isinstance(sizes, tuple) or not all(type(size) is int for size in sizes):
            raise wrong(entry, entry.make, shape)


def check_size(layer: Layer, word: str, span: Span | None) -> None:
    """Whether a layer's result and its weights can be held at all.

    Raises:
        SpecError: A407.
    """
    for what, shape in (("its result", layer.out), *layer.weights.items()):
        if (size := prod(shape)) > Limits.VALUES:
            raise fail(
                "A407",
                f"`{word}` would need {size:,} numbers for {what}",
                span,
                "no machine can hold that; check the width",
            )
