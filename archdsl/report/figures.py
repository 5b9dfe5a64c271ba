"""Figures as files, drawn with matplotlib (an extra). Plain data in; the same data give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from archdsl.report.chart import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "KINDS", "curves"]

# Okabe & Ito 2008, without the yellow that paper swallows: distinguishable by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("", "o", "s", "^", "D", "v")  # the next seven groups differ by these
KINDS = ("png", "svg", "pdf")
SIZE = (5.5, 3.2)  # inches; the width of a page of text in most templates
FEW = 12  # points up to which each is shown

_STYLE = {
    "font.size": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "archdsl",
}
_METADATA: dict[str, dict[str, None]] = {  # nothing inside tells when it was drawn, or by which version
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Figure]:
    """An empty figure of this size in inches, in our style whatever the settings of matplotlib here.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), catch_warnings():
        filterwarnings("ignore", "Glyph")  # a letter that the font lacks becomes a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield Figure(figsize=size, layout="constrained")


def curves(
    target: Path | IO[bytes],
    lines: Sequence[Curve],
    x: str,
    y: str,
    *,
    kind: str,
    log: bool = False,
    percent: bool = False,
    styles: tuple[str, str] | None = None,
) -> None:
    """Draw curves into a file, or a stream, of a kind of ``KINDS``, each group in a colour of its own.

    Args:
        x, y: what the axes show.
        percent: y holds shares.
        styles: what solid and dashed lines are; the legend then names each group once. Without it each curve is
            named.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    with new_figure(SIZE) as figure:
        axes = figure.add_subplot()
        drawn = [(c, _draw(axes, c)) for c in lines]
        _scales(axes, log, percent)
        axes.set(xlabel=x, ylabel=y)
        _legend(axes, drawn, styles)
        figure.savefig(target, format=kind, dpi=300, metadata=_METADATA[kind])


def _draw(axes: Axes, curve: Curve) -> Any:
    number, colour = divmod(curve.group, len(COLOURS))
    finite = sum(map(math.isfinite, curve.ys))
    marker = MARKERS[number % len(MARKERS)] or ("o" if finite <= FEW else "")
    return axes.plot(
        curve.xs,
        curve.ys,
        color=COLOURS[colour],
        linestyle=(0, (3.2, 1.6)) if curve.dashed else "-",
        linewidth=1.3,
        marker=marker,
        markersize=3,
        markeredgewidth=0.9,
        markerfacecolor="white" if curve.dashed else COLOURS[colour],
        markevery=1 if finite <= FEW else max(1, len(curve.xs) // 10),
        zorder=3 if curve.dashed else 2,
    )[0]


def _scales(axes: Axes, log: bool, percent: bool) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if log:
        axes.set_yscale("log", nonpositive="mask")
        low, high = axes.get_ylim()
        if high / low < 30:  # powers of ten alone would leave the axis without a number
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7) if high / low < 4 else (1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(axes: Axes, drawn: Sequence[tuple[Curve, Any]], styles: tuple[str, str] | None) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = []
    names: list[str] = []
    seen: set[int] = set()
    for curve, line in drawn:
        if styles is None or curve.group not in seen:
            seen.add(curve.group)
            colour = line.get_color()
            handles.append(
                line if styles is None else Line2D([], [], color=colour, lw=1.3, marker=line.get_marker(), ms=3)
            )
            names.append(f" {curve.name}" if curve.name.startswith("_") else curve.name)  # it would hide the latter
    if styles is not None:
        for style, name in zip(("-", (0, (3.2, 1.6))), styles, strict=True):
            handles.append(Line2D([], [], color="#666666", linestyle=style, lw=1.3))
            names.append(name)
    beside = len(handles) > 8  # many would hide the curves
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if beside else {"loc": "best"}
    legend = axes.legend(
        handles, names, frameon=not beside, framealpha=0.85, edgecolor="none", handlelength=2.2, **place
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a `$` in a name is a `$`
