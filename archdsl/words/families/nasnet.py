"""NASNet-A: two cells that a search found. Each takes the values of the two cells before it."""

from __future__ import annotations

from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Mark, Node, Ref, Seq
from archdsl.registry import family
from archdsl.registry.types import Natural, Positive

# The values of a cell: what arrives, the one before, both brought to the cell's width, and the cell's own.
X, BEFORE, H, P, A, B, D = (f"nasnet.{n}" for n in ("x", "before", "h", "p", "a", "b", "d"))


class _Cells:
    """The cells of one width, with their batch normalisation."""

    def __init__(self, width: int, eps: float) -> None:
        self.width, self.eps = width, eps

    def sep(self, source: str, k: int, s: int = 1) -> Node:
        """Two separable convolutions, the first one with the stride (and TensorFlow's padding)."""
        pad, p = (o.samepad(k, s), 0) if s > 1 else (None, None)
        return seq(
            Ref(source),
            o.relu(),
            pad,
            o.sepconv(self.width, k, s, p),
            o.bn(self.eps),
            o.relu(),
            o.sepconv(self.width, k),
            o.bn(self.eps),
            name="sep",
        )

    def squeeze(self) -> Node:
        return seq(o.relu(), o.conv(self.width, 1), o.bn(self.eps), name="squeeze")

    def halve(self) -> Node:
        """Two paths to half the size, each of half the width, the second shifted by one pixel."""
        half = o.avgpool(1, 2), o.conv(self.width // 2, 1, bias=False)
        return seq(
            o.relu(),
            fan("cat", seq(*half), seq(o.trim(1), o.zeropad(0, 1, 0, 1), *half)),
            o.bn(self.eps),
            name="halve",
        )

    def inputs(self, halve: bool) -> tuple[Node, ...]:
        """Both inputs at the cell's width, and the earlier one at the size of the later."""
        if halve:
            return Mark(X), self.squeeze(), Mark(H), Ref(BEFORE), self.halve(), Mark(P)
        return Mark(X), Ref(BEFORE), self.squeeze(), Mark(P), Ref(X), self.squeeze(), Mark(H)

    def normal(self, halve: bool) -> Seq:
        """The cell that keeps the size, then what it was given in the place of the value before it."""
        joined = fan(
            "cat",
            Ref(P),
            fan("add", self.sep(H, 5), self.sep(P, 3)),
            fan("add", self.sep(P, 5), self.sep(P, 3)),
            fan("add", _mean(H), Ref(P)),
            fan("add", _mean(P), _mean(P)),
            fan("add", self.sep(H, 3), Ref(H)),
        )
        return seq(*self.inputs(halve), joined, Mark(A), Ref(X), Mark(BEFORE), Ref(A), role="block", name="cell")

    def reduction(self, *inputs: Node) -> Seq:
        """The cell that halves the size."""
        top = o.samepad(3, 2, "lowest"), o.maxpool(3, 2)
        return seq(
            *inputs,
            fan("add", self.sep(H, 5, 2), self.sep(P, 7, 2)),
            Mark(A),
            fan("add", seq(Ref(H), *top), self.sep(P, 7, 2)),
            Mark(B),
            fan("add", seq(Ref(H), o.samepad(3, 2), o.avgpool(3, 2)), self.sep(P, 5, 2)),
            Mark(D),
            fan("cat", Ref(B), Ref(D), fan("add", _mean(A), Ref(B)), fan("add", self.sep(A, 3), seq(Ref(H), *top))),
            role="block",
            name="reduction",
        )


def _mean(source: str) -> Node:
    return seq(Ref(source), o.avgpool(3, 1, 1, inside=True))


@family(
    "conv(16) bn nasnet[16x2, 32x2] relu gap linear(10)",
    "conv(96, 3, s=2, p=0) bn(1e-3) nasnet[168x6, 336x6, 672x6](stem=2) relu gap linear(1000)",
    paper="Zoph et al. 2017, Learning transferable architectures, arXiv:1707.07012",
)
def nasnet(stages: tuple[Stage, ...], stem: Natural = 0, eps: Positive = 1e-3) -> Node:
    """A stage of width W and depth D is D normal cells with W filters, with a reduction cell before all but the first.

    What leaves a cell is six times as wide. `stem` is the number of reduction cells before the first stage, each of
    half the width of the next one (two for ImageNet); `relu gap` follows.
    """
    items: list[Node] = [Mark(BEFORE)]
    for i in range(stem):
        cells = _Cells(max(2, stages[0].width >> (stem - i)), eps)
        if i == 0:
            items.append(cells.reduction(Mark(P), cells.squeeze(), Mark(H), Ref(P)))
        else:
            items.append(cells.reduction(*cells.inputs(halve=True)))
            items += [Mark(D), Ref(X), Mark(BEFORE), Ref(D)]
    for i, stage in enumerate(stages):
        cells, halve = _Cells(stage.width, stage.eps), (stem if i == 0 else 1) > 0
        down = cells.reduction(*cells.inputs(halve=False)) if i else None
        inner = (cells.normal(halve and j == 0) for j in range(stage.depth))
        items.append(seq(down, *inner, role="stage", name="stage"))
    return seq(*items)
