"""What is said of a run that has no weights: they are kept at its end."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from archdsl.errors import ArchError
from archdsl.runs.run import WEIGHTS, load_run
from archdsl.runs.store.lock import held


def no_weights(folder: str | Path) -> tuple[str, str]:
    """Why there are none, and a remedy."""
    shown, result = shlex.quote(str(folder)), None
    with suppress(ArchError):  # its own damage is another message
        run = load_run(folder)
        result = run.result
        if run.done:
            return (
                f"the run {folder} has no weights: its {WEIGHTS} is gone",
                f"restore the file, or train again: archdsl train {shown} --again",
            )
    if held(Path(folder)):
        return (
            f"the run {folder} has no weights yet: it is still training, and keeps its weights at the end",
            f"wait for its end; archdsl plot {shown} draws the curves so far",
        )
    ended = f"ended as `{result['status']}`" if result else "was stopped before its end"
    return (
        f"the run {folder} has no weights: it {ended}, and weights are kept at the end",
        f"archdsl train {shown} resumes it",
    )
