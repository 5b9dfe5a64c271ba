"""Main effects and interactions of a factorial design, each with its interval over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from archdsl.study.report.figures.canvas import INK, LABEL, LINE, PALE, ROW, labels, render, rows, width
from archdsl.study.report.figures.forest import columns, interval
from archdsl.study.results.results import Results
from archdsl.study.results.unit import Unit, unit
from archdsl.study.stats import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Estimated(Protocol):
    """An effect by its name (``res`` or ``res × bn``), what each seed gives for it, and what it cannot be told from."""

    @property
    def name(self) -> str: ...
    @property
    def per_seed(self) -> Mapping[int, float]: ...
    @property
    def aliased_with(self) -> Sequence[str]: ...


def effects(results: Results, found: Sequence[Estimated], slim: bool = False) -> str | None:
    """Effects as SVG, in the order given; None without any. ``slim``: for a narrow page."""
    shown = [e for e in found if e.per_seed]
    if not shown:
        return None

    names = _names(shown)

    def draw(figure: Figure) -> None:
        _draw(figure, results, shown, names, unit(results), slim)

    lines = max(name.count("\n") for name in names)
    row = ROW + LINE * (lines + 1) if slim else ROW * (1 + 0.5 * lines)
    title = "Main effects and interactions"
    return render((width(slim), row * len(shown) + 0.95), draw, "slim-effects" if slim else "effects", title)


def _names(found: Sequence[Estimated]) -> list[str]:
    """Each effect with those that it cannot be told from, in lines below each other where one is too long."""
    whole = [" = ".join((e.name, *e.aliased_with)) for e in found]
    return [
        text if len(text) <= LABEL else "\n= ".join(labels([e.name, *e.aliased_with]))
        for text, e in zip(whole, found, strict=True)
    ]


def _draw(
    figure: Figure, results: Results, found: Sequence[Estimated], names: Sequence[str], unit: Unit, slim: bool
) -> None:
    axes = figure.add_subplot()
    rows(axes, names, slim)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    beside = []
    for y, effect in enumerate(found):
        values = [effect.per_seed[seed] for seed in sorted(effect.per_seed)]
        axes.plot(
            [v * unit.factor for v in values],
            [y + 0.3] * len(values),
            "o",
            color="#8a8a8a",
            markersize=2.6,
            markeredgewidth=0,
            alpha=0.8,
            zorder=1.5,
        )
        s = summary(values)
        assert s.mean is not None
        shown = bool(s.sd)
        interval(axes, y, s.mean, s.low if shown else None, s.high if shown else None, unit.factor)
        beside.append((unit.change(s.mean), unit.between(s.low, s.high) if shown else "–", str(s.n)))
    better = "right" if results.higher_is_better else "left"
    axes.set_xlabel(f"effect on {unit.change_axis.removeprefix('Δ ')}; {better} is better")
    axes.margins(x=0.06)
    axes.grid(axis="y", color=PALE, linewidth=0.5)
    heads = ("effect", "95 % interval", "seeds")[: 2 if slim else 3]
    columns(axes, heads, beside)
