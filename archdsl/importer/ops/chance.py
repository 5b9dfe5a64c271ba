"""What is drawn at random: dropout and its kin. A mask that is drawn and multiplied by hand is read as the word that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.views import BATCH, View, whole

PASS = "`training=self.training`"
ALWAYS = (
    f"active in eval mode too, so that the source gives another result each time; pass {PASS} "
    "(`archdsl eval --mc` is Monte Carlo dropout)"
)
CLOSE = 1e-6  # rates are sums and quotients of floats


def stays_off(steps: Steps, training: bool) -> bool:
    """Whether dropout that is called with ``training`` is a word: on in train mode, off in eval mode.

    Raises:
        Inexpressible: it is on in eval mode.
    """
    if training and not steps.training:
        raise Inexpressible(ALWAYS)
    return training or not steps.training


def dropout(steps: Steps, x: View, p: float = 0.5, training: bool = True, inplace: bool = False) -> View:
    if not p or not stays_off(steps, training):
        return x
    if x.sizes() != steps.sizes:
        raise Inexpressible("dropout of a value that was expanded, with a number drawn for each copy")
    return steps.changed(x, "drop", p=float(p))


def dropout2d(steps: Steps, x: View, p: float = 0.5, training: bool = True, inplace: bool = False) -> View:
    return steps.view(steps.put("spatial", steps.plain(x), p=float(p))) if p and stays_off(steps, training) else x


def stochastic_depth(steps: Steps, x: View, p: float, mode: str = "row", training: bool = True) -> View:
    if not p or not stays_off(steps, training):
        return x
    if mode != "row":
        raise Inexpressible("stochastic depth of a whole batch at once; `droppath` draws for each example")
    return _of_examples(steps, x, float(p))


def _of_examples(steps: Steps, x: View, p: float) -> View:
    if x.dims[0] != whole(BATCH, steps.batch):
        raise Inexpressible("stochastic depth of windows or tokens, each by itself; `droppath` is of whole examples")
    return steps.changed(x, "droppath", p=p)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Numbers drawn at random, before or after they have become a mask: uniform in [shift, shift + 1), or ``factor`` with
    probability ``keep`` and else 0. ``sizes`` are those of the tensor; ``draw`` is the same for all that is made of one draw."""

    sizes: tuple[int, ...]
    shift: float = 0.0
    keep: float | None = None
    factor: float = 1.0
    draw: object = field(default_factory=object)


@dataclass(frozen=True, slots=True)
class Masked:
    """A value times a mask of 0 and ``factor``, which is dropout once it is divided by ``keep``."""

    view: View
    mask: Drawn


def _uniform(steps: Steps, *args: object, **named: object) -> Drawn:
    return Drawn(steps.sizes)


def _empty(steps: Steps, *args: object, **named: object) -> Drawn:
    return Drawn(steps.sizes, keep=1.0)


def _full(steps: Steps, *args: Any, **named: Any) -> Drawn:
    value = named.get("fill_value", args[-1] if args else None)
    if not isinstance(value, int | float):
        raise Inexpressible("a tensor filled with other than one number")
    return Drawn(steps.sizes, keep=1.0, factor=float(value))


def bernoulli(steps: Steps, x: Any, p: float | None = None, **more: object) -> Drawn:
    if not isinstance(x, Drawn) or x.keep != 1.0:
        raise Inexpressible("numbers drawn with probabilities that are computed")
    keep = x.factor if p is None else p
    return Drawn(x.sizes, keep=float(keep))


def _less(steps: Steps, x: Any, bound: Any) -> Drawn:
    return _cut(x, bound, below=True)


def _greater(steps: Steps, x: Any, bound: Any) -> Drawn:
    return _cut(x, bound, below=False)


def _cut(x: Any, bound: Any, below: bool) -> Drawn:
    if not isinstance(x, Drawn) or x.keep is not None or not isinstance(bound, int | float):
        raise Inexpressible("a comparison of values")
    share = min(max(bound - x.shift, 0.0), 1.0)
    return replace(x, shift=0.0, keep=share if below else 1 - share)


def floor(steps: Steps, x: Any) -> Drawn:
    if not isinstance(x, Drawn) or x.keep is not None or not 0 <= x.shift <= 1:
        raise Inexpressible("rounding down")
    return replace(x, shift=0.0, keep=x.shift)


def shifted(x: Drawn, by: Any) -> Drawn:
    """A sum with a number."""
    if x.keep is not None or not isinstance(by, int | float):
        raise Inexpressible(RANDOM)
    return replace(x, shift=x.shift + by)


def times(steps: Steps, x: View | Masked | Drawn, by: Any) -> Any:
    """A product in which one side is drawn at random.

    Raises:
        Inexpressible: it is not dropout of numbers, of channels or of examples.
    """
    if isinstance(x, Drawn) and isinstance(by, View):
        x, by = by, x
    if isinstance(x, Drawn):
        if x.keep is None or not isinstance(by, int | float):
            raise Inexpressible(RANDOM)
        return replace(x, factor=x.factor * by)
    if isinstance(x, Masked):
        if not isinstance(by, int | float):
            raise Inexpressible(RANDOM)
        return _masked(steps, x.view, replace(x.mask, factor=x.mask.factor * by))
    if not isinstance(by, Drawn) or by.keep is None:
        raise Inexpressible(RANDOM)
    before = steps.made[x.step] if x.step >= 0 else None
    if before is not None and before.op.name == "times":  # x.div(keep) * mask
        whole = replace(by, factor=by.factor * float(before.op.args[0]))
        if abs(whole.factor * (whole.keep or 0.0) - 1) <= CLOSE:
            return _masked(steps, View(before.inputs[0], x.shape, x.dims), whole)
    return _masked(steps, x, by)


def _masked(steps: Steps, x: View, mask: Drawn) -> View | Masked:
    keep = mask.keep or 0.0
    if not 0 < keep <= 1:
        raise Inexpressible("a random mask that keeps nothing, or more than everything")
    if abs(mask.factor * keep - 1) > CLOSE:
        return Masked(x, mask)
    p = float(f"{1 - keep:.10g}")
    if not p:
        return x
    sizes, whole = mask.sizes, x.sizes()
    if not steps.training:
        raise Inexpressible(ALWAYS)
    if mask.draw in steps.masks:
        raise Inexpressible("one random mask for several values; each word draws a mask of its own")
    steps.masks.append(mask.draw)
    word = "drop" if sizes == whole else "droppath" if sizes == (whole[0], *(1,) * (len(whole) - 1)) else "spatial"
    steps.by_hand.append(f"`{word}({p:g})` ({steps.path or 'the network itself'})")
    if word == "droppath":
        return _of_examples(steps, x, p)
    if word == "drop":
        return steps.changed(x, word, p=p)
    if len(whole) == 4 and sizes == (*whole[:2], 1, 1):
        return steps.view(steps.put("spatial", steps.plain(x), p=p))
    raise Inexpressible("a random mask that is neither of numbers, nor of channels, nor of examples")


RANDOM = "numbers drawn at random that are not dropout"
NOISE = frozenset(
    (
        "randn",
        "randn_like",
        "randint",
        "randint_like",
        "randperm",
        "normal",
        "uniform",
        "multinomial",
        "poisson",
        "exponential",
        "gumbel_softmax",
        "random",
        "geometric",
        "cauchy",
        "log_normal",
    )
)


def noise(training: bool) -> str:
    """Why an operation of ``NOISE`` has no word."""
    if training:
        return "random numbers that no word draws"
    return "random numbers are drawn in eval mode too, so that the source gives another result each time"


CHANCE: dict[str, Callable[..., Any]] = {
    "dropout": dropout,
    "dropout2d": dropout2d,
    "feature_dropout": dropout2d,
    "stochastic_depth": stochastic_depth,
    **dict.fromkeys(("rand", "rand_like"), _uniform),
    **dict.fromkeys(("empty", "empty_like", "new_empty"), _empty),
    **dict.fromkeys(("full", "full_like", "new_full"), _full),
    "bernoulli": bernoulli,
    "floor": floor,
    **dict.fromkeys(("lt", "le", "less"), _less),
    **dict.fromkeys(("gt", "ge", "greater"), _greater),
}
