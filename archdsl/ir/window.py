"""Which positions a layer looks at, along each axis of an image.

``Axis`` is exact for windows, for upsampling and for adaptive pooling: behind an upsampling by 2, even and odd positions
see different pixels, so the map repeats with a period. Axes compose, repeat and join.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import NamedTuple

PERIOD = 4096  # positions after which a map may repeat; beyond, it is not followed further
STEP = 1 << 62


class Axis(NamedTuple):
    """What each position sees along one axis: position ``len(ends)·t + j`` sees the positions from ``step·t + low`` to
    ``step·t + high``, where ``low, high = ends[j]``. An empty interval (``high < low``) sees nothing."""

    step: int
    ends: tuple[tuple[int, int], ...]

    def low(self, position: int) -> int:
        t, j = divmod(position, len(self.ends))
        return self.step * t + self.ends[j][0]

    def high(self, position: int) -> int:
        t, j = divmod(position, len(self.ends))
        return self.step * t + self.ends[j][1]

    @property
    def size(self) -> int:
        """The most positions that one position sees."""
        return max(high - low for low, high in self.ends) + 1

    @property
    def stride(self) -> int | float:
        """The mean distance of what neighbours see."""
        whole, rest = divmod(self.step, len(self.ends))
        return self.step / len(self.ends) if rest else whole

    def then(self, inner: Axis) -> Axis | None:
        """The map behind a part that looks at this one's positions by ``inner``; None if it becomes too long."""
        if len(self.ends) == len(inner.ends) == 1:  # nearly always
            step, (low, high), (first, last) = self.step, self.ends[0], inner.ends[0]
            return Axis(step * inner.step, ((step * first + low, step * last + high),))
        times = len(self.ends) // gcd(len(self.ends), inner.step)
        period, step = len(inner.ends) * times, self.step * (inner.step * times // len(self.ends))
        if period > PERIOD or step > STEP:
            return None
        return Axis(step, tuple([(self.low(inner.low(j)), self.high(inner.high(j))) for j in range(period)]))

    def join(self, other: Axis) -> Axis | None:
        """What is seen through both; None where the two move by different steps."""
        if self.step * len(other.ends) != other.step * len(self.ends):
            return None
        period = lcm(len(self.ends), len(other.ends))
        if period > PERIOD:
            return None
        ends = [(min(self.low(j), other.low(j)), max(self.high(j), other.high(j))) for j in range(period)]
        return Axis(self.step * (period // len(self.ends)), tuple(ends))

    def power(self, times: int) -> Axis | None:
        """The map behind ``times`` equal parts in a row, each of this map."""
        result: Axis | None = SELF
        square: Axis | None = self
        while times:
            if square is None or square.step > STEP:
                return None
            if times & 1:
                result = None if result is None else result.then(square)
            times >>= 1
            square = square.then(square) if times else square
        return result


SELF = Axis(1, ((0, 0),))  # sees itself


class Window(NamedTuple):
    """How an op looks at an image: kernel (dilated extent), stride and padding before, each as (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]

    @property
    def axes(self) -> tuple[Axis, Axis]:
        (kh, kw), (sh, sw), (ph, pw) = self
        return Axis(sh, ((-ph, kh - 1 - ph),)), Axis(sw, ((-pw, kw - 1 - pw),))


class Sight(NamedTuple):
    """How an op that is not a sliding window looks at an image, along (height, width)."""

    axes: tuple[Axis, Axis]


class Along(NamedTuple):
    """How an op looks along tokens. Behind an image its tokens are rows of pixels one after the other, where ``of_image``
    holds instead."""

    axis: Axis | None  # None sees everything
    of_image: Window | None


GLOBAL = Window((0, 0), (0, 0), (0, 0))  # sees everything that arrives


def enlarged(by: int) -> Sight:
    """Each position becomes ``by`` along both axes."""
    axis = Axis(1, ((0, 0),) * min(by, PERIOD + 1))
    return Sight((axis, axis))


def interpolated(before: tuple[int, int], behind: tuple[int, int], reach: int = 1) -> Sight:
    """Interpolation between the centres of pixels: position j of n lies at (j + 1/2)·size/n − 1/2, and is made of the pixel
    there, or of ``reach`` pixels on each side: one where it is bilinear, two where it is bicubic."""

    def axis(size: int, n: int) -> Axis:
        common = gcd(size, n)
        step, period = size // common, n // common
        if period > PERIOD:  # pixels on both sides, moved by the mean step
            return Axis(max(1, size // n), ((1 - reach, reach),))
        double = [(2 * j + 1) * step - period for j in range(period)]  # places in units of 1/(2·period)
        more = [reach - 1 if d % (2 * period) else 0 for d in double]
        return Axis(
            step, tuple([(d // (2 * period) - m, -(-d // (2 * period)) + m) for d, m in zip(double, more, strict=True)])
        )

    return Sight((axis(before[0], behind[0]), axis(before[1], behind[1])))


def transposed(kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]) -> Sight:
    """A transposed convolution: position i is reached by those whose window, laid down from ``stride·n − pad``, holds it."""

    def axis(k: int, s: int, p: int) -> Axis:
        return Axis(1, tuple([(-(-(j + p - k + 1) // s), (j + p) // s) for j in range(min(s, PERIOD + 1))]))

    return Sight((axis(kernel[0], stride[0], pad[0]), axis(kernel[1], stride[1], pad[1])))


def bins(before: tuple[int, int], behind: tuple[int, int]) -> Sight:
    """Adaptive pooling: bin i of n reaches from ⌊i·size/n⌋ to before ⌈(i + 1)·size/n⌉."""

    def axis(size: int, n: int) -> Axis:
        common = gcd(size, n)
        step, period = size // common, n // common
        if period > PERIOD:  # the widest bin, moved by the mean step
            return Axis(max(1, size // n), ((0, -(-size // n) - 1),))
        return Axis(step, tuple([(j * step // period, -(-(j + 1) * step // period) - 1) for j in range(period)]))

    return Sight((axis(before[0], behind[0]), axis(before[1], behind[1])))
