"""Layers along tokens: recurrent ones, along rows and columns of an image too, and convolutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from archdsl.importer.modules import Param
from archdsl.importer.ops.chance import stays_off
from archdsl.importer.ops.layers import linear, pair
from archdsl.importer.ops.reshapes import select
from archdsl.importer.picks import restricted
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import Atom, View, standing, whole

STATES = "last states of a recurrent layer, other than `h[-1]` of its last layer along tokens"


@dataclass(frozen=True, eq=False)
class Last:
    """The last states of a recurrent layer whose result is ``of``; None where no word gives them."""

    of: View | None = None
    layers: int = 1
    both: bool = False


def recurrent(
    word: str,
    steps: Steps,
    x: View,
    hx: object = None,
    *,
    weights: dict[str, Param | None],
    out: int,
    bias: bool,
    layers: int,
    both: bool,
    drop: float,
    first: bool,
    training: bool,
    act: str = "",
) -> tuple[View, Any]:
    """Of tokens, or of the rows or columns of an image with the others in one axis with the batch; and the last states."""
    if hx is not None or len(x.dims) != 3:
        raise Inexpressible("a recurrent layer with a first state that is given, or of a single sequence")
    drop = drop if drop and stays_off(steps, training) else 0.0
    order = (0, 1, 2) if first else (1, 0, 2)  # else the tokens come before the batch
    x = x.permuted(order)
    args: dict[str, Any] = {"out": out, "layers": layers, "both": both, "drop": drop, "bias": bias}
    args |= {"act": act} if act else {}
    along = _course(x)
    if along and word == "rnn":
        raise Inexpressible(f"`rnn` along {along} of an image; `lstm` and `gru` have that")
    if along:
        made = steps.put(word, x.step, sources=weights, along=along, **args)
        shape = steps.shape(made)
        return View(made, shape, (*x.dims[:2], whole(0, shape[0]))).permuted(order), _states(word, Last())
    out_of = steps.view(steps.put(word, steps.plain(x), sources=weights, **args))
    return out_of.permuted(order), _states(word, Last(out_of, layers, both))


def _states(word: str, last: Last) -> Any:
    """What torch gives beside the result."""
    return (last, Last()) if word == "lstm" else last


def _of_layer(steps: Steps, x: Any, index: Any) -> Any:
    """The last state of the last layer, which is the result at the last token, and backwards at the first."""
    if isinstance(x, tuple):
        return x[index]
    keys = index if isinstance(index, tuple) else (index,)
    directions = 1 + x.both
    at = keys[0] % (x.layers * directions) - (x.layers - 1) * directions if isinstance(keys[0], int) else -1
    if x.of is None or at < 0 or any(k != slice(None) for k in keys[1:]):
        raise Inexpressible(STATES)
    vector = select(steps, x.of, 1, -1 if at == 0 else 0)
    width = vector.sizes()[1] // directions
    return restricted(steps, vector, 1, at * width, (at + 1) * width, equal=True)


def _squeezed(steps: Steps, x: Any, dim: int = -1) -> Any:
    if x.layers > 1 or x.both or dim != 0:
        raise Inexpressible(STATES)
    return _of_layer(steps, x, 0)


def _course(x: View) -> str:
    """Along what a tensor (batch and others, tokens, channels) shows an image; nothing where it shows tokens."""
    if len(x.shape) != 3 or len(x.dims) != 3 or x.dims[2] != whole(0, x.shape[0]):
        return ""
    _, _, rows, columns = standing(x.shape, 0)
    batch = tuple(a for a in x.dims[0] if a.axis == -1)
    ways = {"rows": (rows, columns), "columns": (columns, rows)}
    return next((n for n, (beside, way) in ways.items() if x.dims[:2] == ((*batch, *beside), way)), "")


def conv1d(
    steps: Steps,
    x: View,
    weight: Param,
    bias: Param | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> View:
    """Along the last axis of a tensor (N, C, T)."""
    k, s, d = weight.shape[2], pair(stride)[0], pair(dilation)[0]
    tokens = x.permuted((0, 2, 1))
    if (k, s, groups) == (1, 1, 1) and padding in (0, (0,), "same", "valid"):
        return linear(steps, tokens, Param(weight.name, weight.shape[:2]), bias).permuted((0, 2, 1))
    span = (k - 1) * d
    if padding == "same" and (s != 1 or span % 2):
        raise Inexpressible("padding `same` of a window that is even or moves by more than 1")
    p = 0 if padding == "valid" else span // 2 if padding == "same" else pair(padding)[0]
    made = steps.put(
        "conv1",
        steps.plain(tokens),
        sources={"weight": weight, "bias": bias},
        out=weight.shape[0],
        k=k,
        s=s,
        p=None if 2 * p == span else p,
        dilation=d,
        groups=groups,
        bias=bias is not None,
    )
    return steps.view(made).permuted((0, 2, 1))


def repeat_interleave(steps: Steps, x: View, repeats: int, dim: int | None = None, **more: object) -> View:
    """An image for each of as many windows as there are: the image side by side with itself, cut into windows.

    Raises:
        Inexpressible: other values than images are repeated, or for windows that are not as many in each direction.
    """
    if repeats == 1:
        return x
    side = int(repeats**0.5)
    if dim != 0 or len(x.shape) != 3 or side * side != repeats or any(a.axis >= 0 for a in x.dims[0]):
        raise Inexpressible("a value repeated, other than an image for each window")
    made = steps.put("tile", x.step, by=side)
    _, height, width = x.shape
    beside = [Atom(axis, n, side) for axis, n in ((1, height), (2, width))]
    return View(made, steps.shape(made), ((*x.dims[0], *beside), *x.dims[1:]))


OF_STATES: dict[str, Callable[..., Any]] = {"getitem": _of_layer, "squeeze": _squeezed}
SEQUENCES: dict[str, Callable[..., Any]] = {
    "lstm": partial(recurrent, "lstm"),
    "gru": partial(recurrent, "gru"),
    "rnn": partial(recurrent, "rnn"),
    "conv1d": conv1d,
    "repeat_interleave": repeat_interleave,
}
