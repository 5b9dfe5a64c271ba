"""Receptive field and stride of every value of a network, on any wiring.

A value sees an interval of input pixels along each axis; in a network of sequences, of tokens along the one axis there is. A
window widens that interval; where branches meet, the intervals join. A network that runs several times with the same weights
widens it each time. (Araujo et al. 2019, "Computing receptive fields of convolutional neural networks".)

Two things are left out, as in published figures: a gate (a factor of one value a channel, as in squeeze and
excitation), and the statistics of a normalisation. A product of two branches of full size is counted as any other join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.ir.window import GLOBAL, SELF, Along, Axis, Sight, Window
from archdsl.registry.shapes import Ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.ir.trace import Row, Trace


class Field(NamedTuple):
    """The input pixels that each position sees, along (height, width)."""

    rows: Axis
    columns: Axis

    @property
    def size(self) -> tuple[int, int]:
        """Pixels that one position sees, at most."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[int | float, int | float]:
        """How far apart, in pixels, neighbours look; below 1 in an image larger than the input."""
        return self.rows.stride, self.columns.stride


class Sees(NamedTuple):
    """What a value sees, and what the last image up to it sees that does not see everything; None for everything, or
    where there is none."""

    end: Field | None
    image: Field | None


HERE = Field(SELF, SELF)  # a value that sees itself


def fields(trace: Trace, begin: Field | None = None) -> list[Field | None]:
    """One entry a row; None where the value sees everything, or where there is no image. The input sees itself, or
    what ``begin`` says.
    """
    return [end for end, _ in seen(trace, begin)]


def reach(trace: Trace) -> tuple[tuple[int, ...] | None, tuple[int | float, ...] | None]:
    """Receptive field and stride of a network: (height, width) of its last image that does not see everything, None where
    there is none. Of a sequence (tokens,): the tokens that its last ones depend on. Without a stride where these are all tokens.
    """
    if not is_sequence(trace.input):
        image = whole(trace).image
        return (image.size, image.stride) if image else (None, None)
    found = seen(trace, HERE, 2)
    last = next((n for n in reversed(range(len(found))) if len(trace.rows[n].layer.out) == 2), None)
    end = found[last].end if last is not None else None
    if last is None or end is None:
        return None if last is None else (trace.input[0],), None
    return (min(end.rows.size, trace.input[0]),), (end.rows.stride,)


def is_sequence(input: tuple[int, ...]) -> bool:
    """Whether what arrives are ids or tokens."""
    return len(input) == 2 or isinstance(input, Ids)


def seen(trace: Trace, begin: Field | None = None, rank: int = 3) -> list[Sees]:
    """``fields`` with the last image inside each row: for a network that runs within a layer, the last one in there.

    Args:
        rank: 3 in a network of images, 2 in one of sequences: of the values whose positions see parts of the input.
    """
    start = begin if begin is not None else HERE if len(trace.input) == 3 else None
    found: list[Sees] = []
    for row in trace.rows:
        if row.bodies:
            found.append(_within(row, found[row.inputs[0]].end if row.inputs[0] >= 0 else start, rank))
            continue
        window = _window(row, rank)
        if len(row.inputs) == 1:  # nearly every row
            source = row.inputs[0]
            if window is None and source >= 0 and len(row.layer.out) == rank and found[source].image is not None:
                found.append(found[source])
                continue
            end = _behind(found[source].end if source >= 0 else start, window)
        else:
            end = _behind(_joined(trace, row, [found[i].end if i >= 0 else start for i in row.inputs]), window)
        found.append(Sees(end, end if len(row.layer.out) == rank else None))
    return found


def _window(row: Row, rank: int) -> Window | Sight | None:
    """How a row looks at what arrives; an image in a network of sequences has no axis of theirs."""
    window = row.layer.window
    if rank == 2 and len(row.layer.out) == 3:
        return GLOBAL
    if not isinstance(window, Along):
        return window
    if rank == 3:
        return window.of_image
    return GLOBAL if window.axis is None else Sight((window.axis, SELF))


def whole(trace: Trace, begin: Field | None = None, rank: int = 3) -> Sees:
    """What the result of a network sees, and its last image."""
    found = seen(trace, begin, rank)
    image = next((s.image for s in reversed(found) if s.image is not None), None)
    start = begin if begin is not None else HERE if len(trace.input) == 3 else None
    return Sees(found[trace.output].end if trace.output >= 0 else start, image)


def _behind(field: Field | None, window: Window | Sight | None) -> Field | None:
    """What a value sees that looks at others through a window."""
    if field is None or window is None:
        return field
    if window == GLOBAL:
        return None
    rows, columns = field
    if isinstance(window, Window) and len(rows.ends) == len(columns.ends) == 1:  # `then` for what is nearly always so
        (kh, kw), (sh, sw), (ph, pw) = window
        (top, bottom), (left, right) = rows.ends[0], columns.ends[0]
        high, wide = rows.step, columns.step
        return Field(
            Axis(high * sh, ((top - high * ph, bottom + high * (kh - 1 - ph)),)),
            Axis(wide * sw, ((left - wide * pw, right + wide * (kw - 1 - pw)),)),
        )
    along, across = window.axes
    return _field(rows.then(along), columns.then(across))


def _joined(trace: Trace, row: Row, arriving: Sequence[Field | None]) -> Field | None:
    """What a value sees in which branches meet."""
    out = row.layer.out
    counted = [(f, trace.shape(i)) for f, i in zip(arriving, row.inputs, strict=True)]
    if "product" in row.op.entry.traits:
        counted = [c for c in counted if not _gate(c[1], out)] or counted
    if "pointwise" in row.op.entry.traits and any(_spread(shape, out) for _, shape in counted):
        return None
    joined = counted[0][0]
    for other, _ in counted[1:]:
        if joined is None or other is None:
            return None
        joined = _field(joined.rows.join(other.rows), joined.columns.join(other.columns))
    return joined


def _spread(shape: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether one place of a branch, wherever it looks, is seen by all places of the result along an axis."""
    if len(shape) < len(out):
        return True
    places = slice(1, None) if len(out) == 3 else slice(0, len(out) - 1)
    return shape[places] != out[places]


def _gate(factor: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether a factor has one value for a whole channel of the product."""
    if len(out) == 3:
        return out[1:] != (1, 1) and (len(factor) == 1 or factor[1:] == (1, 1))
    return len(out) == 2 and len(factor) == 1


def _within(row: Row, field: Field | None, rank: int) -> Sees:
    """What leaves a network that runs within a layer, once or several times in a row."""
    if field is None:
        return Sees(None, None)
    run = row.layer.run
    end, image = whole(row.bodies[0], HERE, rank)
    if run.states:  # each pass is added to the state that it was given
        end = None if end is None else _field(end.rows.join(SELF), end.columns.join(SELF))
    before: Field | None = None
    if end is not None:
        before = _field(end.rows.power(run.passes - 1), end.columns.power(run.passes - 1))
        last = None if before is None else through(before, end)
        result = None if last is None else through(field, last)
        if run.states:
            image = end if len(row.layer.out) == rank else None
    else:
        before, result = HERE, None
    shown = None if before is None or image is None else through(before, image)
    return Sees(result, None if shown is None else through(field, shown))


def through(field: Field, inner: Field) -> Field | None:
    """What a value sees that sees ``inner`` of an image whose values see ``field``."""
    return _field(field.rows.then(inner.rows), field.columns.then(inner.columns))


def _field(rows: Axis | None, columns: Axis | None) -> Field | None:
    return None if rows is None or columns is None else Field(rows, columns)
