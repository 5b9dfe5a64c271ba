"""The result of a training run in two lines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.runs.run import Run

FAILED = {"diverged": "diverged", "oom": "out of memory", "timeout": "stopped by the time limit"}


def summary(run: Run) -> str:
    """The result in two lines; each begins with a word that a script can look for."""
    from archdsl.report.text import printable

    result = run.result or {}
    if result.get("status") == "finished":
        first = tested(run)
        if result["best_valid_accuracy"] is not None and run.facts.task.simple:
            first += (
                f", validation {100 * result['valid_accuracy']:.2f} % "
                f"(best {100 * result['best_valid_accuracy']:.2f} % after epoch {result['best_epoch']})"
            )
        first += f", {result['seconds']:.1f} s"
        if result.get("why"):
            first += f"; ended after epoch {result['epochs']}: {printable(result['why'])}"
        if result.get("data_changed"):
            first += "; its data changed while it trained"
    else:
        first = f"{FAILED.get(str(result.get('status')), 'not finished')} at step {result.get('step')}"
    return f"{first}\nrun {printable(str(run.folder))}\n"


def tested(run: Run) -> str:
    """What a finished run reports of the test images: the metrics of its task."""
    from archdsl.expand.metrics import metric_of

    parts = []
    for name in run.facts.task.reported:
        metric = metric_of(name)
        value = metric.of(SimpleNamespace(result=run.result or {}))
        if value is not None:
            parts.append(f"{metric.label} " + _amount(value, metric.unit == "percent"))
    return ", ".join(parts)


def _amount(value: float, percent: bool) -> str:
    if percent:
        return f"{100 * value:.2f} %"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
