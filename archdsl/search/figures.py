"""The figures of a search as inline SVG: best score against cost, the front, the importance of holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.expand.metrics import metric_of
from archdsl.search.ranking import front
from archdsl.search.results import SearchResults
from archdsl.search.winners import name_of
from archdsl.study.report.figures.canvas import BLUE, GREY, PALE, ROW, SLIM, WIDTH, render
from archdsl.study.report.figures.pareto import cost_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGH = 2.9  # inches


def best_so_far(results: SearchResults, slim: bool = False) -> str | None:
    """The best score of a whole run against the epochs of training so far, of all runs together; None without two."""
    if len(results.steps) < 2:
        return None
    factor = _factor(results)
    last = results.steps[-1]
    order = results.search.order
    total = sum(order.epochs(job) for job, _ in order.learnt)
    xs = [*(s.epochs for s in results.steps), max(total, last.epochs)]
    ys = [factor * v for v in (*(s.value for s in results.steps), last.value)]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.step(xs, ys, where="post", color=BLUE, linewidth=1.3)
        axes.plot(xs[:-1], ys[:-1], "o", color=BLUE, markersize=3)
        axes.set(xlabel="epochs of training, all runs together", ylabel=_axis(results))
        _plain(axes)

    return render((SLIM if slim else WIDTH, HIGH), draw, f"best{slim:d}", "best score against epochs of training")


def pareto(results: SearchResults, slim: bool = False) -> str | None:
    """Score against parameters: every candidate, the front and the winners; None unless two differ in size."""
    cost = next(iter(results.options.pareto), "params")
    top = [r for r in results.rows if r.rung == results.rows[0].rung]
    if len({r.candidate.totals[cost] for r in top}) < 2:
        return None
    factor, objective = _factor(results), results.search.scores.objectives[0]
    best = front({r.candidate.number: (objective.cost(r.value), float(r.candidate.totals[cost])) for r in top})
    winners = {c.number for c in results.winners}

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row in top:
            n, on = row.candidate.number, row.candidate.number in best
            axes.plot(
                row.candidate.totals[cost],
                factor * row.value,
                "D" if n in winners else "o",
                color=BLUE if on else GREY,
                markersize=6 if n in winners else 4,
                markerfacecolor=BLUE if on else "white",
                zorder=3 if on else 2,
            )
        line = sorted((r.candidate.totals[cost], factor * r.value) for r in top if r.candidate.number in best)
        axes.step(*zip(*line, strict=True), where="post", color=BLUE, linewidth=0.9, alpha=0.6)
        cost_axis(axes, [r.candidate.totals[cost] for r in top])
        for row in top:
            if row.candidate.number in winners:
                place = (row.candidate.totals[cost], factor * row.value)
                axes.annotate(name_of(row.candidate), place, (6, -3), textcoords="offset points", fontsize=7)
        axes.margins(0.1, 0.1)
        axes.set(xlabel={"params": "parameters", "macs": "MACs"}.get(cost, cost), ylabel=_axis(results))
        _plain(axes)

    return render((SLIM if slim else WIDTH, HIGH), draw, f"front{slim:d}", f"score against {cost}")


def importance(results: SearchResults, slim: bool = False) -> str | None:
    """How much each hole matters, as bars; None where that is not known."""
    found = sorted(results.importances.items(), key=lambda pair: pair[1])
    if not found:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.barh([name for name, _ in found], [100 * share for _, share in found], color=BLUE, height=0.6)
        axes.set_xlabel("importance, %")
        axes.tick_params(axis="y", length=0)

    return render(
        (SLIM if slim else WIDTH, 0.6 + 1.1 * ROW * len(found)), draw, f"importance{slim:d}", "importance of holes"
    )


def _factor(results: SearchResults) -> float:
    return 100.0 if metric_of(results.options.objective).unit == "percent" else 1.0


def _axis(results: SearchResults) -> str:
    metric = metric_of(results.options.objective)
    return f"{metric.label}{', %' if metric.unit == 'percent' else ''}"


def _plain(axes: Axes) -> None:
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
