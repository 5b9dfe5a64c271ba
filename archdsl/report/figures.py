"""Figures as files, drawn with matplotlib (an extra). Plain data in; the same data give the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["COLOURS", "Curve", "curves"]

Curve = tuple[Sequence[float], Sequence[float], str]  # x, y, line style

# Okabe & Ito 2008: told apart by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def curves(
    target: Path, lines: Mapping[str, Sequence[Curve]], x: str, y: str, log: bool = False, kind: str = ""
) -> None:
    """Draw curves, each name in a colour of its own, into a PNG, SVG or PDF file.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "archdsl", "svg.fonttype": "none", "font.size": 9, "axes.linewidth": 0.6}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(6.0, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for number, (name, parts) in enumerate(lines.items()):
            for part, (across, up, dash) in enumerate(parts):
                axes.plot(
                    across, up, dash, color=COLOURS[number % len(COLOURS)], linewidth=1.4,
                    marker="o" if len(across) < 30 else None, markersize=2.5, label=name if part == 0 else None,
                )  # fmt: skip
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if log:
            axes.set_yscale("log")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.5)
        axes.legend(frameon=False, fontsize=8)
        metadata = {"Date": None} if kind == "svg" else {"Software": None} if kind == "png" else {"CreationDate": None}
        figure.savefig(target, format=kind or None, dpi=200, metadata=metadata)
