"""Steps: what the source does, one word each, in order; with the tensors of the source that a word's weights are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.errors import ArchError
from archdsl.importer.exact import outside, short
from archdsl.importer.findings import Finding
from archdsl.importer.modules import Param
from archdsl.importer.tables import Ledger, Table
from archdsl.importer.views import Atom, View, merged, standing, whole, whole_part
from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.make import bound
from archdsl.ir.nodes import Op
from archdsl.registry import find, params

Weights = dict[str, Any]  # for each weight of a word what the source has there: a Param, a Table, a name, or None

TWICE = (
    "what it gives is read in two shapes, and words for both would draw masks of their own where the source draws one"
)


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
    ledger: Ledger = field(default_factory=Ledger)
    made: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    path: str = ""
    sizes: tuple[int, ...] = ()
    training: bool = False
    by_hand: list[str] = field(default_factory=list)
    moved: dict[int, tuple[int, int]] = field(default_factory=dict)  # attention whose windows a mask says to be moved
    tokens: dict[str, int] = field(
        default_factory=dict
    )  # class tokens that are before others already, by their weights
    shuffled: dict[tuple[int, int, int], int] = field(
        default_factory=dict
    )  # channels in another order: of what, how, the step
    known: dict[View, int] = field(default_factory=dict)  # views that have become words
    masks: list[object] = field(default_factory=list)  # random masks drawn by hand that are words already
    copies: dict[int, int] = field(default_factory=dict)  # words put once more, by what they are a copy of

    def shape(self, step: int) -> tuple[int, ...]:
        return self.input if step < 0 else self.made[step].layer.out

    def view(self, step: int) -> View:
        """The value of a step as it is."""
        shape = self.shape(step)
        return View(step, shape, standing(shape, self.batch))

    def put(self, word: str, *inputs: int, sources: Weights | None = None, **args: Any) -> int:
        """Add a word; a value that it leaves as it is stays the step that it was.

        Raises:
            Inexpressible: the word does not take what arrives.
        """
        entry = find("net", word)
        assert entry is not None
        rates = "drop" in entry.traits
        exact = {n: short(a, rates or n == "drop") if isinstance(a, float) else a for n, a in args.items()}
        try:
            op = Op(entry, bound(entry, (), exact))
        except ArchError as error:
            raise Inexpressible(f"`{word}`: {error.message or error}") from None
        if why := outside(entry, op.args):  # such as dropout of everything
            raise Inexpressible(why)
        shapes = tuple(map(self.shape, inputs))
        try:
            layer: Layer = entry.make(shapes if entry.kind == "join" else shapes[0], *op.args)
        except Misfit as error:
            raise Inexpressible(str(error)) from None
        if layer.module is None and layer.call is None:
            return inputs[0]
        held = {name: self.named(p) for name, p in (sources or {}).items() if p is not None}
        self.made.append(Step(op, layer, inputs, held, self.path))
        return len(self.made) - 1

    def weight(self, name: str, tensor: Any) -> Param:
        """A weight or buffer of the source by its name."""
        self.ledger.values[name] = tensor.detach()
        return Param(name, tuple(tensor.shape))

    def named(self, weight: Any) -> str:
        """The source that a weight of a word is.

        Raises:
            Inexpressible: it is computed of others.
        """
        if isinstance(weight, str):
            return weight
        if not isinstance(weight, Param | Table):
            raise Inexpressible("arithmetic on weights")
        try:
            return self.ledger.weight(weight)
        except ValueError as error:
            raise Inexpressible(str(error)) from None

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
            return self._tokens(view, inner, axes)
        if len(shape) == 1 and [d for d in inner if d] == axes and len(inner) > 1:
            return step  # a vector as an image of 1x1: a gate
        raise Inexpressible(_told(view))

    def _tokens(self, view: View, inner: list[Any], axes: list[Any]) -> int:
        step = view.step
        if inner == [axes[1], axes[0]]:
            return self.put("transpose", step)
        if len(inner) == 3:
            step = step if inner[0] == axes[1] else self.put("transpose", step) if inner[0] == axes[0] else -2
            rows = [a for d in inner[1:] for a in d]
            if step != -2 and len({a.axis for a in rows}) < 2:
                high = inner[1][0].size if inner[1] else 1
                n = view.shape[0 if inner[0] == axes[1] else 1]
                if [*inner[1], *inner[2]] == [*merged([Atom(a.axis, a.stride, a.size) for a in rows])] or (
                    len(rows) == 2 and rows[0].stride == rows[1].size and rows[1].stride == 1
                ):
                    return self.put("untokens", step, rows=None if high * high == n else high)
        if [a for d in inner for a in d] == [a for d in axes for a in d] and len([d for d in inner if d]) == 1:
            return self.put("flatten", step)
        if len(inner) == 2 and inner[0] == axes[0] and len(inner[1]) == 2 and inner[1][0].axis == inner[1][1].axis == 1:
            return self._mixed(view, inner[1], 1)
        raise Inexpressible(_told(view))

    def _mixed(self, view: View, atoms: Any, axis: int) -> int:
        """Channels in another order, by the layer that gives them."""
        from archdsl.importer.picks import reordered

        order = [0]
        for a in atoms:
            order = [o + i * a.stride for o in order for i in range(a.size)]
        return reordered(self, view.step, order)

    def _image(self, view: View, inner: list[Any], axes: list[Any]) -> int:
        step, shape = view.step, view.shape
        pixels = (*axes[1], *axes[2])
        if inner == [pixels, axes[0]]:
            return self.put("tokens", step)
        if inner == [axes[0], pixels]:
            return self.put("transpose", self.put("tokens", step))
        if [a for d in inner for a in d] == [a for d in axes for a in d] and len(inner) == 1:
            pooled = self._as_vector(step) if shape[1:] == (1, 1) else None
            return self.put("flatten", step) if pooled is None else pooled
        if len(inner) == 1 and inner[0] == (*pixels, *axes[0]):
            return self.put("flatten", self.put("tokens", step))
        if inner[1:] == axes[1:] and len(inner) == 3 and len(inner[0]) == 2:
            low, high = inner[0]
            if low.axis == high.axis == 0 and low.stride == 1 and high.stride == low.size:
                return self.put("shuffle", step, groups=high.size)
        if len(inner) == 3:
            return self._squares(view, inner, axes)
        raise Inexpressible(_told(view))

    def _squares(self, view: View, inner: list[Any], axes: list[Any]) -> int:
        """Squares of pixels as channels."""
        from archdsl.importer.picks import taken

        step, (_, h, w) = view.step, view.shape
        low = [a for a in inner[0] if a.axis > 0]
        by = {a.axis: a.size for a in low}
        if inner[1:] != [whole_part(1, h, by.get(1, 1)), whole_part(2, w, by.get(2, 1))] or any(
            a.stride != 1 for a in low
        ):
            raise Inexpressible(_told(view))
        if len(by) == 2 and by[1] == by[2] and inner[0] == (*axes[0], *sorted(low)):
            return self.put("spacetodepth", step, by=by[1])
        if inner[0][len(low) :] != axes[0] or len(low) != len(by):
            raise Inexpressible(_told(view))
        parts = [step]
        for a in low:
            parts = [
                taken(self, p, a.axis, list(range(i, view.shape[a.axis], a.size))) for p in parts for i in range(a.size)
            ]
        return self.put("cat", *parts)

    def _as_vector(self, step: int) -> int | None:
        """``gap(keep) … flatten`` as ``gap …``, where nothing between needs an image."""
        chain = []
        while step >= 0 and (self.made[step].op.name == "ln" or self.made[step].op.entry.traits & {"act", "drop"}):
            if self.made[step].op.name in ("spatial", "prelu"):
                return None
            chain.append(step)
            step = self.made[step].inputs[0]
        if step < 0 or self.made[step].op.name != "gap":
            return None
        at = self.put("gap", self.made[step].inputs[0])
        for old in reversed(chain):
            at = self.copied(old, at)
        return at

    def copied(self, old: int, at: int) -> int:
        """The word of a step once more, on another value."""
        done, here = self.made[old], self.path
        self.path = done.path
        args = {p.name: a for p, a in zip(params(done.op.entry), done.op.args, strict=True)}
        made = self.put(done.op.name, at, sources=dict(done.sources), **args)
        self.path = here
        self.copies[made] = self.copies.get(old, old)
        return made

    def drawn_twice(self, live: set[int]) -> list[Finding]:
        """Dropout of which two copies are needed: each would draw for itself what the source draws once."""
        drops = [at for at in sorted(live) if at >= 0 and "drop" in self.made[at].op.entry.traits]
        first: dict[int, int] = {}
        twice = [at for at in drops if first.setdefault(self.copies.get(at, at), at) != at]
        return [Finding(self.made[at].path, self.made[at].op.name, TWICE) for at in twice]

    def changed(self, view: View, word: str, sources: Weights | None = None, **args: Any) -> View:
        """A word that keeps the shape and treats all places alike, whatever the view."""
        if len(view.dims) == 2 and len(view.shape) > 1:  # behind a flatten people write it, so here
            view = self.view(self.plain(view))
        step = self.put(word, view.step, sources=sources, **args)
        return replace(view, step=step)

    def each(self, view: View) -> View:
        """The tensor as one whose last axis is that of the channels.

        Raises:
            Inexpressible: its last axis is another one.
        """
        axis = 0 if len(view.shape) == 3 else len(view.shape) - 1
        if len(view.dims) == 2 and len(view.shape) == 3 and view.dims[0] == whole(-1, self.batch):
            return self.view(self.plain(view))
        if view.dims[-1] == whole(axis, view.shape[axis]) and (view.dims[-1] or len(view.dims) > 2):
            return view
        if len(view.dims) == 4:
            if len(view.shape) == 3 and axis not in {a.axis for a in view.dims[-1]}:
                raise Inexpressible("a layer along rows or columns of an image; here it is along the channels")
            image = self.view(self.plain(view.permuted((0, 3, 1, 2))))
            return image.permuted((0, 2, 3, 1))
        return self.view(self.plain(view))

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
