"""Steps: what the source does, one word each, in order; with the tensors of the source that a word's weights are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.errors import ArchError
from archdsl.importer.findings import Finding
from archdsl.importer.modules import Param
from archdsl.importer.views import View, standing, whole
from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.make import bound
from archdsl.ir.nodes import Op
from archdsl.registry import find, params


class Inexpressible(Exception):
    """Raised by an operation that no word expresses; ``str()`` is the reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """A word with its arguments and what it says of the shapes that arrive; ``inputs`` are steps, -1 is the network's
    input. ``sources`` gives for each weight or buffer of the word the name of the source's tensor; ``path`` is where
    in the source it is."""

    op: Op
    layer: Layer
    inputs: tuple[int, ...]
    sources: dict[str, str]
    path: str


@dataclass
class Steps:
    """The steps so far. Operations of ``archdsl.importer.ops`` add to them; ``path`` is where the present one is, and
    ``sizes`` what it gives. ``training``: the mode in which the graph was taken. ``by_hand``: where
    a mask that the source draws itself was read as a word."""

    input: tuple[int, ...]
    batch: int
    made: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    path: str = ""
    sizes: tuple[int, ...] = ()
    training: bool = False
    by_hand: list[str] = field(default_factory=list)
    known: dict[View, int] = field(default_factory=dict)  # views that have become words

    def shape(self, step: int) -> tuple[int, ...]:
        return self.input if step < 0 else self.made[step].layer.out

    def view(self, step: int) -> View:
        """The value of a step as it is."""
        shape = self.shape(step)
        return View(step, shape, standing(shape, self.batch))

    def put(self, word: str, *inputs: int, sources: dict[str, Param | None] | None = None, **args: Any) -> int:
        """Add a word; a value that it leaves as it is stays the step that it was.

        Raises:
            Inexpressible: the word does not take what arrives.
        """
        entry = find("net", word)
        assert entry is not None
        exact = {n: float(f"{a:.10g}") if isinstance(a, float) else a for n, a in args.items()}  # 1 - 0.9997 is 3e-4
        try:
            op = Op(entry, bound(entry, (), exact))
        except ArchError as error:  # a number outside of what the word takes, such as dropout of everything
            raise Inexpressible(f"`{word}`: {error.message or error}") from None
        shapes = tuple(map(self.shape, inputs))
        try:
            layer: Layer = entry.make(shapes if entry.kind == "join" else shapes[0], *op.args)
        except Misfit as error:
            raise Inexpressible(str(error)) from None
        if layer.module is None and layer.call is None:
            return inputs[0]
        held = {name: p.name for name, p in (sources or {}).items() if p is not None}
        self.made.append(Step(op, layer, inputs, held, self.path))
        return len(self.made) - 1

    def plain(self, view: View) -> int:
        """The step whose value, as it is, is the tensor: words are put for what the view does.

        Raises:
            Inexpressible: no word does that.
        """
        if view.plain:
            return view.step
        if view not in self.known:
            self.known[view] = self._worded(view)
        return self.known[view]

    def _worded(self, view: View) -> int:
        step, shape, dims = view.step, view.shape, view.dims
        if dims[0] != whole(-1, self.batch):
            raise Inexpressible("a reshape that mixes the batch with other axes")
        axes = [whole(i, n) for i, n in enumerate(shape)]
        inner = list(dims[1:])
        if len(shape) == 3:
            return self._image(view, inner, axes)
        if len(shape) == 2:
            rows = [a for d in inner[1:] for a in d if a.axis == 0]
            if len(inner) == 3 and inner[0] == axes[1] and len(rows) == 2 and rows[0].stride == rows[1].size:
                return self.put("untokens", step, rows=None if rows[0].size == rows[1].size else rows[0].size)
            if [a for d in inner for a in d] == [a for d in axes for a in d] and len([d for d in inner if d]) == 1:
                return self.put("flatten", step)
        if len(shape) == 1 and [d for d in inner if d] == axes and len(inner) > 1:
            return step  # a vector as an image of 1x1: a gate
        raise Inexpressible(_told(view))

    def _image(self, view: View, inner: list[Any], axes: list[Any]) -> int:
        step, shape = view.step, view.shape
        if inner == [(*axes[1], *axes[2]), axes[0]]:
            return self.put("tokens", step)
        if [a for d in inner for a in d] == [a for d in axes for a in d] and len(inner) == 1:
            pooled = self._as_vector(step) if shape[1:] == (1, 1) else None
            return self.put("flatten", step) if pooled is None else pooled
        if inner[1:] == axes[1:] and len(inner) == 3 and len(inner[0]) == 2:
            low, high = inner[0]
            if low.axis == high.axis == 0 and low.stride == 1 and high.stride == low.size:
                return self.put("shuffle", step, groups=high.size)
        raise Inexpressible(_told(view))

    def _as_vector(self, step: int) -> int | None:
        """``gap(keep) … flatten`` as ``gap …``, where nothing between needs an image."""
        chain = []
        while step >= 0 and (self.made[step].op.name == "ln" or self.made[step].op.entry.traits & {"act", "drop"}):
            if self.made[step].op.name in ("spatial", "prelu"):
                return None
            chain.append(self.made[step])
            step = chain[-1].inputs[0]
        if step < 0 or self.made[step].op.name != "gap":
            return None
        at = self.put("gap", self.made[step].inputs[0])
        here = self.path
        for done in reversed(chain):
            self.path = done.path
            args = {p.name: a for p, a in zip(params(done.op.entry), done.op.args, strict=True)}
            held: dict[str, Param | None] = {n: Param(s, ()) for n, s in done.sources.items()}
            at = self.put(done.op.name, at, sources=held, **args)
        self.path = here
        return at

    def changed(self, view: View, word: str, sources: dict[str, Param | None] | None = None, **args: Any) -> View:
        """A word that keeps the shape and treats all places alike, whatever the view."""
        if len(view.dims) == 2 and len(view.shape) > 1:  # behind a flatten people write it, so here
            view = self.view(self.plain(view))
        step = self.put(word, view.step, sources=sources, **args)
        return replace(view, step=step)

    def channels(self, view: View) -> int:
        """The dimension of the tensor along which the channels run.

        Raises:
            Inexpressible: they do not run along one.
        """
        axis = 0 if len(view.shape) == 3 else len(view.shape) - 1
        places = [i for i, d in enumerate(view.dims) if d and d == whole(axis, view.shape[axis])]
        if places:
            return places[0]
        if view.plain:
            return axis + 1
        raise Inexpressible(_told(view))


def _told(view: View) -> str:
    return f"a reshape or permutation of a value {'x'.join(map(str, view.shape))} that no word stands for"
