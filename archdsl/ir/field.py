"""Receptive field and stride of every value of a network, on any wiring.

A value at position i along an axis sees the input pixels from ``step·i + low`` to ``step·i + high``. A window widens
that interval; where branches meet, the intervals join; a gate that sees the whole image (squeeze and excitation) is not
counted, as in published figures. (Araujo et al. 2019, "Computing receptive fields of
convolutional neural networks".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.ir.layer import GLOBAL

if TYPE_CHECKING:
    from archdsl.ir.layer import Window
    from archdsl.ir.trace import Row, Trace


class Field(NamedTuple):
    """Per axis (height, width): the step between neighbours and the interval that position 0 sees, in input pixels."""

    step: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        return self.high[0] - self.low[0] + 1, self.high[1] - self.low[1] + 1


HERE = Field((1, 1), (0, 0), (0, 0))  # a value that sees itself


def fields(trace: Trace, begin: Field | None = None) -> list[Field | None]:
    """One entry a row; None where the value sees everything, or where there is no image. The input sees itself, or
    what ``begin`` says.
    """
    start = begin if begin is not None else HERE if len(trace.input) == 3 else None
    seen: list[Field | None] = []
    for row in trace.rows:
        arriving = [seen[i] if i >= 0 else start for i in row.inputs]
        seen.append(_through(row, arriving))
    return seen


def _through(row: Row, arriving: list[Field | None]) -> Field | None:
    if len(arriving) == 1 and not row.bodies:  # nearly every row
        field, window = arriving[0], row.layer.window
        if field is None or window is None:
            return field
        return None if window == GLOBAL else _widen(field, window)
    if "wrap" in row.op.entry.traits and arriving[0] is not None:
        return _inside(row.bodies[0], arriving[0])
    images = [f for f, known in ((f, f is not None) for f in arriving) if known and f is not None]
    gate = row.op.name == "mul"  # a factor that sees everything weighs channels; what it weighs sees what it saw
    if (len(images) < len(arriving) and not gate) or not images or row.bodies:
        return None
    joined = images[0]
    for other in images[1:]:
        if other.step != joined.step:
            return None
        low = (min(joined.low[0], other.low[0]), min(joined.low[1], other.low[1]))
        joined = Field(joined.step, low, (max(joined.high[0], other.high[0]), max(joined.high[1], other.high[1])))
    window = row.layer.window
    if window is None:
        return joined
    return None if window == GLOBAL else _widen(joined, window)


def _inside(body: Trace, field: Field) -> Field | None:
    """What leaves a network that stands in the place of one layer."""
    inner = fields(body)[body.output] if body.output >= 0 else HERE
    return None if inner is None else through(field, inner)


def through(field: Field, inner: Field) -> Field:
    """What a value sees that sees ``inner`` of an image whose values see ``field``."""
    (sh, sw), (lh, lw), (hh, hw) = inner
    low = field.low[0] + field.step[0] * lh, field.low[1] + field.step[1] * lw
    high = field.high[0] + field.step[0] * hh, field.high[1] + field.step[1] * hw
    return Field((field.step[0] * sh, field.step[1] * sw), low, high)


def _widen(field: Field, window: Window) -> Field:
    (sh, sw), (kh, kw), (ph, pw) = field.step, window.kernel, window.pad
    low = (field.low[0] - sh * ph, field.low[1] - sw * pw)
    high = (field.high[0] + sh * (kh - 1 - ph), field.high[1] + sw * (kw - 1 - pw))
    return Field((sh * window.stride[0], sw * window.stride[1]), low, high)
