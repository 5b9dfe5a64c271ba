"""All arms of a space counted, each part of a network once for all arms that have it.

An arm is cut into terms, and terms of local families into stages; a piece depends on few of the choices, and what it
costs on the piece and the shape that arrives. So an arm takes some look-ups instead of an expansion and a walk. Whatever
this does not cover (marks, labels, holes in holes), and every arm in which anything is wrong, goes the plain way:
expand, complete, cost. Both ways give the same, which tests/expand/test_sweep.py holds them to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.errors import SpecError
from archdsl.expand.bias import begins_with_norm, decide_biases
from archdsl.expand.complete import ASSUMED, complete, with_head
from archdsl.expand.env import STEPS, Budget, Env
from archdsl.expand.holes import Flat, arms, flat
from archdsl.expand.include import library
from archdsl.expand.network import network
from archdsl.expand.statements import expand
from archdsl.expand.terms import Key, Term, picker, terms
from archdsl.ir.chain import Part, joined, part
from archdsl.ir.cost import Cost, cost
from archdsl.ir.field import is_sequence
from archdsl.ir.nodes import Mark, Node, Op, Ref, Seq, children
from archdsl.ir.trace import trace_part
from archdsl.limits import Limits
from archdsl.syntax import ast
from archdsl.syntax.walk import walk
from archdsl.words.tasks import CLASSIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.expand.graph import Graph, Setting
    from archdsl.ir.layer import Layer

MOST = 200_000  # pieces and layers that are remembered


@dataclass(frozen=True, slots=True)
class Counted:
    """An arm: the texts chosen by axis, the settings of its training, what its network costs, or why it is none."""

    choice: dict[str, str]
    file: Callable[[], ast.File]
    train: tuple[Setting, ...] = ()
    cost: Cost | None = None
    error: SpecError | None = None


def sweep(file: ast.File, part: int = 0, of: int = 1, plain: bool = False) -> Iterator[Counted]:
    """Every arm of a space with what it costs; ``part`` of ``of`` as in ``arms``.

    Args:
        plain: expand and walk every arm.

    Raises:
        SpecError: as ``axes``.
    """
    memo: dict[Any, Layer] = {}
    space = None if plain else _space(file)
    if space is None:
        for choice, arm in arms(file, part, of):
            yield _plainly(choice, arm, memo)
        return
    pieces = _Pieces(file, space, memo)
    for picks in space.picks(part, of):
        choice = space.choice(picks)
        found = pieces(picks)
        if found is None:
            yield _plainly(choice, space.put_in(file, picks), memo)
        else:
            yield Counted(choice, lambda p=picks: space.put_in(file, p), *found)  # type: ignore[misc]


def _plainly(choice: dict[str, str], arm: ast.File, memo: dict[Any, Layer]) -> Counted:
    if len(memo) > MOST:
        memo.clear()
    try:
        graph = expand(arm)
        return Counted(choice, lambda: arm, graph.train, cost(complete(graph, memo=memo).trace))
    except SpecError as error:
        return Counted(choice, lambda: arm, error=error)


def _space(file: ast.File) -> Flat | None:
    """The space, if its networks can be cut into pieces: values go from one to the next alone, modules have no names
    of their own.
    """
    nets = [i for i in file.items if isinstance(i, ast.Statement) and i.kind in ("net", "bare")]
    try:
        every = [file, *_lets(file)]  # labels and marks may be in a file that is included, too
    except SpecError:
        return None
    if len(nets) != 1 or any(isinstance(n, ast.Label | ast.Mark | ast.Ref) for part in every for n in walk(part)):
        return None
    return flat(file)


@dataclass(slots=True)
class _Piece:
    """A part of the network without decided biases, with what it cost to expand."""

    node: Node
    begins: bool | None
    layers: int
    steps: int


class _Pieces:
    """What is known of the pieces of one space."""

    def __init__(self, file: ast.File, space: Flat, memo: dict[Any, Layer]) -> None:
        self.file, self.space, self.memo = file, space, memo
        net = next(i for i in file.items if isinstance(i, ast.Statement) and i.kind in ("net", "bare"))
        others = [i for i in file.items if i is not net and not isinstance(i, ast.Let)]
        lets = [i for i in file.items if isinstance(i, ast.Let)]
        self.net, self.every = net, space.places(*lets)
        self.terms = terms(net.body, space, self.every)
        self.about = picker(sorted({*space.places(*others), *self.every}))
        self.graphs: dict[Any, Graph | None] = {}
        self.made: dict[Any, _Piece | None] = {}
        self.parts: dict[Any, Part | None] = {}

    def __call__(self, picks: Key) -> tuple[tuple[Setting, ...], Cost] | None:
        """The settings and the cost of an arm; None where the plain way has to say."""
        graph = self.graph(picks)
        if graph is None or (graph.task or CLASSIFICATION) != CLASSIFICATION:
            return None
        pieces = self.pieces(picks)
        if pieces is None:
            return None
        shape = first = graph.input or ASSUMED[0]
        if is_sequence(shape):
            return None
        classes = graph.classes or ASSUMED[1]
        found: list[Part] = []
        for key, piece, normed in _normed(pieces):
            one = self.part((key, normed, shape, classes), lambda p=piece: p.node)  # type: ignore[misc]
            if one is None:
                return None
            found.append(one)
            shape = one.out
        if len(shape) > 1:
            head = self.part(("head", False, shape, classes), lambda s=shape: Seq(with_head(s, classes, [])))  # type: ignore[misc]
            if head is None:
                return None
            found.append(head)
        if found[-1].out != (classes,):
            return None
        total = joined(found, first)
        return None if 2 * total.layers > Limits.LAYERS else (graph.train, total)

    def graph(self, picks: Key) -> Graph | None:
        """What the statements beside the network say, from the first arm that has them so."""
        key = self.about(picks)
        if key not in self.graphs:
            try:
                self.graphs[key] = expand(self.space.put_in(self.file, picks))
            except SpecError:  # of the network, perhaps: another arm may say it
                return None
        return self.graphs[key]

    def pieces(self, picks: Key) -> list[tuple[Any, _Piece]] | None:
        """The pieces of an arm with their keys; None where they are unknown, too many, or do nothing."""
        found: list[tuple[Any, _Piece]] = []
        layers = steps = 0
        for number, term in enumerate(self.terms):
            keys: list[Any] = [(number, n, at(picks)) for n, at in enumerate(term.stages)] or [
                (number, -1, term.key(picks))
            ]
            if any(k not in self.made for k in keys):
                self.make(number, term, keys, picks)
            for key in keys:
                piece = self.made.get(key)
                if piece is None:
                    return None
                layers, steps = layers + piece.layers, steps + piece.steps
                found.append((key, piece))
        few = 2 * layers <= Limits.LAYERS and 2 * steps <= Limits.LAYERS * STEPS
        return found if few and any(p.begins is not None for _, p in found) else None

    def make(self, number: int, term: Term, keys: list[Any], picks: Key) -> None:
        """Expand a term, and cut it into its stages where it has any."""
        if len(self.made) > MOST:
            self.made.clear()
        budget = Budget()
        try:
            lets = {let.name: let for let in _lets(self.space.put_in(self.file, picks))}
            expr = self.space.put_in.part(term.expr, picks)
            node: Node = Seq(()) if expr is None else network(expr, Env(lets, budget))
        except SpecError:  # of one of the stages: the others stay open
            return
        items: tuple[Node, ...] = (node,)
        if term.stages:
            while isinstance(node, Seq) and len(node.items) == 1 < len(keys):  # `Seq(family)`
                node = node.items[0]
            items = node.items if isinstance(node, Seq) else ()
            if len(items) != len(keys) or _knit(items):
                self.made.update(dict.fromkeys(keys))
                return
        for key, item in zip(keys, items, strict=True):
            self.made[key] = _Piece(item, begins_with_norm(item), budget.layers, budget.steps)

    def part(self, key: Any, node: Callable[[], Node]) -> Part | None:
        """What a piece costs before a normalisation or not, for a shape and a number of classes."""
        if key not in self.parts:
            if len(self.parts) > MOST:
                self.parts.clear()
            _, normed, shape, classes = key
            try:
                trace, own = trace_part(decide_biases(node(), normed=normed), shape, classes, self.memo)
                self.parts[key] = part(trace) if own else None
            except SpecError:
                self.parts[key] = None
        return self.parts[key]


def _lets(file: ast.File) -> Iterator[ast.Let]:
    """Those of a file and of what it includes; whether they are right, the first arm tells."""
    for item in file.items:
        if isinstance(item, ast.Include):
            yield from library(item)
        elif isinstance(item, ast.Let):
            yield item


def _normed(pieces: list[tuple[Any, _Piece]]) -> list[tuple[Any, _Piece, bool]]:
    """Each piece with whether a normalisation follows behind it."""
    found = []
    normed = False
    for key, piece in reversed(pieces):
        found.append((key, piece, normed))
        if piece.begins is not None:
            normed = piece.begins
    return found[::-1]


def _knit(items: tuple[Node, ...]) -> bool:
    """Whether something ties stages together: a named value, or channels that arrive at the family."""
    return any(isinstance(n, Mark | Ref) or (isinstance(n, Op) and n.dynamic) for item in items for n in _inside(item))


def _inside(node: Node) -> Iterator[Node]:
    """A node and what is in it, but for sequences that read channels of their own."""
    yield node
    for child in children(node):
        if not (isinstance(child, Seq) and child.scope is not None):
            yield from _inside(child)
