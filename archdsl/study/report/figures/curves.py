"""Learning curves: every seed thin, the mean of the arm thick."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archdsl.expand.metrics import unit_of
from archdsl.report.figures import COLOURS
from archdsl.study.report.figures.canvas import GREY, INK, LABEL, PALE, WIDTH, labels, render
from archdsl.study.results.curves import Point
from archdsl.study.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOGETHER = 5  # arms that share one pair of axes; more get a panel each
ACROSS = 4  # panels in a row
MARGIN = 0.05  # of an axis, beyond its values
PANEL = 34  # letters of a name above one
WORDS = {
    "loss": "training loss",
    "accuracy": "training accuracy (%)",
    "valid_loss": "validation loss",
    "valid_accuracy": "validation accuracy (%)",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy (%)",
    "train_eval_loss": "training loss, evaluation mode",
    "train_eval_accuracy": "training accuracy, evaluation mode (%)",
}

Line = tuple[list[float], list[float]]  # epochs and values
Runs = Mapping[int, Sequence[Point]]


def curves(results: Results, points: Mapping[str, Runs]) -> str | None:
    """Learning curves as SVG; None where no run has a point.

    Few arms share two panels, the training loss and the metric's own course; more have a panel each.
    """
    names = labels([a.label for a in results.arms], LABEL if len(results.arms) <= TOGETHER else PANEL)
    arms = [
        (label, points[a.name])
        for a, label in zip(results.arms, names, strict=True)
        if any(points.get(a.name, {}).values())
    ]
    kinds = _kinds([run for _, runs in arms for run in runs.values()], results)
    if not kinds:
        return None
    title = "Learning curves: every seed thin, means thick"
    if len(arms) <= TOGETHER:
        return render(
            (WIDTH, 2.7 + 0.18 * math.ceil(len(arms) / 2)), lambda f: _together(f, arms, kinds), "curves", title
        )
    down = math.ceil(len(arms) / ACROSS)
    return render((WIDTH + 1, 1.45 * down + 0.7), lambda f: _panels(f, arms, kinds[-1], down), "curves", title)


def _kinds(runs: Sequence[Sequence[Point]], results: Results) -> list[str]:
    """The training loss and what is nearest to the metric, as far as they were measured."""
    figure = "accuracy" if results.measure.unit == "percent" else "loss"
    first = "valid" if results.measure.on == "valid" else "test"
    near = [f"{part}_{figure}" for part in (first, "test", "valid")] + (["accuracy"] if figure == "accuracy" else [])
    train = ["train_eval_loss", "loss"]
    has = [next((k for k in kinds if any(_line(run, k)[0] for run in runs)), None) for kinds in (train, near)]
    return [kind for kind in has if kind is not None]


def _line(run: Sequence[Point], kind: str) -> Line:
    """Epochs and values that are finite; shares in percent."""
    factor = 100.0 if unit_of(kind) == "percent" else 1.0
    found = [(float(p.epoch), getattr(p, kind)) for p in run]
    kept = [(x, v * factor) for x, v in found if v is not None and math.isfinite(v)]
    return [x for x, _ in kept], [y for _, y in kept]


def mean(lines: Sequence[Line]) -> Line:
    """The mean over seeds where every seed has a value: a run that ended early must not bend it."""
    tables = [dict(zip(*line, strict=True)) for line in lines if line[0]]
    shared = sorted(set.intersection(*(set(t) for t in tables))) if tables else []
    return shared, [math.fsum(t[x] for t in tables) / len(tables) for x in shared]


def _draw(axes: Axes, runs: Runs, kind: str, colour: str, marks: bool, thick: float = 1.8) -> None:
    lines = [_line(runs[seed], kind) for seed in sorted(runs)]
    dot = "o" if marks else ""
    for xs, ys in lines:
        axes.plot(xs, ys, color=colour, linewidth=0.6, alpha=0.5, marker=dot, markersize=2, markeredgewidth=0)
    xs, ys = mean(lines)
    axes.plot(xs, ys, color=colour, linewidth=thick, marker=dot, markersize=thick + 1.4, markeredgewidth=0, zorder=3)


def _together(figure: Figure, arms: Sequence[tuple[str, Runs]], kinds: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    for n, kind in enumerate(kinds, 1):
        axes = figure.add_subplot(1, len(kinds), n)
        for number, (_, runs) in enumerate(arms):
            _draw(axes, runs, kind, _colour(number), _few(arms))
        axes.set(xlabel="epoch", ylabel=WORDS[kind])
        _plain(axes)
    handles = [Line2D([], [], color=_colour(n), lw=1.8) for n in range(len(arms))]
    figure.legend(
        handles,
        [name for name, _ in arms],
        loc="outside upper center",
        ncols=min(len(arms), 2 if max(len(name) for name, _ in arms) > 18 else 4),
        frameon=False,
    )


def _panels(figure: Figure, arms: Sequence[tuple[str, Runs]], kind: str, down: int) -> None:
    """A panel for each arm, the reference's mean dashed in all."""
    every = [_line(run, kind) for _, runs in arms for run in runs.values()]
    sides = [_limits([v for line in every for v in line[side]]) for side in (0, 1)]
    reference = mean([_line(run, kind) for _, run in sorted(arms[0][1].items())])
    for n, (name, runs) in enumerate(arms):
        axes = figure.add_subplot(down, ACROSS, n + 1, xlim=sides[0], ylim=sides[1])  # shared axes take quadratic time
        _draw(axes, runs, kind, _colour(1 if n else 0), _few(arms), 1.2)
        if n:
            axes.plot(*reference, color=INK, linewidth=0.9, linestyle=(0, (3, 1.5)), zorder=2.5)
        axes.set_title(name, fontsize=6.5, pad=2)
        axes.tick_params(labelsize=6.5, labelleft=n % ACROSS == 0, labelbottom=n + ACROSS >= len(arms))
        _plain(axes)
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel(WORDS[kind], fontsize=8)
    figure.suptitle(f"dashed: the mean of {arms[0][0]}", fontsize=7.5, color=GREY)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that has all values, with matplotlib's margin."""
    low, high = min(values), max(values)
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room


def _colour(number: int) -> str:
    """The reference is black."""
    return (INK, *COLOURS)[number]


def _few(arms: Sequence[tuple[str, Runs]]) -> bool:
    """Whether the points are so few that each is shown."""
    return max(len(run) for _, runs in arms for run in runs.values()) <= 8


def _plain(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
