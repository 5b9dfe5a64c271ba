"""A figure of several quantities along one axis: a bar for each place, and their running total. Drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.report.figures import _METADATA, COLOURS, new_figure
from archdsl.report.numbers import compact, size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (7.5, 5.2)  # inches
_NAMED = 14  # stretches that there is room to name


@dataclass(frozen=True, slots=True)
class Series:
    """A quantity by place; ``bytes`` says that it is memory."""

    name: str
    values: tuple[int, ...]
    bytes: bool = False

    def text(self, value: int) -> str:
        return size(value) if self.bytes else compact(value)


def profile(
    target: Path,
    series: Sequence[Series],
    stretches: Sequence[tuple[str, int, int]],
    *,
    kind: str,
    title: str = "",
    x: str = "layer, in order of execution",
) -> None:
    """Draw the series one below the other into a file of a kind of ``archdsl.report.figures.KINDS``.

    Args:
        stretches: names of parts of the axis, with their first place and the one behind the last; every second one is shaded.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    with new_figure(SIZE) as figure:
        axes = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
        for number, (one, place) in enumerate(zip(series, axes, strict=True)):
            _bars(place, one, COLOURS[number % len(COLOURS)])
            _shade(place, stretches, named=number == 0)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold").set_parse_math(False)
        axes[-1].set_xlabel(x)
        figure.savefig(target, format=kind, dpi=200, metadata=_METADATA[kind])


def _bars(axes: Axes, series: Series, colour: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

    count, total = len(series.values), sum(series.values)
    places = range(1, count + 1)
    axes.bar(places, series.values, width=0.85 if count < 120 else 1.0, color=colour, linewidth=0)
    axes.set_ylabel(f"{series.name}\n{series.text(total)} in all")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: series.text(round(v))))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.3, count + 0.7)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if total:
        share = axes.twinx()
        share.plot(
            places, [t / total for t in accumulate(series.values)], color="#555555", linewidth=1, drawstyle="steps-mid"
        )
        share.set_ylim(0, 1.04)
        share.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
        share.set_ylabel("running total", color="#555555")
        share.spines["top"].set_visible(False)


def _shade(axes: Axes, stretches: Sequence[tuple[str, int, int]], named: bool) -> None:
    for number, (name, start, stop) in enumerate(stretches):
        if number % 2 == 0:
            axes.axvspan(start + 0.5, stop + 0.5, color="#eef1f5", linewidth=0, zorder=0)
        if named and len(stretches) <= _NAMED:
            text = axes.annotate(
                name,
                ((start + stop + 1) / 2, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color="#444444",
            )
            text.set_parse_math(False)
