"""Images moved in a circle, alone and around attention within windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl.importer.fuse import arguments
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import View, whole


def roll(steps: Steps, x: View, shifts: Any, dims: Any = None) -> View:
    by = {1: 0, 2: 0}
    given = zip(
        (shifts,) if isinstance(shifts, int) else shifts, (dims,) if isinstance(dims, int) else dims, strict=True
    )
    for shift, dim in given:
        axis = next((i for i in (1, 2) if len(x.shape) == 3 and x.dims[dim] == whole(i, x.shape[i])), 0)
        if not axis or not x.dims[dim]:
            raise Inexpressible("a move in a circle along other axes than rows and columns")
        by[axis] += shift
    back = _unmoved(steps, x.step, (by[1], by[2]))
    return replace(x, step=steps.put("roll", x.step, down=by[1], right=by[2]) if back is None else back)


def _unmoved(steps: Steps, at: int, by: tuple[int, int]) -> int | None:
    """What attention within moved windows gives, once its image is moved back: the windows move, and not the image."""
    below = at
    while below >= 0 and below not in steps.moved:
        made = steps.made[below]
        if len(made.inputs) != 1 or made.layer.window is not None:
            return None
        below = made.inputs[0]
    if below < 0 or steps.moved[below] != by:
        return None
    known: dict[int, int] = {}

    def rebuilt(old: int) -> int:
        if old < 0 or (steps.made[old].layer.window is not None and old != below):
            if old >= 0 and steps.made[old].op.name == "roll" and tuple(steps.made[old].op.args) == (-by[0], -by[1]):
                return steps.made[old].inputs[0]
            raise Inexpressible("attention within moved windows of an image that does not move as they do")
        if old not in known:
            made = steps.made[old]
            args = arguments(made) | ({"shift": by[0] if by[0] == by[1] else by} if old == below else {})
            here, steps.path = steps.path, made.path
            try:
                known[old] = steps.put(made.op.name, *map(rebuilt, made.inputs), sources=dict(made.sources), **args)
            finally:
                steps.path = here
        return known[old]

    return rebuilt(at)


MOVES: dict[str, Callable[..., Any]] = {"roll": roll}
