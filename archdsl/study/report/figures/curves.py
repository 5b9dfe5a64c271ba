"""Learning curves: every seed thin, the mean of the arm thick."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archdsl.expand.metrics import unit_of
from archdsl.report.figures import COLOURS
from archdsl.study.report.figures.canvas import DASHES, GREY, INK, LABEL, PALE, WIDTH, labels, render
from archdsl.study.results.curves import Point, read_curves
from archdsl.study.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOGETHER = 5  # arms that share one pair of axes; more get a panel each
ACROSS = 4  # panels in a row
LOSSES = ("loss", "valid_loss", "test_loss", "train_eval_loss")
STEEP = 100  # the largest mean loss, of the smallest one, from which the axis is logarithmic
MARGIN = 0.05  # of an axis, beyond its values
PANEL = 34  # letters of a name above one
WORDS = {
    "loss": "training loss",
    "accuracy": "training accuracy (%)",
    "valid_loss": "validation loss",
    "valid_accuracy": "validation accuracy (%)",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy (%)",
    "train_eval_loss": "training loss after the epoch",
    "train_eval_accuracy": "training accuracy after the epoch (%)",
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
    kinds = kinds_of(results, points)
    if not kinds:
        return None
    title = "Learning curves: every seed thin, means thick"
    if len(arms) <= TOGETHER:
        return render(
            (WIDTH, 2.7 + 0.18 * math.ceil(len(arms) / 2)), lambda f: _together(f, arms, kinds), "curves", title
        )
    across = min((ACROSS, ACROSS - 1), key=lambda n: -len(arms) % n)  # the one that leaves fewer places empty
    down = math.ceil(len(arms) / across)
    size = WIDTH + 1, (1.45 if across == ACROSS else 1.9) * down + 0.7
    return render(size, lambda f: _panels(f, arms, kinds[0], down, across), "curves", title)


def kinds_of(results: Results, points: Mapping[str, Runs]) -> list[str]:
    """What the figure draws, being fields of a point: of many arms one of them alone."""
    runs = [own for a in results.arms if any((own := points.get(a.name, {})).values())]
    kinds = _kinds([run for one in runs for run in one.values()], results)
    return kinds if len(runs) <= TOGETHER else kinds[-1:]


def mean_curves(results: Results) -> dict[str, list[Sequence[float]]]:
    """The mean curve of each arm, by what is drawn: the training loss, and what is nearest to the metric."""
    points = read_curves(results)
    runs = [points[a.name] for a in results.arms if any(points.get(a.name, {}).values())]
    kinds = _kinds([run for one in runs for run in one.values()], results)
    return {kind: [mean([_line(run, kind) for run in one.values()])[1] for one in runs] for kind in kinds}


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


def _draw(axes: Axes, runs: Runs, kind: str, colour: str, marks: bool, thick: float = 1.8, number: int = 0) -> None:
    lines = [_line(runs[seed], kind) for seed in sorted(runs)]
    dot = "o" if marks else ""
    for xs, ys in lines:
        axes.plot(xs, ys, color=colour, linewidth=0.6, alpha=0.5, marker=dot, markersize=2, markeredgewidth=0)
    xs, ys = mean(lines)
    axes.plot(
        xs,
        ys,
        color=colour,
        linewidth=thick,
        linestyle=DASHES[number],
        marker=dot,
        markersize=thick + 1.4,
        markeredgewidth=0,
        zorder=3,
    )


def _together(figure: Figure, arms: Sequence[tuple[str, Runs]], kinds: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    for n, kind in enumerate(kinds, 1):
        axes = figure.add_subplot(1, len(kinds), n)
        for number, (_, runs) in enumerate(arms):
            _draw(axes, runs, kind, _colour(number), _few(arms), number=number)
        axes.set(xlabel="epoch", ylabel=WORDS[kind])
        if kind in LOSSES and steep([mean([_line(r, kind) for r in runs.values()])[1] for _, runs in arms]):
            log_losses(axes)
        _plain(axes)
    handles = [Line2D([], [], color=_colour(n), lw=1.8, ls=DASHES[n]) for n in range(len(arms))]
    figure.legend(
        handles,
        [name for name, _ in arms],
        loc="outside upper center",
        ncols=min(len(arms), 2 if max(len(name) for name, _ in arms) > 18 else 4),
        frameon=False,
        handlelength=2.8,
    )


def _panels(figure: Figure, arms: Sequence[tuple[str, Runs]], kind: str, down: int, across: int) -> None:
    """A panel for each arm, the reference's mean dashed in all."""
    every = [_line(run, kind) for _, runs in arms for run in runs.values()]
    log = kind in LOSSES and steep([mean([_line(r, kind) for r in runs.values()])[1] for _, runs in arms])
    log = log and all(v > 0 for line in every for v in line[1])
    sides = [_limits([v for line in every for v in line[side]], log and side == 1) for side in (0, 1)]
    reference = mean([_line(run, kind) for _, run in sorted(arms[0][1].items())])
    for n, (name, runs) in enumerate(arms):
        axes = figure.add_subplot(down, across, n + 1, xlim=sides[0], ylim=sides[1])  # shared axes take quadratic time
        _draw(axes, runs, kind, _colour(1 if n else 0), _few(arms), 1.2)
        if n:
            axes.plot(*reference, color=INK, linewidth=0.9, linestyle=(0, (3, 1.5)), zorder=2.5)
        axes.set_title(name, fontsize=6.5, pad=2)
        if log:
            log_losses(axes)
        axes.tick_params(labelsize=6.5, labelleft=n % across == 0, labelbottom=n + across >= len(arms))
        _plain(axes)
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel(WORDS[kind], fontsize=8)
    figure.suptitle(f"dashed: mean curve of {arms[0][0]}", fontsize=7.5, color=GREY)


def steep(means: Sequence[Sequence[float]]) -> bool:
    """Whether mean losses fall so far that a linear axis would show most of them as 0."""
    values = [value for line in means for value in line]
    return bool(values) and min(values) > 0 and max(values) / min(values) > STEEP


def log_losses(axes: Axes) -> None:
    """A logarithmic axis of losses."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _limits(values: Sequence[float], log: bool = False) -> tuple[float, float]:
    """The ends of an axis that has all values, with matplotlib's margin."""
    low, high = min(values), max(values)
    if log:
        room = (high / low) ** MARGIN
        return low / room, high * room
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

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
