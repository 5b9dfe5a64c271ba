"""The names of a run's layers in a text that is the same experiment, written in another way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archdsl.api import recorded
from archdsl.runs.run import SPEC

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace
    from archdsl.runs.run import Run


def renamed(run: Run, text: str, trace: Trace) -> dict[str, str]:
    """What ``trace``, the network of ``text``, calls the layers that the run's own text calls otherwise: a family or a `let`
    names what a text spells out. Labels are the same in both, and so is the order of the layers.

    Raises:
        SpecError: the text of the run is damaged.
    """
    if run.spec.strip() == text.strip():
        return {}
    own = recorded(str(run.folder / SPEC), run.spec, run.declared).trace.flat()
    pairs = zip(own, trace.flat(), strict=False)
    return {before.path: now.path for before, now in pairs if before.path != now.path}


def of_model(name: str, names: Mapping[str, str]) -> str:
    """The name of a tensor of the run in the model."""
    path, rest = name, ""
    while path:
        if path in names:
            return names[path] + rest
        path, dot, last = path.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return name
