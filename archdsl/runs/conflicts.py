"""Whether a run that is there answers a command: one of other conditions than are asked for does not. Knows no torch."""

from __future__ import annotations

from archdsl.runs.conditions import ConditionOptions
from archdsl.runs.run import Run
from archdsl.runs.store.checkpoint import Checkpoints


def check_conflicts(run: Run, requested: ConditionOptions) -> None:
    """Refuse to show or to resume a run that was trained under other conditions than are asked for.

    Raises:
        ArchError: it was.
    """
    if run.done:
        requested.check(
            run.versions,
            f"the finished run {run.folder}",
            "leave the option out to see that run; --again replaces it; --out DIR keeps both",
        )
    elif Checkpoints(run.folder).exist():
        requested.check(
            run.versions,
            f"the interrupted run {run.folder}",
            "leave the option out to resume that run; --again starts it again; --out DIR keeps both",
        )
